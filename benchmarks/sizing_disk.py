"""What a line's records take on disk: in the logs of Kafka's topics, and in the tables of the store."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cramjam
import httpx
import orjson

_HEADER = 61
"""Bytes of a batch before its records, which compression leaves alone (record batch, version 2)."""
_LENGTH = slice(8, 12)
_COUNT = slice(57, 61)
_SECONDS = 60
TABLES = ("requests", "calls", "verdicts", "payloads")


@dataclass(frozen=True, slots=True)
class Log:
    """What one topic's segments hold. `zstd_bytes` is what they would take with the topic's `compression.type=zstd`."""

    records: int
    batches: int
    bytes: int
    zstd_bytes: int


@dataclass(frozen=True, slots=True)
class Table:
    """Of one table, after a merge of all its parts; `plain_bytes` before compression."""

    rows: int
    bytes: int
    plain_bytes: int


def batches(segment: bytes) -> Iterator[tuple[int, bytes]]:
    """How many records each whole batch of a segment holds, and their bytes as they stand."""
    at = 0
    while at + _HEADER <= len(segment):
        end = at + 12 + int.from_bytes(segment[at:][_LENGTH])
        if end > len(segment):
            return
        yield int.from_bytes(segment[at:][_COUNT]), segment[at + _HEADER : end]
        at = end


def log_of(folder: Path, topic: str) -> Log:
    """Of all partitions of a topic below a broker's `log.dirs`.

    Compression is reckoned batch by batch, at zstd's level 3, as a broker does it; it makes no batch larger.
    """
    records = count = size = small = 0
    for file in sorted(folder.glob(f"{topic}-*/*.log")):
        if not file.parent.name.removeprefix(f"{topic}-").isdigit():
            continue  # another topic whose name begins alike
        for held, data in batches(memory := file.read_bytes()):
            records += held
            count += 1
            small += _HEADER + min(len(data), len(bytes(cramjam.zstd.compress(data, level=3))))
        size += len(memory)
    return Log(records, count, size, small)


async def tables_of(store: str, requests: int, database: str = "streamguard") -> dict[str, Table]:
    """Once the store at this address has rows of that many requests and has merged them. Raises `TimeoutError`."""
    async with httpx.AsyncClient(base_url=f"http://{store}", trust_env=False, timeout=60) as client:

        async def ask(sql: str) -> list[dict[str, int]]:
            answer = await client.post("/", content=sql, params={"default_format": "JSONEachRow"})
            answer.raise_for_status()
            return [orjson.loads(line) for line in answer.content.splitlines()]

        async with asyncio.timeout(_SECONDS):
            while int((await ask(f"SELECT count() AS n FROM {database}.requests"))[0]["n"]) < requests:
                await asyncio.sleep(0.5)
        found: dict[str, Table] = {}
        for table in TABLES:
            await ask(f"OPTIMIZE TABLE {database}.{table} FINAL")
            parts = await ask(
                "SELECT sum(rows) AS r, sum(bytes_on_disk) AS b, sum(data_uncompressed_bytes) AS u FROM system.parts "
                f"WHERE active AND database = '{database}' AND table = '{table}'"
            )
            found[table] = Table(int(parts[0]["r"]), int(parts[0]["b"]), int(parts[0]["u"]))
        return found
