"""What a dead letter says about itself, which ones are meant, what was decided, and which run a replay is."""

from typing import Any, cast

import orjson
import pytest

from streamguard.errors import InputError
from streamguard.events.codec import decode, encode
from streamguard.events.letters import LetterDecision
from streamguard.intake.contract import Received
from streamguard.intake.marks import Place
from streamguard.stream.dead_letters import (
    Letter,
    original_headers,
    read_letter,
    replayed_headers,
    replayed_run,
)
from streamguard.stream.dead_letters_choice import Choice, Decisions, parse_place, parse_time
from streamguard.stream.stage_step import dead_letter
from streamguard.stream.topics import Topics
from tests.unit.stages.examples import guarded

TOPICS = Topics.load("p.")
NOW = 1_795_000_000_000_000


def buried(
    value: bytes | None = b"{",
    *headers: tuple[str, bytes | None],
    topic: str = "guarded",
    key: bytes | None = b"acme/c1",
    stage: str = "lookup",
    code: str = "undecodable",
    empty: bool = False,
) -> Received:
    """The record of `dead-letters` that an intake writes for such a record."""
    was = Received(f"p.{topic}", 2, 7, 1000, key, value, cast("tuple[tuple[str, bytes], ...]", headers))
    letter = dead_letter(TOPICS, stage, was, code, empty=empty)
    ours = (("src", was.src.encode()), ("of", b"p.dead-letters"))
    return Received("p.dead-letters", 2, 40, 5000, letter.key, letter.value, (*ours, *letter.headers))


def read(*headers: tuple[str, bytes | None], value: bytes | None = b"{", **changes: Any) -> Letter:
    return read_letter(buried(value, *headers, **changes), TOPICS)


def test_a_letter_tells_where_it_lay_and_who_found_what() -> None:
    letter = read_letter(buried(b"{" * 100), TOPICS)

    assert (letter.name, letter.src) == ("p.dead-letters/2/40", "p.dead-letters/2/40/5000")
    assert (letter.stage, letter.code, letter.tenant, letter.bytes) == ("lookup", "undecodable", "acme", 107)
    assert letter.target == Place("p.guarded", 2)
    assert (letter.run, letter.refusal) == (2, None)


@pytest.mark.parametrize("key", [None, b"", b"an address, 5 High Street", b"\xff", b"/c1", b"x" * 65])
def test_a_key_that_cannot_be_a_tenants_is_not_shown(key: bytes | None) -> None:
    assert read_letter(buried(key=key), TOPICS).tenant is None


def test_headers_are_as_they_were_but_for_what_an_intake_had_added() -> None:
    own = (("x", b"1"), ("x", None), ("dlq.code", b"a sender's"), ("", b""), ("run", b"abc"))

    record = buried(b"{", ("src", b"a/0/0/0"), *own, ("of", b"b"))

    assert original_headers(record) == own
    assert read_letter(record, TOPICS).code == "undecodable"
    assert replayed_headers(read_letter(record, TOPICS), record, TOPICS) == (*own, ("run", b"2"))


def test_a_replay_of_a_replay_is_the_next_run() -> None:
    replayed = (("src", b"p.dead-letters/2/1/900"), ("x", b"1"), ("run", b"2"))

    record = buried(b"{", *replayed)
    letter = read_letter(record, TOPICS)

    assert letter.run == 3
    assert replayed_headers(letter, record, TOPICS) == (("x", b"1"), ("run", b"3"))


def test_a_header_of_the_same_name_that_a_service_wrote_is_no_run() -> None:
    assert read(("run", b"17"), topic="requests", stage="admit").run == 2
    assert read(("run", b"17"), ("src", b"other/0/0/0"), topic="requests", stage="admit").run == 2


def test_behind_admit_the_record_itself_knows_which_run_it_was() -> None:
    assert read(value=encode(guarded(run=4))).run == 5
    assert read(value=orjson.dumps({"run": 7}), topic="requests", stage="admit").run == 2, (
        "a service may send any field"
    )
    assert read(value=orjson.dumps({"run": "x"})).run == 2
    assert read(value=b"[1]").run == 2


