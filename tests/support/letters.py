"""Dead letters for tests, as stages write them, and the command that decides about them as a process."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from streamguard.config import plain_environment
from streamguard.intake.clients import send_empty
from streamguard.intake.contract import Received
from streamguard.stream.stage_step import dead_letter
from streamguard.stream.topics import Topics

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Buried:
    """A record that a stage buries: what it was, and who says what."""

    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    topic: str = "guarded"
    partition: int = 0
    stage: str = "lookup"
    code: str = "undecodable"


async def bury(brokers: str, topics: Topics, records: Sequence[Buried]) -> None:
    """Write the dead letters of these records, as an intake does: to their partitions' numbers, with `src` and `of`."""
    async with AIOKafkaProducer(bootstrap_servers=brokers, max_request_size=4 << 20) as producer:
        sent: list[asyncio.Future[RecordMetadata]] = []
        for offset, one in enumerate(records):
            headers = cast("tuple[tuple[str, bytes], ...]", one.headers)  # aiokafka's types know none without a value
            source = topics.full(one.topic)
            record = Received(source, one.partition, offset, 1_800_000_000_000, one.key, one.value, headers)
            letter = dead_letter(topics, one.stage, record, one.code)
            written = [("src", record.src.encode()), ("of", letter.topic.encode()), *letter.headers]
            if letter.key is None and letter.value is None:
                sent.append(await send_empty(producer, letter.topic, one.partition, written))
            else:
                sent.append(
                    await producer.send(
                        letter.topic, letter.value, key=letter.key, partition=one.partition, headers=written
                    )
                )
        await asyncio.gather(*sent)


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    out: bytes
    err: str

    @property
    def letters(self) -> list[dict[str, object]]:
        """What `--json` printed."""
        return [orjson.loads(line) for line in self.out.splitlines()]


async def start(config: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Begin `streamguard dlq …`."""
    command, *rest = arguments
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "streamguard", "dlq", command, "--config", str(config), *rest),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=plain_environment(),
    )


async def dlq(config: Path, *arguments: str) -> Said:
    """Run `streamguard dlq …` to its end."""
    process = await start(config, *arguments)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return Said(process.returncode or 0, out, err.decode())
