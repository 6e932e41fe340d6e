"""Streams over one running line: what readers see while an answer is written, and what they hold when it has ended."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamguard.cli.embedded_line.settings import PARTITIONS
from streamguard.config import plain_environment
from streamguard.events.chunk import LAST_STREAM, Chunk
from streamguard.events.codec import decode
from streamguard.events.reading import ChunkReader
from tests.support.line import SECONDS, Line, broker_with_lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

EXAMPLE = Path(__file__).parents[2] / "examples" / "streams" / "read_chunks.py"
LATENCY_MS = 600.0
"""Half of it passes before a stream's first piece, the other half until its last."""


def request(name: str, **changes: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Where is parcel {name} of {name}@example.com?"}]
    fields = {"request_id": name, "tenant_id": "acme", "user_id": f"u-{name}", "messages": messages, "cache": "off"}
    return {**fields, "stream": True, **changes}


class Chunks:
    """All chunks of a line, by request, as they come."""

    def __init__(self) -> None:
        self.of: defaultdict[str, list[Chunk]] = defaultdict(list)
        self._arrived = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def reading(cls, brokers: str, topic: str) -> AsyncGenerator["Chunks"]:
        chunks = cls()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=brokers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
        )
        await consumer.start()
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        task = asyncio.create_task(chunks._read(consumer))
        try:
            yield chunks
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            chunk = decode(Chunk, record.value, dict(record.headers)["schema"].decode())
            async with self._arrived:
                self.of[chunk.request_id].append(chunk)
                self._arrived.notify_all()

    async def until(self, name: str, done: Callable[[list[Chunk]], object]) -> list[Chunk]:
        async with asyncio.timeout(SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: done(self.of[name]))
        return self.of[name]

    async def last(self, name: str) -> tuple[list[Chunk], ChunkReader]:
        """Once the last word was said."""
        return await self.until(name, lambda seen: read(seen).state in ("final", "retracted")), read(self.of[name])


def read(chunks: list[Chunk]) -> ChunkReader:
    reader = ChunkReader()
    for chunk in chunks:
        reader.feed(chunk)
    return reader


