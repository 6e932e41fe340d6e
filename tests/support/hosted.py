"""Workers for the tests of hosting, one behaviour a name: `python -m tests.support.hosted BEHAVIOUR DIRECTORY`."""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from streamguard.errors import Refusal, StreamguardError
from streamguard.intake.contract import Output, Received, StepFunction
from streamguard.stream.hosting import HostedStage, Runs, run_worker

SECRET = "a user's words"


async def echo(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
    if record.value == b"raise":
        raise ValueError(SECRET)
    if record.value == b"hang":
        await asyncio.sleep(60)
    return [Output("out", record.key, record.value)]


class Asks:
    """An intake without Kafka: asks the stage, prints what came of it, and then does what its behaviour says."""

    def __init__(self, behaviour: str, step: StepFunction) -> None:
        self._behaviour, self._step = behaviour, step

    async def run(self, stop: asyncio.Event) -> None:
        if self._behaviour == "throughput":
            await self._throughput()
        for offset, value in enumerate((b"one", b"raise", b"two", b"hang")):
            await self._ask(offset, value)
        if self._behaviour == "fails":
            raise StreamguardError("offset 7 of t/0 is gone")
        if self._behaviour == "fails-unknown":
            raise ValueError(SECRET)
        if self._behaviour == "returns":
            return
        await stop.wait()
        if self._behaviour == "blocks":
            time.sleep(60)
        outputs = await self._step(record(9, b"last"), {})
        print("last", len(outputs), flush=True)

    async def _ask(self, offset: int, value: bytes) -> None:
        try:
            async with asyncio.timeout(0.2):
                outputs = await self._step(record(offset, value), {})
            print("answer", *(out.value for out in outputs), flush=True)
        except (TimeoutError, ValueError) as error:
            print("error", type(error).__name__, flush=True)

    async def _throughput(self, count: int = 100_000, at_once: int = 256) -> None:
        began = time.process_time()

        async def lane(share: int) -> None:
            for offset in range(share):
                await self._step(record(offset, b"x"), {})

        await asyncio.gather(*(lane(count // at_once) for _ in range(at_once)))
        print(f"us {(time.process_time() - began) / count * 1e6:.1f}", flush=True)


def record(offset: int, value: bytes) -> Received:
    return Received("t", 0, offset, 0, b"k", value)


async def before(behaviour: str) -> None:
    if behaviour == "refuses":
        raise Refusal("topics are missing")
    if behaviour == "looks-for-ever":
        print("looking", flush=True)
        await asyncio.sleep(60)


async def background(behaviour: str, ready: asyncio.Event, stop: asyncio.Event) -> None:
    print("background", flush=True)
    if behaviour == "never-ready":
        return
    if behaviour == "unready-until-stopped":
        await stop.wait()
        return
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    ready.set()
    await stop.wait()
    print("over", flush=True)


def main(behaviour: str, directory: str) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")

    def intake(step: StepFunction) -> Runs:
        return Asks(behaviour, step)

    stages = [HostedStage("first", intake, echo)]
    if behaviour == "two":
        stages.append(HostedStage("second", intake, echo))
    status = run_worker(
        "worker",
        stages,
        datadir=Path(directory),
        background=[partial(background, behaviour)],
        before=partial(before, behaviour),
        on_start=lambda: print("started", flush=True),
        stop_seconds=1.0,
    )
    print("debug", logging.getLogger().isEnabledFor(logging.DEBUG), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
