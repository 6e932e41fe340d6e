"""A broker, a store and sinks between them, for tests of the sink."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer

from streamguard.analytics.audit import Audit, audit
from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.errors import StoreError
from streamguard.config import Config, parse
from streamguard.events.base import Record
from streamguard.stream.sink import Sink


def sink_config(brokers: str, store: str, **changes: Any) -> Config:
    """Short times, small chunks. `changes` are sections, merged over these."""
    sections: dict[str, dict[str, Any]] = {
        "kafka": {"brokers": brokers, "session": 3.0, "grace": 5.0},
        "clickhouse": {"url": f"http://{store}", "batch_rows": 50, "flush_seconds": 0.3},
    }
    for name, values in changes.items():
        sections[name] = {**sections.get(name, {}), **values}
    return parse(sections, source="a test")


@asynccontextmanager
async def running(sink: Sink) -> AsyncGenerator[asyncio.Task[None]]:
    """Run it until the block is left, then stop it in order; raises what it raised."""
    stop = asyncio.Event()
    task = asyncio.create_task(sink.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await task


async def produce(
    brokers: str, topic: str, values: Sequence[Record | bytes], *, partitions: int = 4, headers: bool = True
) -> None:
    """Write values in order, spread over the partitions."""
    async with AIOKafkaProducer(bootstrap_servers=brokers) as producer:
        sent = [
            await producer.send(
                topic,
                value if isinstance(value, bytes) else value.model_dump_json().encode(),
                key=b"key",
                partition=number % partitions,
                headers=[("src", b"outcomes/0/1/2"), ("of", b"telemetry")] if headers else [],
            )
            for number, value in enumerate(values)
        ]
        await asyncio.gather(*sent)


async def books(config: Config) -> Audit:
    """The store's own account, from a thread."""

    def ask() -> Audit:
        connection = Connection(config.clickhouse, config.clickhouse.url)
        try:
            return audit(connection)
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def until_rows(config: Config, rows: int, *, seconds: float = 20.0) -> Audit:
    """Wait until the store has its tables and that many outcomes. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(StoreError):
                found = await books(config)
                if found.rows >= rows:
                    return found
            await asyncio.sleep(0.1)
