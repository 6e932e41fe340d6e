"""A small stage for tests of faults, as a worker process: `python -m tests.support.toy SETTINGS` (JSON, see `ToySettings`).

Each input becomes one output in three topics, one of them re-keyed. They share a number drawn at random, so a step that a crash
cut in two shows whether its second half kept the first half's decision. Before its "call" the step writes to a file what it
pays for, and when.
"""

import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import orjson
from pydantic import BaseModel

from streamguard.config import Cluster
from streamguard.intake.contract import Output, Received, StepFunction
from streamguard.intake.intake import Intake
from streamguard.intake.settings import Settings
from streamguard.stream.hosting import HostedStage, run_worker

TOPIC_LIMIT = 100_000
"""Bytes that the broker takes in one batch of the topic `also`: more than the producer puts together, so that it refuses
single outputs only."""
REFUSED_BYTES, OVERSIZED_BYTES = 150_000, 2_200_000

_LARGE = {"refused": b"x" * REFUSED_BYTES, "oversized": b"x" * OVERSIZED_BYTES}


class ToyInput(BaseModel):
    """What to do: `call` (takes `seconds`), `raise`, `refused` (an output that the broker does not take), `oversized` (one
    that the client does not even send)."""

    id: int
    kind: str = "call"
    seconds: float = 0.0


class Topics(BaseModel):
    """The topics of one test."""

    sources: list[str]
    out: str
    also: str
    rekeyed: str
    dead: str

    @property
    def outputs(self) -> list[str]:
        return [self.out, self.also, self.rekeyed, self.dead]


class ToySettings(BaseModel):
    """Everything a toy worker is told."""

    brokers: str
    group: str
    name: str
    topics: Topics
    directory: Path
    static: bool = True
    pipelined: bool = False
    session: float = 3.0
    cap: int = 24
    span: int = 2000
    topics_wait: float = 5.0
    host: str = "here"
    lock_dir: Path | None = None
    """None: in `directory`, which is the host's for all workers of a test."""
    metadata_age: float = 30.0
    partitions: int | None = None
    grown: bool = False
    stall: float = 20.0
    buried_limit: int = 1000


class ToyStage:
    """The step, and what to write for inputs that cannot be handled."""

    def __init__(self, topics: Topics, calls: Path) -> None:
        self._topics = topics
        self.permit: Callable[[], Awaitable[None]] | None = None
        """The intake's passage: a step asks for it before it pays, as invoke does."""
        # Written to at once and by one system call, so a kill leaves whole lines.
        self._calls = os.open(calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def step(self, record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        topics, asked = self._topics, ToyInput.model_validate_json(record.value or b"")
        if asked.kind == "raise":
            raise RuntimeError("as it was told to")
        if topics.out in found:
            value = found[topics.out]
        else:
            if self.permit is not None:
                await self.permit()
            os.write(self._calls, f"{record.src} {time.time_ns() // 1000}\n".encode())
            await asyncio.sleep(asked.seconds)
            value = orjson.dumps({"id": asked.id, "drawn": secrets.token_hex(8)})
        also = _LARGE.get(asked.kind, value)
        return [
            Output(topics.out, record.key, value),
            Output(topics.also, record.key, also),
            Output(topics.rekeyed, f"other-{asked.id % 97}".encode(), value),
        ]

    def bury(self, record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        return [Output(self._topics.dead, record.key, record.value, (("code", type(error).__name__.encode()),))]


class FreezeWhenJoining(logging.Handler):
    """Stops its own process just after it asked to join the group, once, when the file `trap` exists: from then on until
    somebody continues it, it does not know what was decided. aiokafka tells in its log that it is about to ask."""

    def __init__(self, trap: Path) -> None:
        super().__init__(logging.INFO)
        self._trap = trap

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("(Re-)joining group") and self._trap.exists():
            self._trap.unlink()
            asyncio.get_running_loop().call_later(0.02, os.kill, os.getpid(), signal.SIGSTOP)


def main(told: str) -> int:
    settings = ToySettings.model_validate_json(told)
    logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s {settings.name} %(name)s %(levelname)s %(message)s")
    logging.getLogger("streamguard").setLevel(logging.INFO)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    coordinator = logging.getLogger("aiokafka.consumer.group_coordinator")
    coordinator.setLevel(logging.INFO)
    coordinator.addHandler(FreezeWhenJoining(settings.directory / f"freeze-{settings.name}"))
    stage = ToyStage(settings.topics, settings.directory / f"{settings.name}-{os.getpid()}.calls")
    topics = settings.topics

    def intake(step: StepFunction) -> Intake:
        built = Intake(
            Settings(
                cluster=Cluster(settings.brokers),
                group=settings.group,
                instance=settings.name if settings.static else None,
                session=settings.session,
                cap=settings.cap,
                span=settings.span,
                deadline=10.0,
                grace=3.0,
                stall=settings.stall,
                topics_wait=settings.topics_wait,
                host=settings.host,
                lock_dir=settings.lock_dir or settings.directory / "locks",
                metadata_age_ms=round(settings.metadata_age * 1000),
                partitions=settings.partitions,
                grown=settings.grown,
                buried_limit=settings.buried_limit,
            ),
            sources=topics.sources,
            targets=[topics.out, topics.also, topics.dead],
            rekeyed=[topics.rekeyed],
            step=step,
            bury=stage.bury,
            pipelined=settings.pipelined,
        )
        stage.permit = built.passage
        return built

    hosted = HostedStage("toy", intake, stage.step)
    return run_worker(settings.group, [hosted], datadir=settings.directory / f"faust-{settings.name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
