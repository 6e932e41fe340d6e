"""The way between an intake and its Faust agent, in batches: one by one a channel costs eight times as much an event."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from faust.types import ChannelT, StreamT

from streamguard.intake.contract import Output, Received, StepFunction


@dataclass(frozen=True, slots=True)
class Question:
    """A record on its way to the stage. `answer` is set by the agent; whoever waits may cancel it, which ends the step."""

    record: Received
    found: Mapping[str, bytes]
    answer: "asyncio.Future[Sequence[Output]]"


class Batches:
    """A step that asks an agent: all steps that begin in one turn of the event loop travel as one item of the channel.

    Not bounded here: the intake bounds the steps in flight. The agent must be listening before the first call
    (`Answers.listening`): a Faust channel without a listener drops what is put into it.
    """

    def __init__(self, channel: ChannelT[list[Question]]) -> None:
        self._channel = channel
        self._waiting: list[Question] = []
        self._sends = Running()

    async def __call__(self, record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[Output]] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append(Question(record, found, answer))
        return await answer

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        self._sends.start(self._send(batch))

    async def _send(self, batch: list[Question]) -> None:
        try:
            await self._channel.send(value=batch)
        except Exception as error:  # noqa: BLE001 - the ones who wait must hear of it
            for question in batch:
                if not question.answer.done():
                    question.answer.set_exception(error)


class Answers:
    """What a stage's agent does: `listen` runs `step` for each question of each batch, side by side, and answers it."""

    def __init__(self, step: StepFunction) -> None:
        self.listening = asyncio.Event()
        self._step = step
        self._running = Running()

    async def listen(self, stream: StreamT[list[Question]]) -> None:
        self.listening.set()
        async for batch in stream:
            for question in batch:
                if not question.answer.done():
                    task = self._running.start(self._settle(question))
                    # The partition moved away, or the deadline passed; a task that has ended takes no notice.
                    question.answer.add_done_callback(partial(_end, task))

    async def _settle(self, question: Question) -> None:
        answer = question.answer
        try:
            outputs = await self._step(question.record, question.found)
            if not answer.done():
                answer.set_result(outputs)
        except Exception as error:  # noqa: BLE001 - the intake decides what an error means
            if not answer.done():
                answer.set_exception(error)
        finally:
            if not answer.done():
                answer.cancel()  # the step was cancelled from elsewhere: nobody may wait for it for ever


class Running:
    """Tasks that nobody awaits, kept from being collected while they run."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _end(task: "asyncio.Task[None]", _: object) -> None:
    task.cancel()
