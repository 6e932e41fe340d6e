"""The same work done by a stock Faust agent, as its documentation has it: acknowledged one by one, many at once, at least once.

`python -m tests.support.stock SETTINGS`, as `tests.support.toy`. It keeps its tasks itself and acknowledges an event only when
the broker has its output; even so the offsets that Faust commits pass events that are not acknowledged.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Protocol, Self, cast

import faust
from faust.types import EventT, StreamT

from tests.support.toy import ToyInput, ToySettings


class _Events(Protocol):
    """A stream as it is; Faust's own types do not know `noack`, and take `events` for something to await."""

    def noack(self) -> Self: ...
    def events(self) -> AsyncIterator[EventT[bytes]]: ...


def make_app(settings: ToySettings) -> faust.App:
    app = faust.App(
        settings.group,
        broker=f"kafka://{settings.brokers}",
        datadir=settings.directory / f"faust-{settings.name}",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.name,
        broker_session_timeout=settings.session,
        broker_heartbeat_interval=settings.session / 5,
        broker_commit_interval=0.5,
        producer_request_timeout=20,
        key_serializer="raw",
        value_serializer="raw",
    )
    source, out = app.topic(*settings.topics.sources), app.topic(settings.topics.out)
    calls = os.open(settings.directory / f"{settings.name}-{os.getpid()}.calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    running: set[asyncio.Task[None]] = set()
    room = asyncio.Semaphore(settings.cap)

    async def work(event: EventT[bytes]) -> None:
        asked = ToyInput.model_validate_json(event.value)
        place = event.message
        os.write(calls, f"{place.topic}/{place.partition}/{place.offset}/0 {time.time_ns() // 1000}\n".encode())
        await asyncio.sleep(asked.seconds)
        await (await out.send(key=event.key, value=event.value))  # the second wait is the broker's answer
        event.ack()
        room.release()

    async def agent(stream: StreamT[bytes]) -> None:
        async for event in cast("_Events", stream).noack().events():
            await room.acquire()
            task = asyncio.ensure_future(work(event))
            running.add(task)
            task.add_done_callback(running.discard)

    app.agent(source, name="stock")(agent)
    return app


if __name__ == "__main__":
    app = make_app(ToySettings.model_validate_json(sys.argv[1]))
    sys.argv = ["faust", "worker", "-l", "warn", "--without-web"]
    app.main()