@pytest.mark.parametrize(
    ("headers", "run"),
    [
        ({"run": b"2", "src": b"p.dead-letters/0/1/2"}, 2),
        ({"run": b"2", "placed": b"1"}, 2),
        ({"run": b"2"}, None),
        ({"run": b"2", "src": b"p.requests/0/1/2"}, None),
        ({"run": b"1", "src": b"p.dead-letters/0/1/2"}, None),
        ({"run": b"02", "src": b"p.dead-letters/0/1/2"}, None),
        ({"run": b"9999999", "src": b"p.dead-letters/0/1/2"}, None),
        ({"run": b"2.0", "src": b"p.dead-letters/0/1/2"}, None),
        ({"src": b"p.dead-letters/0/1/2"}, None),
    ],
)
def test_a_run_counts_only_in_what_was_replayed(headers: dict[str, bytes], run: int | None) -> None:
    assert replayed_run(headers, "p.dead-letters") == run


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"stage": "admit", "code": "Misplaced", "topic": "requests"}, "misplaced"),
        ({"code": "unreadable_batch"}, "damaged"),
        ({"code": "unreadable_header"}, "damaged"),
        ({"stage": "settle", "code": "Diverged", "topic": "outcomes"}, "booked"),
        ({"stage": "settle", "code": "undecodable", "topic": "outcomes"}, None),
        ({"stage": "sink", "code": "invalid_record", "topic": "telemetry"}, None),
        ({"topic": "responses"}, "elsewhere"),
        ({"empty": True}, "not_kept"),
    ],
)
def test_some_letters_are_never_replayed(changes: dict[str, Any], refusal: str | None) -> None:
    assert read(**changes).refusal == refusal


def test_a_booking_is_made_late_and_keeps_its_run() -> None:
    record = buried(b'{"run":3}', ("x", b"1"), topic="outcomes", stage="settle")
    letter = read_letter(record, TOPICS)

    assert letter.run is None
    assert replayed_headers(letter, record, TOPICS) == (("x", b"1"),)


def test_what_is_no_letter_of_this_line_is_shown_and_goes_nowhere() -> None:
    for record in (
        Received("p.dead-letters", 0, 1, 2, None, b"x", ()),
        Received("p.dead-letters", 0, 1, 2, None, b"x", (("dlq.at", b"other.guarded/0/1/2"), ("dlq.code", b"a b@c"))),
    ):
        letter = read_letter(record, TOPICS)
        assert (letter.refusal, letter.target, letter.code) == ("elsewhere", None, "?")


def test_the_order_in_which_decisions_are_read_does_not_matter() -> None:
    letter = read()
    made = [
        LetterDecision(action="replaying", at=1, run=2, mark=9),
        LetterDecision(action="replaying", at=2, run=2, mark=4),
        LetterDecision(action="replayed", at=3, run=2),
    ]
    forward, backward = Decisions(), Decisions()
    for decisions, order in ((forward, made), (backward, made[::-1])):
        for number, one in enumerate(order):
            assert (decisions.state(letter) == "waiting") == (number == 0)
            decisions.take(letter.src, decode(LetterDecision, encode(one)))

    assert forward.state(letter) == backward.state(letter) == "replayed"
    assert forward.marks == backward.marks == {letter.src: 4}


def test_a_topic_made_anew_has_new_letters() -> None:
    decisions = Decisions()
    decisions.take("p.dead-letters/2/40/4999", LetterDecision(action="dropped", at=1))

    assert decisions.state(read()) == "waiting"


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (Choice(), True),
        (Choice(stages=frozenset({"lookup", "guard"}), tenants=frozenset({"acme"})), True),
        (Choice(stages=frozenset({"guard"})), False),
        (Choice(codes=frozenset({"RuntimeError"})), False),
        (Choice(tenants=frozenset({"other"})), False),
        (Choice(since=5000, until=5001), True),
        (Choice(since=5001), False),
        (Choice(until=5000), False),
        (Choice(places=frozenset({(2, 40)})), True),
        (Choice(places=frozenset({(2, 41), (1, 40)})), False),
    ],
)
def test_filters(choice: Choice, meant: bool) -> None:
    assert choice.has(read()) is meant
    assert choice.is_all is (choice == Choice())


def test_places_and_times_as_operators_write_them() -> None:
    for text in ("0/17", "dead-letters/0/17", "p.dead-letters/0/17"):
        assert parse_place(text, "p.dead-letters", "dead-letters") == (0, 17)
    for text in ("17", "", "a/b", "other/0/17", "p.dead-letters/0/-1", "x/dead-letters/0/17"):
        with pytest.raises(InputError, match="no place"):
            parse_place(text, "p.dead-letters", "dead-letters")
    assert parse_time("2h", NOW) == NOW // 1000 - 7_200_000
    assert parse_time("2026-11-21T09:30", NOW) == parse_time("2026-11-21T10:30+01:00", NOW) == 1_795_253_400_000
    for text in ("yesterday", "2w", "-1h", ""):
        with pytest.raises(InputError, match="no time"):
            parse_time(text, NOW)