@dataclass(frozen=True, slots=True)
class Running:
    """A line, and a reader of its chunks."""

    line: Line
    chunks: Chunks
    brokers: str

    async def ask(self, asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], list[Chunk], ChunkReader]:
        """Its response, its outcome, its chunks once the last word was said, and what their reader holds then."""
        response, outcome = await self.line.ask(asked)
        return response, outcome, *await self.chunks.last(asked["request_id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Running]:
    with broker_with_lines("streams.") as broker:
        folder = tmp_path_factory.mktemp("streams")
        async with (
            Line(broker.address, folder, prefix="streams.", embedded=True, latency_ms=LATENCY_MS) as line,
            Chunks.reading(broker.address, "streams.response-chunks") as chunks,
        ):
            yield Running(line, chunks, broker.address)


async def test_readers_see_an_answer_while_the_model_still_writes_it(running: Running) -> None:
    line, chunks = running.line, running.chunks
    await line.faults()
    await line.send(request("plain"))
    await chunks.until("plain", lambda seen: seen)
    assert (await line.books())["detail"][-1]["ended_at"] is None
    assert line.ends("plain") == (0, 0)

    response, outcome = await line.ended("plain")
    seen, reader = await chunks.last("plain")

    assert (response["status"], reader.state, reader.text) == ("answered", "final", response["output"])
    assert len(seen) > 5
    assert LAST_STREAM not in {chunk.stream for chunk in seen}
    assert "plain@example.com" in reader.text
    assert "plain@example.com" not in outcome["output"]
    assert outcome["calls"][0]["streamed"]
    judged = {verdict["check"] for verdict in outcome["verdicts"] if verdict["direction"] == "output"}
    assert {"prompt_leak", "secrets", "moderation", "personal_echo"} <= judged


async def test_where_a_stream_breaks_off_another_takes_its_place(running: Running) -> None:
    await running.line.faults({"rates": {"cut_stream": 1.0}, "times": 1})

    response, outcome, seen, reader = await running.ask(request("cut"))

    assert [call["status"] for call in outcome["calls"]] == ["error", "ok"]
    first, second = sorted({chunk.stream for chunk in seen})
    assert {chunk.mark for chunk in seen if chunk.stream == first} == {None}
    assert next(chunk for chunk in seen if chunk.stream == second).mark == "restart"
    assert (reader.state, reader.text) == ("final", response["output"])


async def test_where_all_break_off_nothing_shown_is_kept(running: Running) -> None:
    await running.line.faults({"rates": {"cut_stream": 1.0}})

    response, _, seen, reader = await running.ask(request("broken"))

    assert any(chunk.text for chunk in seen if chunk.stream != LAST_STREAM)
    assert seen[-1].stream == LAST_STREAM
    assert reader.text == response.get("output", "")
    assert reader.state == ("final" if response["status"] == "answered" else "retracted")


async def test_what_the_checks_refuse_is_taken_back(running: Running) -> None:
    await running.line.faults({"rates": {"leaked_prompt": 1.0}})

    response, _, _, reader = await running.ask(request("leaked"))

    assert (response["status"], response["reason"]) == ("refused", "leaked_prompt")
    assert (reader.state, reader.text) == ("retracted", "")


async def test_json_and_what_the_cache_holds_come_whole(running: Running) -> None:
    await running.line.faults()

    response, _, seen, reader = await running.ask(request("json", response_format={"type": "json_object"}))
    assert ([chunk.stream for chunk in seen], reader.text) == ([LAST_STREAM], response["output"])

    same = {"messages": [{"role": "user", "content": "Where is my parcel?"}], "cache": "exact"}
    async with asyncio.timeout(SECONDS):
        while response["cache"]["status"] != "exact":
            response, _, seen, reader = await running.ask(request(f"again-{len(running.chunks.of)}", **same))
    assert [(chunk.stream, chunk.mark) for chunk in seen] == [(LAST_STREAM, "final")]
    assert reader.text == response["output"]


async def test_who_did_not_ask_for_a_stream_gets_none_and_the_example_reads_one(running: Running) -> None:
    await running.line.faults()
    await running.line.ask(request("whole", stream=False))

    told = ("--brokers", running.brokers, "--prefix", "streams.", "--ask", "Where is my refund?")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), *told), stdout=asyncio.subprocess.PIPE, env=plain_environment()
    )
    async with asyncio.timeout(SECONDS):
        shown, _ = await process.communicate()

    assert process.returncode == 0
    answer, _, end = shown.decode().rpartition("\n-- ")
    assert end == "answered\n"
    assert len(answer) > 20
    assert "--" not in answer
    assert running.chunks.of["whole"] == []


async def test_a_worker_that_dies_while_it_shows_is_followed_by_a_higher_stream(running: Running) -> None:
    line, chunks = running.line, running.chunks
    await line.faults({"rates": {"hang_mid": 1.0}, "times": 1})  # so that the call surely runs when the worker dies
    await line.send(request("halved"))
    await chunks.until("halved", lambda seen: seen)
    line.kill("worker")

    response, _ = await line.ended("halved")
    seen, reader = await chunks.last("halved")

    assert response["status"] == "answered"
    assert len({chunk.stream for chunk in seen}) == 2
    assert seen[0].stream < seen[-1].stream < LAST_STREAM
    assert {chunk.mark for chunk in seen if chunk.stream == seen[0].stream} == {None}
    assert (reader.state, reader.text) == ("final", response["output"])
    assert line.ends("halved") == (1, 1)


async def test_a_worker_that_is_told_to_stop_shows_to_the_end_what_it_can_finish(running: Running) -> None:
    line, chunks = running.line, running.chunks
    await line.faults()
    await line.send(request("stopped"))
    await chunks.until("stopped", lambda seen: seen)
    await line.stop("worker")
    line.start("worker")

    response, outcome = await line.ended("stopped")
    seen, reader = await chunks.last("stopped")

    assert [call["status"] for call in outcome["calls"]] == ["ok"]
    assert len({chunk.stream for chunk in seen}) == 1
    assert LAST_STREAM not in {chunk.stream for chunk in seen}
    assert (reader.state, reader.text) == ("final", response["output"])
    assert line.ends("stopped") == (1, 1)
