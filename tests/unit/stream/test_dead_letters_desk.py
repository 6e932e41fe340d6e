"""Replays whose letters are gone, without any broker."""

from collections.abc import Collection
from typing import Any, cast

from streamguard.clock import FakeClock
from streamguard.config import Cluster
from streamguard.intake.contract import Received
from streamguard.intake.marks import Place
from streamguard.intake.settings import Settings
from streamguard.stream.dead_letters import Letter, read_letter
from streamguard.stream.dead_letters_desk import Desk
from streamguard.stream.dead_letters_sole import Sole
from streamguard.stream.stage_step import dead_letter
from streamguard.stream.topics import Topics

TOPICS = Topics.load("p.")


class Emptied:
    """A topic of dead letters of which Kafka keeps nothing any more."""

    counts = dict.fromkeys(("p.guarded", "p.dlq-decisions", "p.dead-letters"), 4)

    async def bytes_of(self, letters: Collection[Letter]) -> dict[Letter, Received]:
        return {}

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        return dict.fromkeys(places, 0)


async def test_letters_that_are_gone_before_they_are_sent_are_counted_as_gone() -> None:
    was = Received("p.guarded", 2, 7, 1000, b"acme/c1", b"{", ())
    buried = dead_letter(TOPICS, "lookup", was, "undecodable")
    letter = read_letter(Received("p.dead-letters", 2, 40, 5000, buried.key, buried.value, buried.headers), TOPICS)
    clock = FakeClock()
    sole = Sole(Settings(cluster=Cluster("nowhere"), group="g"), "p.dlq-decisions", clock)
    desk = Desk(sole, cast("Any", Emptied()), TOPICS, clock, stall=1.0)

    result = await desk.replay([letter])

    assert (result.done, result.gone, result.undone) == (0, 1, {})
