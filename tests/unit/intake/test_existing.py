"""What exists of a step, and what is left to send."""

import pytest

from streamguard.intake.contract import Output
from streamguard.intake.errors import Diverged
from streamguard.intake.existing import Existing, InputId, parse_src, plan, values_of
from streamguard.intake.marks import Place
from tests.unit.intake.fakes import received

OUT, RE, DEAD = Output("out", None, b"1"), Output("re", None, b"2"), Output("dead", None, b"3")
BOTH = frozenset({"out", "re"})


def test_src_names_topic_partition_offset_and_timestamp() -> None:
    assert parse_src(received(5).src.encode()) == InputId(Place("in", 0), 5, 1005)


@pytest.mark.parametrize("header", [None, b"", b"in/0/5", b"in/0/x/7", b"\xff/0/5/7", b"///"])
def test_foreign_headers_name_no_input(header: bytes | None) -> None:
    assert parse_src(header) is None


def test_at_first_the_deciding_output_is_apart() -> None:
    todo = plan(received(0), [OUT, RE], None)
    assert (todo.deciding, todo.rest) == (OUT, [RE])
    assert dict(todo.headers) == {"src": b"in/0/0/1000", "of": b"out,re"}


def test_only_what_is_missing_is_left() -> None:
    existing = Existing()
    existing.add(Place("out", 0), 3, BOTH, b"1")
    assert not existing.complete
    assert values_of(existing) == {"out": b"1"}
    todo = plan(received(0), [OUT, RE], existing)
    assert (todo.deciding, todo.rest) == (None, [RE])
    existing.add(Place("re", 1), 3, BOTH, None)
    assert existing.complete
    assert values_of(existing) == {}


def test_a_tombstone_is_told_as_empty() -> None:
    existing = Existing()
    existing.add(Place("out", 0), 3, BOTH, None)
    assert values_of(existing) == {"out": b""}


@pytest.mark.parametrize("outputs", [[OUT], [OUT, DEAD], [OUT, RE, DEAD], []])
def test_other_topics_than_before_diverge(outputs: list[Output]) -> None:
    existing = Existing()
    existing.add(Place("out", 0), 3, BOTH, b"1")
    with pytest.raises(Diverged) as raised:
        plan(received(0), outputs, existing)
    assert raised.value.before == BOTH


def test_a_step_of_an_input_that_was_being_buried_diverges_too() -> None:
    existing = Existing()
    existing.add(Place("out", 0), 3, BOTH, b"1")
    existing.add(Place("dead", 0), 3, frozenset({"dead", "re"}), b"1")
    assert not existing.complete
    with pytest.raises(Diverged):
        plan(received(0), [OUT, RE], existing)


def test_a_burial_sends_what_it_likes_but_nothing_twice() -> None:
    existing = Existing()
    existing.add(Place("out", 0), 3, BOTH, b"1")
    todo = plan(received(0), [DEAD, OUT], existing, burying=True)
    assert todo.rest == [DEAD]
    existing.add(Place("dead", 0), 3, frozenset({"dead", "out"}), b"1")
    assert existing.complete


def test_of_two_in_one_place_the_first_counts() -> None:
    existing = Existing()
    existing.add(Place("out", 0), 9, BOTH, b"late")
    existing.add(Place("out", 0), 3, BOTH, b"early")
    existing.add(Place("out", 0), 12, BOTH, b"later")
    assert existing.at == {Place("out", 0): 3}
    assert existing.values == {"out": b"early"}


def test_scans_add_up() -> None:
    first, second = Existing(), Existing()
    first.add(Place("out", 0), 3, BOTH, b"1")
    second.add(Place("re", 0), 3, BOTH, b"1")
    first.merge(second)
    assert first.complete
    assert first.values == {}
