"""What each process must be allowed to do on a cluster that asks: derived from the line itself, so never too little."""

from collections.abc import Iterable

from streamguard.intake.rights import Right, Rights
from streamguard.stream.dead_letters import BOOKINGS, PASSES
from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.topics import DEAD_LETTERS, DLQ_DECISIONS, Topics

_READ: frozenset[Right] = frozenset(("READ",))
_WRITE: frozenset[Right] = frozenset(("WRITE",))
_BOTH = _READ | _WRITE


def worker_needs(topics: Topics, stages: Iterable[str] = tuple(FLOW)) -> Rights:
    """Of a worker that runs these intakes. It reads what it writes, too: that is how it finds out what was written already."""
    needs = Rights()
    for name in stages:
        route = FLOW[name]
        beside = {one: _BOTH if name in topics[one].written_by else _READ for one in route.beside}
        named = {route.source: _READ, **beside} | {one: _BOTH for one in (*route.targets, *route.rekeyed)}
        needs |= Rights(
            {topics.full(one): rights for one, rights in named.items()}, frozenset([group_name(topics.prefix, name)])
        )
    return needs


def sink_needs(topics: Topics) -> Rights:
    """Of the sink."""
    named = {**{topic.name: _READ for topic in topics if "sink" in topic.read_by}, DEAD_LETTERS: _BOTH}
    return Rights(
        {topics.full(one): rights for one, rights in named.items()}, frozenset([group_name(topics.prefix, "sink")])
    )


def letters_needs(topics: Topics, *, deciding: bool = False) -> Rights:
    """Of `streamguard dlq`: to look, or to replay and drop, for which it writes where the letters came from, and looks there what
    an earlier one that did not end has written."""
    named = {DEAD_LETTERS: _READ, DLQ_DECISIONS: _BOTH if deciding else _READ}
    if deciding:
        named |= {one: _BOTH for one in (*PASSES, *BOOKINGS)}
    groups = frozenset([group_name(topics.prefix, "dlq")] if deciding else [])
    return Rights({topics.full(one): rights for one, rights in named.items()}, groups)


def service_needs(topics: Topics) -> Rights:
    """Of a service that asks and reads the answers. A group, if it wants one, is its own."""
    named = {"requests": _WRITE, "cancellations": _WRITE, "responses": _READ, "response-chunks": _READ}
    return Rights({topics.full(one): rights for one, rights in named.items()})
