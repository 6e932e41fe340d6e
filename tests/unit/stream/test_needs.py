"""What each process must be allowed to do, as operators read it in docs/security.md, and as the line itself has it."""

import re
from pathlib import Path

import pytest

from streamguard.intake.rights import Rights
from streamguard.stream.flow import FLOW
from streamguard.stream.needs import letters_needs, service_needs, sink_needs, worker_needs
from streamguard.stream.sink import GROUP
from streamguard.stream.sink_records import SOURCES
from streamguard.stream.topics import Topics

TOPICS = Topics.load()
PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
NEEDS = {
    "worker": worker_needs(TOPICS),
    "sink": sink_needs(TOPICS),
    "dlq list, show": letters_needs(TOPICS),
    "dlq replay, drop": letters_needs(TOPICS, deciding=True),
    "services": service_needs(TOPICS),
}


def test_the_table_says_what_is_asked_for() -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.splitlines() if re.match(r"\| (topic|`[a-z-]+`) \|.*\|$", line)]
    head, *body = [[cell.strip() for cell in row] for row in rows]
    assert head == ["topic", *NEEDS]
    written = {row[0].strip("`"): dict(zip(NEEDS, row[1:], strict=True)) for row in body}
    assert written == {
        topic.name: {
            who: ", ".join(sorted(right.lower() for right in needs.topics.get(topic.name, ())))
            for who, needs in NEEDS.items()
        }
        for topic in TOPICS
    }


def test_the_groups_are_named() -> None:
    (paragraph,) = re.findall(r"Consumer groups, with `read`:.*?\n\n", PAGE, re.DOTALL)
    named = set(re.findall(r"`(streamguard-[a-z_]+)`", paragraph))
    assert named == frozenset[str]().union(*(needs.groups for needs in NEEDS.values()))


@pytest.mark.parametrize("who", ["worker", "sink"])
def test_whoever_a_topic_says_writes_or_reads_it_is_allowed_to(who: str) -> None:
    names = set(FLOW) if who == "worker" else {"sink"}
    for topic in TOPICS:
        rights = NEEDS[who].topics.get(topic.name, frozenset())
        if names & set(topic.read_by):
            assert "READ" in rights, topic.name
        assert ("WRITE" in rights) == bool(names & set(topic.written_by)), topic.name


def test_services_need_what_topics_say_of_them() -> None:
    for topic in TOPICS:
        rights = NEEDS["services"].topics.get(topic.name, frozenset())
        assert ("READ" in rights, "WRITE" in rights) == ("services" in topic.read_by, "services" in topic.written_by)


def test_the_sink_needs_what_it_reads_and_its_group() -> None:
    assert {source.topic for source in SOURCES} < NEEDS["sink"].topics.keys()
    assert NEEDS["sink"].groups == {GROUP}


def test_a_worker_of_one_stage_needs_only_that_ones_and_names_bear_the_prefix() -> None:
    needs = worker_needs(Topics.load("p."), ["verify"])
    assert needs.groups == {"p.streamguard-verify"}
    both = frozenset(("READ", "WRITE"))
    assert needs == Rights(
        {"p.completions": frozenset(("READ",))}
        | {f"p.{name}": both for name in ("response-chunks", "outcomes", "responses", "dead-letters")},
        needs.groups,
    )
