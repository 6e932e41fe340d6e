"""A worker process: Faust runs it, and each stage's intake feeds the stage's Faust agent over a channel in memory.

Faust gives the app, its agents and services and their start and stop; it opens no Kafka client of its own. Partitions,
offsets, rebalances and outputs belong to the intakes, so what a crash may lose or repeat never depends on Faust.

    intake ── batch of (record, found, answer) ──▶ channel ──▶ agent ──▶ step
       ▲──────────── the answer, errors included, through a future ────────┘
"""

import asyncio
import logging
import os
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import faust
import uvloop
from aiokafka.errors import KafkaError
from faust.app.base import BootStrategy
from faust.types import ChannelT
from mode import Service

from streamguard.errors import EXIT_REFUSED, Refusal, StreamguardError
from streamguard.intake.contract import StepFunction
from streamguard.intake.reaching import refused
from streamguard.intake.waiting import until
from streamguard.stream.batches import Answers, Batches, Question

log = logging.getLogger(__name__)

STOP_SECONDS = 15.0
EXIT_FAILED = 1
EXIT_HUNG = 70


class Runs(Protocol):
    """What hosting needs of an intake."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then end in order. Raises what only a restart can mend."""
        ...


class Background(Protocol):
    """Work that stages rely on, such as reading a shared topic into memory.

    It sets `ready` when the stages may start and runs until `stop` is set, which is once all intakes have ended: steps that
    finish within the grace need it to the last. Once ready it may return earlier. What it raises ends the worker, and so does
    a return before it was ready.
    """

    async def __call__(self, ready: asyncio.Event, stop: asyncio.Event) -> None: ...


@dataclass(frozen=True, slots=True)
class HostedStage:
    """A stage of this worker. `intake` builds the intake around the step that it is given, which leads through the
    agent to `step`, the stage itself; it is called inside the running loop, once the background is ready."""

    name: str
    intake: Callable[[StepFunction], Runs]
    step: StepFunction


def run_worker(
    name: str,
    stages: Sequence[HostedStage],
    *,
    datadir: Path,
    background: Sequence[Background] = (),
    before: Callable[[], Coroutine[None, None, None]] | None = None,
    on_start: Callable[[], None] | None = None,
    stop_seconds: float = STOP_SECONDS,
) -> int:
    """Run the stages until SIGTERM or SIGINT; blocks, and returns the exit status: 0, 1 when something failed, or 2 when
    that was a `Refusal`.

    Awaits `before`, starts `background`, waits until all of it is ready, then calls `on_start` and starts the intakes. The first
    intake or background task that raises stops the others; one line of the log says which it was and why. A stop that
    takes longer than `stop_seconds` ends the process at once with status 70. `datadir` is Faust's directory for files.
    """
    for library in ("faust", "mode"):
        logging.getLogger(library).setLevel(logging.WARNING)  # at INFO every service tells that it starts and stops
    course = _Course(stop_seconds)
    with course.watched(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(name, stages, datadir, background, before, on_start, course))
    return course.status


class _Course:
    """How the worker stands: `stop` asks everything to end, `status` is not 0 when no person asked for it."""

    def __init__(self, stop_seconds: float) -> None:
        self.stop = asyncio.Event()
        self.status = 0
        self._limit = threading.Timer(stop_seconds, _leave, (stop_seconds,))
        self._limit.daemon = True

    def end(self) -> None:
        """Ask for the stop; from here its time is limited, by a thread, for the loop itself may be what hangs."""
        if not self.stop.is_set():
            self.stop.set()
            self._limit.start()

    def fail(self, part: str, error: Exception) -> None:
        if not self.status:  # what fails afterwards is a consequence of the first
            error = refused(error) or error
            self.status = EXIT_REFUSED if isinstance(error, Refusal) else EXIT_FAILED
            log.critical("the worker stops because of its %s: %s", part, describe(error))
        self.end()

    @contextmanager
    def watched(self) -> Generator[None]:
        try:
            yield
        finally:
            self._limit.cancel()


def _leave(seconds: float) -> None:
    log.critical("the worker did not stop within %.0f s and leaves as it is", seconds)
    logging.shutdown()
    os._exit(EXIT_HUNG)


class _NoKafka(BootStrategy):
    enable_kafka = False
    enable_web = False


class _App(faust.App):
    BootStrategy = _NoKafka
    logger = logging.getLogger("faust.app")


