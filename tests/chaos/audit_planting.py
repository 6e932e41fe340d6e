"""Planting errors into evidence: each function makes a plant, which gives a changed copy and leaves the original as it was."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from streamguard.intake.marks import Place
from streamguard.stages.chunks import CHUNKS
from tests.chaos.audit import Evidence
from tests.chaos.audit_records import Kept, Piece
from tests.support.audit import Commit

Plant = Callable[[Evidence], Evidence]


def records(evidence: Evidence, topic: str, change: Callable[[list[Kept]], Sequence[Kept]]) -> Evidence:
    """With another content of a topic; its ends and commits are adjusted, so that they give nothing away."""
    changed = {
        **evidence.records,
        topic: sorted(change([*evidence.records[topic]]), key=lambda one: (one.place, one.offset)),
    }
    counts = {
        place: sum(one.place == place for one in changed[topic]) for place in evidence.ends if place.topic == topic
    }
    ends = {**evidence.ends, **counts}
    return replace(evidence, records=changed, ends=ends, committed={**evidence.committed, **counts})


def without(topic: str, at: int) -> Plant:
    """A record is missing."""
    return lambda run: records(run, topic, lambda all_: [one for n, one in enumerate(all_) if n != at])


def again(topic: str, at: int) -> Plant:
    """A record is there once more, at the end of its partition."""

    def add(all_: list[Kept]) -> list[Kept]:
        end = max(one.offset for one in all_ if one.place == all_[at].place) + 1
        return [*all_, replace(all_[at], offset=end)]

    return lambda run: records(run, topic, add)


def piece(at: int, **fields: Any) -> Plant:
    """A chunk says something else."""

    def change(all_: list[Kept]) -> list[Kept]:
        fact: Any = all_[at].fact
        other = replace(all_[at], fact=Piece(fact.chunk.model_copy(update=fields)))
        return [other if one is all_[at] else one for one in all_]

    return lambda run: records(run, CHUNKS, change)


def changed(topic: str, at: int, **fields: Any) -> Plant:
    """A record is another."""
    return lambda run: records(
        run, topic, lambda all_: [replace(one, **fields) if n == at % len(all_) else one for n, one in enumerate(all_)]
    )


def with_fact(topic: str, number: int, **fields: Any) -> Plant:
    """A record says something else."""

    def change(all_: list[Kept]) -> list[Kept]:
        fact: Any = all_[number].fact
        return [replace(one, fact=replace(fact, **fields)) if n == number else one for n, one in enumerate(all_)]

    return lambda run: records(run, topic, change)


def swapped(topic: str, first: int, second: int) -> Plant:
    """Two records in each other's place."""

    def swap(all_: list[Kept]) -> list[Kept]:
        one, two = all_[first], all_[second]
        all_[first] = replace(two, offset=one.offset, timestamp=one.timestamp)
        all_[second] = replace(one, offset=two.offset, timestamp=two.timestamp)
        return all_

    return lambda run: records(run, topic, swap)


def committed(offset: int, marks: dict[Place, int], early_ms: int = 0, topic: str = "admitted") -> Plant:
    """A commit was seen, `early_ms` before everything was done."""

    def see(run: Evidence) -> Evidence:
        done = max(one.timestamp for one in run.records["responses"])
        return replace(run, commits=[*run.commits, Commit(Place(topic, 0), offset, marks, done - early_ms)])

    return see


def stored(table: str, change: Callable[[Any], Any]) -> Plant:
    """A table of the store holds something else."""

    def plant(run: Evidence) -> Evidence:
        assert run.stored is not None
        return replace(run, stored=replace(run.stored, **{table: change(getattr(run.stored, table))}))

    return plant


def calls(change: Callable[[list[Any]], list[Any]]) -> Plant:
    """The simulator's log holds something else."""
    return lambda run: replace(run, calls=change([*(run.calls or ())]))
