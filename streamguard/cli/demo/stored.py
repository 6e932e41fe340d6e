"""What has arrived in the store."""

from dataclasses import dataclass
from decimal import Decimal

import httpx

from streamguard.money import from_decimal

_TOTALS = """SELECT count(), uniqExact(tenant_id, request_id, run), uniqExact(k_topic, k_partition, k_offset),
toString(sum(cost)), (SELECT count() FROM calls), (SELECT count() FROM verdicts), (SELECT count() FROM payloads)
FROM requests FORMAT JSONCompact"""


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of `requests` (and how many different requests and records they stand for), their cost; rows of other tables."""

    rows: int = 0
    requests: int = 0
    records: int = 0
    cost_nusd: int = 0
    calls: int = 0
    verdicts: int = 0
    payloads: int = 0


class StoreView:
    """Reads totals over HTTP. Raises `httpx.HTTPError` when the store is not there."""

    def __init__(self, address: str, database: str = "streamguard") -> None:
        self._client = httpx.AsyncClient(base_url=f"http://{address}", timeout=30.0, trust_env=False)
        self._database = database

    async def totals(self) -> Stored:
        """How it stands; nothing while the tables are not there yet."""
        answer = await self._client.post("/", params={"database": self._database}, content=_TOTALS.encode())
        if answer.is_error:
            return Stored()
        rows, requests, records, cost, calls, verdicts, payloads = answer.json()["data"][0]
        return Stored(
            rows=int(rows),
            requests=int(requests),
            records=int(records),
            cost_nusd=from_decimal(Decimal(cost or "0")),
            calls=int(calls),
            verdicts=int(verdicts),
            payloads=int(payloads),
        )

    async def close(self) -> None:
        await self._client.aclose()
