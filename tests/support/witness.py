"""Reads along while a demo runs, from outside: every record of every topic, and what its workers expose as metrics."""

import asyncio
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamguard.cli.demo.run import PREFIX
from streamguard.cli.embedded_line.settings import PARTITIONS
from streamguard.stream.topics import Topics

_PAUSE = 0.2


class Witness:
    """`watch` reads until it is cancelled. The embedded broker forgets what is old, so `gaps` counts what was missed.

    It cancels each request, as soon as it sees it, for whose id `cancels` says so.
    """

    def __init__(self, folder: Path, *, cancels: Callable[[str], bool] = lambda _: False) -> None:
        self._folder = folder
        self._cancels = cancels
        self.headers: list[str] = []
        self.keys: list[str] = []
        self.values: defaultdict[str, list[str]] = defaultdict(list)
        """By topic."""
        self.metrics: dict[str, str] = {}
        """The last exposition of each worker, by the name of its process."""
        self.gaps = 0
        self._next: Counter[tuple[str, int]] = Counter()

    async def watch(self) -> None:
        await asyncio.gather(self._read_topics(), self._scrape())

    async def _read_topics(self) -> None:
        topics = Topics.load(PREFIX)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=await self._broker(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 << 20,
        )
        await consumer.start()
        producer = AIOKafkaProducer(bootstrap_servers=await self._broker())
        await producer.start()
        try:
            consumer.assign(
                [TopicPartition(topics.full(topic.name), number) for topic in topics for number in range(PARTITIONS)]
            )
            while True:
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    topic = topics.plain(place.topic)
                    for record in records:
                        self._take(topic, record)
                        if topic == "requests" and record.value is not None:
                            await self._cancel(producer, topics, orjson.loads(record.value))
        finally:
            await producer.stop()
            await consumer.stop()

    async def _cancel(self, producer: AIOKafkaProducer, topics: Topics, request: dict[str, Any]) -> None:
        if self._cancels(request["request_id"]):
            named = {name: request[name] for name in ("tenant_id", "request_id")}
            key = "/".join(named.values()).encode()
            await producer.send(topics.full("cancellations"), orjson.dumps(named), key)

    def _take(self, topic: str, record: Any) -> None:
        place = (topic, record.partition)
        self.gaps += record.offset - self._next[place]
        self._next[place] = record.offset + 1
        self.keys.append((record.key or b"").decode(errors="replace"))
        self.headers += [f"{name}: {value.decode(errors='replace')}" for name, value in record.headers]
        self.values[topic].append((record.value or b"").decode(errors="replace"))

    async def _broker(self) -> str:
        while True:
            with suppress(FileNotFoundError, tomllib.TOMLDecodeError, KeyError):  # not there, or not whole yet
                return tomllib.loads((self._folder / "streamguard.toml").read_text())["kafka"]["brokers"]
            await asyncio.sleep(_PAUSE)

    async def _scrape(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            while True:
                for log in self._folder.glob("logs/worker-*.log"):
                    if address := _metrics_address(log):
                        with suppress(httpx.HTTPError):  # it stops, or starts again
                            self.metrics[log.stem] = (await client.get(f"http://{address}/metrics")).text
                await asyncio.sleep(_PAUSE)


def _metrics_address(log: Path) -> str | None:
    for line in log.read_text().split("\n"):
        if '"metrics served"' in line:
            return orjson.loads(line)["address"]
    return None
