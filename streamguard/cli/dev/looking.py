"""Where the numbers of the line of state come from: the store's rows, the broker's offsets, the system's count of memory."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson

from streamguard.cli.dev.state import Ended
from streamguard.money import from_decimal

_ENDS = "SELECT k_partition, max(k_offset) + 1 FROM requests WHERE k_topic = {log:String} GROUP BY k_partition"
_NEW = """FROM requests WHERE k_topic = {log:String}
AND k_offset >= {from:Array(UInt64)}[k_partition + 1] AND k_offset < {to:Array(UInt64)}[k_partition + 1]"""
_ENDED = f"SELECT status, count(), toString(sum(cost)) {_NEW} GROUP BY status ORDER BY status"
_TIMES = f"SELECT quantileExact(0.5)(duration_us), quantileExact(0.99)(duration_us) {_NEW}"
_STATM = "/proc/{pid}/statm"
_PAGE = 4096


class EndedView:
    """The rows of `requests` that one log brought, each told once. `log` is what the store calls its topic."""

    def __init__(self, address: str, log: str, partitions: int, database: str = "streamguard") -> None:
        self._client = httpx.AsyncClient(base_url=f"http://{address}", timeout=10.0, trust_env=False)
        self._log, self._database = log, database
        self._told = [0] * partitions

    async def since(self) -> Ended | None:
        """What has come since the last call; None when the store does not answer, and then the next call has it all."""
        try:
            to = list(self._told)
            for partition, end in await self._ask(_ENDS):
                to[int(partition)] = int(end)
            if to == self._told:
                return Ended()
            rows = await self._ask(_ENDED, to)
            p50, p99 = (await self._ask(_TIMES, to))[0]
        except httpx.HTTPError:
            return None
        self._told = to
        return Ended(
            statuses={status: int(count) for status, count, _ in rows},
            p50_us=float(p50),
            p99_us=float(p99),
            cost_nusd=sum(from_decimal(Decimal(cost)) for _, _, cost in rows if cost),
        )

    async def _ask(self, sql: str, to: list[int] | None = None) -> list[list[Any]]:
        parameters = {"database": self._database, "default_format": "JSONCompact", "param_log": self._log}
        if to is not None:
            parameters |= {"param_from": str(self._told), "param_to": str(to)}
        answer = await self._client.post("/", params=parameters, content=sql.encode())
        answer.raise_for_status()
        return orjson.loads(answer.content)["data"]

    async def close(self) -> None:
        await self._client.aclose()


async def rows_kept(address: str, table: str, database: str = "streamguard") -> int:
    """How many rows a table has; 0 while it is not there. Raises `httpx.HTTPError` when the store does not answer."""
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=10.0, trust_env=False) as client:
        answer = await client.post("/", params={"database": database}, content=f"SELECT count() FROM {table}".encode())
        return int(answer.text) if answer.is_success else 0


def memory_of(pids: Iterable[int]) -> int | None:
    """Bytes of memory that these processes hold, each with what it shares with others; None where the system does not tell."""
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(_STATM.format(pid=pid)).read_text().split()[1])
        except FileNotFoundError:
            if not Path("/proc/self/statm").exists():
                return None
        except ProcessLookupError:
            continue  # it has just ended
    return pages * _PAGE
