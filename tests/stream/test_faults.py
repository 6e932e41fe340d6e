"""A stage under faults, on a real Kafka: nothing lost, nothing twice, no finished call paid twice, in order per key."""

import asyncio
from pathlib import Path

import pytest

from tests.support.crew import Crew, calls, killed_again_and_again
from tests.support.kafka import KafkaNode
from tests.support.toy import ToyInput

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("pipelined", [False, True], ids=["serial", "pipelined"])
async def test_workers_killed_again_and_again(kafka: KafkaNode, tmp_path: Path, pipelined: bool) -> None:
    async with Crew(kafka, tmp_path, cap=64, pipelined=pipelined) as crew:
        await killed_again_and_again(crew)
        report = await crew.audit()
    report.assert_clean()
    assert report.repeated, "no kill met a call under way: this run has shown nothing"


@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
async def test_workers_join_and_leave(kafka: KafkaNode, tmp_path: Path, static: bool) -> None:
    async with Crew(kafka, tmp_path, static=static) as crew:
        await crew.send(calls(2500))
        crew.start("a")
        await crew.called(200)
        crew.start("b")
        await crew.called(600)
        crew.start("c")
        await crew.called(1200)
        await crew.stop("a")
        await crew.called(1800)
        await crew.stop("b")
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()


async def test_frozen_past_the_session_and_its_successor_killed(kafka: KafkaNode, tmp_path: Path) -> None:
    """The successor publishes behind a slow head, so it commits nothing; when the frozen one wakes up, the broker's offset
    is still its own, and what it held is published already."""
    async with Crew(kafka, tmp_path, session=2.0, cap=128) as crew:
        crew.start("a", "b")
        await crew.until(lambda: crew.log.count("took 2 partitions") >= 2)
        await crew.send([ToyInput(id=number, seconds=6.0 if number < 8 else 0.05) for number in range(2000)])
        await crew.called(300)
        crew.freeze("a")
        await asyncio.sleep(4.5)
        crew.kill("b")
        crew.thaw("a")
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()


@pytest.mark.parametrize("seconds", [1.5, 5.0], ids=["within-lease", "past-session"])
async def test_frozen_inside_a_rebalance(kafka: KafkaNode, tmp_path: Path, seconds: float) -> None:
    """It asked to join and does not hear that its partitions went to others, who begin to work on them."""
    async with Crew(kafka, tmp_path, session=4.0) as crew:
        await crew.send(calls(1500, long=1.2, slow=0.1))
        crew.start("a", "b")
        await crew.called(300)
        crew.trap("a")
        crew.freeze("b")  # so that the rebalance is still open when "a" has asked
        crew.start("A")  # sorts before the others, so the partitions of "a" move to it
        await crew.frozen("a")
        crew.thaw("b")
        await asyncio.sleep(seconds)
        crew.thaw("a")
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()


async def test_the_broker_is_killed_and_comes_back(kafka: KafkaNode, tmp_path: Path) -> None:
    async with Crew(kafka, tmp_path, session=6.0) as crew:
        await crew.send(calls(2000))
        crew.start("a", "b")
        await crew.called(400)
        kafka.kill()
        await asyncio.sleep(1.0)
        kafka.start()  # in this thread: the broker lives no longer than the thread that started it
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()


@pytest.mark.parametrize("kind", ["raise", "oversized", "refused"])
async def test_what_cannot_be_handled_is_buried_once(kafka: KafkaNode, tmp_path: Path, kind: str) -> None:
    async with Crew(kafka, tmp_path) as crew:
        inputs = [ToyInput(id=number, seconds=0.01, kind="call" if number % 40 else kind) for number in range(400)]
        await crew.send(inputs)
        crew.start("a", "b")
        await crew.called(150)
        crew.kill("a")
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()
    assert "CRITICAL" not in crew.log


async def test_two_sources_are_read_together(kafka: KafkaNode, tmp_path: Path) -> None:
    async with Crew(kafka, tmp_path, sources=2) as crew:
        await crew.send(calls(2000))
        crew.start("a", "b", "c")
        await crew.called(600)
        crew.kill("b")
        await crew.called(1000)
        await crew.stop("c")
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()
