"""How a cluster's topics differ from what they should be: each kind alone, and that applying mends what it can and takes nothing
away, whatever is found."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.stream.topic_rules import (
    ANYWHERE,
    KEYS,
    Difference,
    FoundCluster,
    FoundPartition,
    FoundTopic,
    Layout,
    differences,
    layout_of,
    partitions_of,
    to_create,
    to_set,
    wanted_configs,
)
from streamguard.stream.topics import Topics

TOPICS = Topics.load("x-")
CLUSTER_DEFAULTS = {"max.message.bytes": "1048588", "segment.ms": "604800000"}
"""What a broker gives a topic that is not told otherwise."""


def applied(found: FoundCluster, layout: Layout, told: int | None = None) -> FoundCluster:
    """The cluster after `topics apply`."""
    wrong = differences(TOPICS, found, layout, told=told)
    topics = dict(found.topics)
    for topic in to_create(TOPICS, wrong):
        one = FoundPartition(layout.replication, layout.replication, led=True)
        configs = CLUSTER_DEFAULTS | wanted_configs(topic, layout.replication)
        topics[TOPICS.full(topic.name)] = FoundTopic((one,) * partitions_of(topic, layout), configs)
    for name, changes in to_set(wrong).items():
        topics[name] = replace(topics[name], configs={**(topics[name].configs or {}), **changes})
    return replace(found, topics=topics)


def good(brokers: int = 3) -> FoundCluster:
    """A cluster as `apply` makes it."""
    empty = FoundCluster(brokers, {})
    return applied(empty, layout_of(TOPICS, empty))


def told(found: FoundCluster, **layout: int) -> list[Difference]:
    return differences(TOPICS, found, layout_of(TOPICS, found, **layout), told=layout.get("told"))


def planted(name: str, configs: Mapping[str, str]) -> FoundCluster:
    """The good cluster with one topic set to something else."""
    found = good()
    topic = found.topics[f"x-{name}"]
    return replace(
        found, topics={**found.topics, f"x-{name}": replace(topic, configs={**(topic.configs or {}), **configs})}
    )


def with_partitions(name: str, *partitions: FoundPartition) -> FoundCluster:
    found = good()
    topic = replace(found.topics[f"x-{name}"], partitions=partitions)
    return replace(found, topics={**found.topics, f"x-{name}": topic})


@pytest.mark.parametrize("brokers", [1, 2, 3, 9])
def test_what_apply_makes_of_nothing_is_as_wanted(brokers: int) -> None:
    found = good(brokers)
    assert told(found) == []
    assert {topic.replication for topic in found.topics.values()} == {min(brokers, 3)}
    minimum = {(topic.configs or {})["min.insync.replicas"] for topic in found.topics.values()}
    assert minimum == ({"2"} if brokers >= 3 else {"1"})


def test_a_missing_topic_gets_as_many_partitions_as_the_others_have() -> None:
    empty = FoundCluster(3, {})
    found = applied(empty, layout_of(TOPICS, empty, partitions=5))
    missing = replace(found, topics={name: one for name, one in found.topics.items() if name != "x-guarded"})
    (one, note) = sorted(told(missing), key=lambda each: not each.serious)
    assert (one.topic, one.kind, one.mended) == ("x-guarded", "missing", True)
    assert (note.kind, note.wanted, note.found, note.serious) == ("not_as_in_files", "12", "5", False)
    assert len(applied(missing, layout_of(TOPICS, missing)).topics["x-guarded"].partitions) == 5


@pytest.mark.parametrize(
    ("name", "key", "value", "wanted", "mended"),
    [
        ("requests", "cleanup.policy", "compact,delete", "delete", True),
        ("breakers", "cleanup.policy", "delete", "compact", True),
        ("cache-entries", "cleanup.policy", "delete", "compact,delete", True),
        ("cache-entries", "cleanup.policy", "compact", "compact,delete", False),
        ("requests", "retention.ms", "3600000", "604800000", True),
        ("requests", "retention.ms", "604800001", "604800000", False),
        ("requests", "retention.ms", "-1", "604800000", False),
        ("requests", "retention.bytes", "1073741824", "-1", True),
        ("requests", "message.timestamp.type", "CreateTime", "LogAppendTime", True),
        ("requests", "max.message.bytes", "1000000", "1048588", True),
        ("dead-letters", "max.message.bytes", "1048588", "2097152", True),
        ("breakers", "segment.ms", "604800000", "3600000", True),
        ("requests", "min.insync.replicas", "1", "2", True),
        ("requests", "min.insync.replicas", "4", "2", True),
    ],
)
def test_a_setting_that_differs(name: str, key: str, value: str, wanted: str, mended: bool) -> None:
    (one,) = told(planted(name, {key: value}))
    assert (one.topic, one.kind, one.key, one.wanted, one.found) == (f"x-{name}", "config", key, wanted, value)
    assert one.mended is one.serious is mended


def test_what_would_delete_old_records_is_left_to_people() -> None:
    (one,) = told(planted("requests", {"cleanup.policy": "compact"}))
    assert (one.key, one.wanted, one.found, one.serious, one.mended) == (
        "cleanup.policy",
        "delete",
        "compact",
        True,
        False,
    )
    assert "old records would go" in one.advice


def test_a_line_that_runs_on_few_copies_is_not_stopped() -> None:
    found = with_partitions("guarded", *[FoundPartition(3, 3, led=True)] * 11, FoundPartition(3, 1, led=True))
    topic = found.topics["x-guarded"]
    alone = replace(topic, configs={**(topic.configs or {}), "min.insync.replicas": "1"})
    _, one = told(replace(found, topics={**found.topics, "x-guarded": alone}))
    assert (one.key, one.wanted, one.found, one.serious, one.mended) == ("min.insync.replicas", "2", "1", True, False)
    assert "not in sync" in one.advice


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("cache-entries", "cleanup.policy", "delete, compact"),
        ("breakers", "retention.ms", "1"),
        ("breakers", "retention.bytes", "1"),
        ("requests", "max.message.bytes", "8000000"),
        ("breakers", "segment.ms", "60000"),
        ("requests", "segment.ms", "1"),
        ("requests", "min.insync.replicas", "3"),
    ],
)
def test_a_setting_that_does_as_well(name: str, key: str, value: str) -> None:
    assert told(planted(name, {key: value})) == []


def test_partitions_that_differ_within_the_set_are_nobodys_to_mend() -> None:
    one = FoundPartition(3, 3, led=True)
    (grown,) = told(with_partitions("guarded", *[one] * 13))
    assert (grown.topic, grown.kind, grown.wanted, grown.found) == ("x-guarded", "partitions", "12", "13")
    assert (grown.serious, grown.mended) == (True, False)
    (passed,) = told(with_partitions("guarded", *[one] * 13), told=12)
    assert not passed.serious
    (short,) = told(with_partitions("guarded", *[one] * 11), told=12)
    assert short.serious


def test_topics_that_everybody_reads_whole_have_any_count() -> None:
    one = FoundPartition(3, 3, led=True)
    assert told(with_partitions("breakers", *[one] * 7)) == []


def test_copies_and_leaders() -> None:
    full, behind, alone = FoundPartition(3, 3, led=True), FoundPartition(3, 2, led=True), FoundPartition(1, 1, led=True)
    nobody = FoundPartition(3, 0, led=False)
    (one,) = told(with_partitions("guarded", *[full] * 10, behind, behind))
    assert (one.kind, one.found, one.mended) == ("under_replicated", "some behind, of partitions 10, 11", False)
    (one,) = told(with_partitions("guarded", nobody, *[full] * 11))
    assert (one.kind, one.found, one.mended) == ("offline", "none for 0", False)
    copies, minimum = told(with_partitions("guarded", *[alone] * 12))
    assert (copies.kind, copies.wanted, copies.found, copies.mended) == ("replication", "3", "1", False)
    # nothing could be written: two must have a record, and there is one
    assert (minimum.key, minimum.wanted, minimum.found, minimum.mended) == ("min.insync.replicas", "1", "2", True)


def test_a_broker_that_is_away_does_not_lower_what_is_wanted() -> None:
    found = replace(good(), brokers=2)
    assert layout_of(TOPICS, found).replication == 3


def test_a_topic_that_no_file_describes_is_told_where_a_prefix_tells_whose_it_is() -> None:
    found, stranger = good(), FoundTopic((FoundPartition(3, 3, led=True),), {})
    found = replace(found, topics={**found.topics, "x-answers": stranger, "y-answers": stranger})
    (one,) = told(found)
    assert (one.topic, one.kind, one.serious, one.mended) == ("x-answers", "unknown", False, False)
    bare = Topics.load()
    assert [each.kind for each in differences(bare, found, Layout(12, 3)) if each.kind == "unknown"] == []


def test_of_a_broker_that_tells_nothing_only_presence_and_partitions_are_looked_at() -> None:
    one = FoundPartition(1, 1, led=True)
    topics = {TOPICS.full(topic.name): FoundTopic((one,) * 4) for topic in TOPICS}
    (note,) = told(FoundCluster(2, topics, tells=False))
    assert note.kind == "not_as_in_files"
    assert not note.serious


def partition(replicas: int, away: int, led: bool) -> FoundPartition:
    return FoundPartition(replicas, max(0, replicas - away), led)


PARTITIONS = st.builds(partition, st.integers(1, 4), st.integers(0, 2), st.booleans())
CONFIGS = st.fixed_dictionaries(
    {
        "cleanup.policy": st.sampled_from(["delete", "compact", "compact,delete"]),
        "retention.ms": st.sampled_from(["-1", "1", "3600000", "86400000", "604800000", "2592000000"]),
        "retention.bytes": st.sampled_from(["-1", "1", "1073741824"]),
        "message.timestamp.type": st.sampled_from(["LogAppendTime", "CreateTime"]),
        "max.message.bytes": st.sampled_from(["1000", "1048588", "2097152", "9000000"]),
        "segment.ms": st.sampled_from(["60000", "3600000", "604800000"]),
        "min.insync.replicas": st.sampled_from(["1", "2", "3", "5"]),
    }
)


@st.composite
def clusters(draw: st.DrawFn) -> FoundCluster:
    """Some topics are missing, counts and settings are anything."""
    names = [TOPICS.full(topic.name) for topic in TOPICS] + ["x-stranger", "another"]
    there = draw(st.sets(st.sampled_from(names)))
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=2))
    topics = {
        name: FoundTopic(
            (draw(PARTITIONS),) * draw(st.sampled_from(counts)),
            draw(CONFIGS) if draw(st.booleans()) else CLUSTER_DEFAULTS,
        )
        for name in sorted(there)
    }
    return FoundCluster(draw(st.integers(1, 4)), topics, tells=draw(st.booleans()))


def lasting(configs: Mapping[str, str] | None) -> float:
    kept = float((configs or {}).get("retention.ms", "-1"))
    deletes = "delete" in (configs or {}).get("cleanup.policy", "delete").split(",")
    return kept if deletes and kept >= 0 else float("inf")


def room(configs: Mapping[str, str] | None) -> float:
    most = float((configs or {}).get("retention.bytes", "-1"))
    return most if most >= 0 else float("inf")


def writable(topic: FoundTopic) -> bool:
    return topic.in_sync >= int((topic.configs or {}).get("min.insync.replicas", "1"))


@given(clusters(), st.none() | st.integers(1, 5))
def test_apply_mends_what_it_says_at_once_and_takes_nothing_away(found: FoundCluster, told: int | None) -> None:
    layout = layout_of(TOPICS, found, told=told)
    before = differences(TOPICS, found, layout, told=told)
    after = applied(found, layout, told)
    left = differences(TOPICS, after, layout_of(TOPICS, after, told=told), told=told)
    # once is enough, and nothing new is wrong; how far a set is from the files can only show once it has topics
    assert [one for one in left if one.mended] == []
    assert {one for one in left if one.serious} == {one for one in before if one.serious and not one.mended}
    # nothing is taken away
    assert found.topics.keys() <= after.topics.keys()
    for name, was in found.topics.items():
        now = after.topics[name]
        assert now.partitions == was.partitions
        assert lasting(now.configs) >= lasting(was.configs)
        assert room(now.configs) >= room(was.configs)
        assert writable(now) or not writable(was)
        for key in KEYS:
            if key == "max.message.bytes" and key in (was.configs or {}):
                assert int((now.configs or {})[key]) >= int((was.configs or {})[key])
        if name in ("x-stranger", "another"):
            assert now == was


@given(clusters())
def test_new_topics_have_the_count_of_those_that_are_there(found: FoundCluster) -> None:
    counts = {
        len(found.topics[TOPICS.full(topic.name)].partitions)
        for topic in TOPICS
        if topic.key not in ANYWHERE and TOPICS.full(topic.name) in found.topics
    }
    after = applied(found, layout_of(TOPICS, found))
    for topic in TOPICS:
        if topic.key not in ANYWHERE and TOPICS.full(topic.name) not in found.topics:
            assert len(after.topics[TOPICS.full(topic.name)].partitions) in (counts or {12})