class _Worker(faust.Worker):
    """Faust's worker, with our way to stop, and with logging left as the process has set it up."""

    logger = logging.getLogger("faust.worker")

    def __init__(self, app: faust.App, course: _Course) -> None:
        super().__init__(
            app,
            loop=asyncio.get_running_loop(),
            quiet=True,
            daemon=False,
            override_logging=False,  # its spinner would set the root logger to DEBUG: a quarter of the throughput
            redirect_stdouts=False,
        )
        self.spinner = None
        self._course = course

    def _on_sigterm(self) -> None:
        self._course.end()

    def _on_sigint(self) -> None:
        self._course.end()


class _Part(Service):
    """One piece of the worker's work as a service of the app; `ended` is set when it is over, however it ended."""

    logger = logging.getLogger("faust.worker")

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], course: _Course) -> None:
        super().__init__()
        self.ended = asyncio.Event()
        self._name, self._work, self._course = name, work, course

    async def on_start(self) -> None:
        self.add_future(self._run())

    async def _run(self) -> None:
        try:
            await self._work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the worker, and it is told here alone
            self._course.fail(self._name, error)
        finally:
            self.ended.set()


async def _serve(
    name: str,
    stages: Sequence[HostedStage],
    datadir: Path,
    background: Sequence[Background],
    before: Callable[[], Coroutine[None, None, None]] | None,
    on_start: Callable[[], None] | None,
    course: _Course,
) -> None:
    app = _App(name, broker="kafka://unused", datadir=datadir, autodiscover=False, web_enabled=False)
    app.flow_control.resume()  # Faust's consumer would do it: until then channels let nothing through
    channels: list[ChannelT[list[Question]]] = []
    listening: list[asyncio.Event] = []
    for stage in stages:
        channel: ChannelT[list[Question]] = app.channel(maxsize=0)  # the intake bounds what is in it
        answers = Answers(stage.step)
        app.agent(channel, name=stage.name)(answers.listen)
        channels.append(channel)
        listening.append(answers.listening)
    worker = _Worker(app, course)
    intakes: list[_Part] = []
    behind: list[_Part] = []
    over = asyncio.Event()
    """No step runs any more."""

    async def begin(parts: list[_Part], part: str, work: Callable[[], Awaitable[None]]) -> None:
        parts.append(_Part(part, work, course))
        await app.add_runtime_dependency(parts[-1])

    try:
        await worker.start()
        if before is not None:
            await until(course.stop, before())
        ready = [asyncio.Event() for _ in background]
        if not course.stop.is_set():
            for task, event in zip(background, ready, strict=True):
                await begin(behind, "background", partial(_background, task, event, over))
        if await _all(ready + listening, unless=course.stop):
            if on_start:
                on_start()
            for stage, channel in zip(stages, channels, strict=True):
                await begin(intakes, f"stage {stage.name}", partial(_stage, stage, Batches(channel), course.stop))
        await course.stop.wait()
        for part in intakes:
            await part.ended.wait()  # the agents still run, so that what is in flight may end in order
        over.set()
        for part in behind:
            await part.ended.wait()
    except Exception as error:  # noqa: BLE001 - a worker that cannot start says so like one that fails later
        course.fail("start", error)
    finally:
        course.end()
        over.set()
        await worker.stop()


async def _background(task: Background, ready: asyncio.Event, stop: asyncio.Event) -> None:
    await task(ready, stop)
    if not ready.is_set() and not stop.is_set():
        raise StreamguardError("a task ended before it was ready")


async def _stage(stage: HostedStage, step: StepFunction, stop: asyncio.Event) -> None:
    await stage.intake(step).run(stop)
    if not stop.is_set():
        raise StreamguardError("its intake ended without having been told to")


async def _all(events: Sequence[asyncio.Event], *, unless: asyncio.Event) -> bool:
    """Wait for every event; False when `unless` came first."""
    for event in events:
        waits = [asyncio.ensure_future(one.wait()) for one in (event, unless)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    return not unless.is_set()


def describe(error: BaseException) -> str:
    """One line about an error that holds no user text: messages only of errors that are known to carry none."""
    kind = type(error).__name__
    if isinstance(error, StreamguardError | KafkaError):
        told = str(error).replace("\n", " ")
        return told if kind in told else f"{kind}: {told}"  # aiokafka's name themselves
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return kind + "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in last)
