"""The demo's bad luck: what goes wrong at the simulated providers, and the books that they keep."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

EVERYDAY: list[dict[str, Any]] = [
    {
        "provider": "*",
        "model": "*",
        "rates": {
            "server_error": 0.01,
            "rate_limited_silent": 0.01,
            "fenced_json": 0.10,
            "broken_json": 0.05,
            "wrong_schema": 0.05,
            "leaked_prompt": 0.005,
            "echoed_personal_data": 0.01,
            "empty_answer": 0.002,
            "no_usage": 0.01,
            "cut_stream": 0.04,
            "stream_error": 0.01,
        },
    }
]
"""Rates for all models at all times."""
OUTAGE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Books:
    """What the simulator counted. `paid_twice`: finished answers beyond the first under one idempotency key; `partial`: streams
    that broke off and were charged for what was written of them. `detail` are all calls."""

    calls: int
    finished: int
    cost_nusd: int
    paid_twice: int
    partial: int = 0
    detail: Sequence[Mapping[str, Any]] = ()


class Simulated:
    """The simulator's control endpoints. Raises `httpx.HTTPError` when it is not there."""

    def __init__(self, address: str) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://{address}", timeout=10.0, trust_env=False)

    async def set_everyday_faults(self) -> None:
        """From now on calls fail at the everyday rates."""
        (await self._client.post("/_sim/faults", json={"rules": EVERYDAY})).raise_for_status()

    async def begin_outage(self, provider: str, seconds: float = OUTAGE_SECONDS) -> None:
        """All models of the provider answer with 503 for that long."""
        (await self._client.post("/_sim/outage", json={"provider": provider, "seconds": seconds})).raise_for_status()

    async def books(self) -> Books:
        """Read them."""
        answer = await self._client.get("/_sim/calls", params={"detail": "1"})
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        keys = Counter(call["idempotency_key"] for call in report["detail"] if call["finished"])
        return Books(
            calls=report["calls"],
            finished=report["finished"],
            cost_nusd=report["cost_nusd"],
            paid_twice=sum(count - 1 for key, count in keys.items() if key),
            partial=sum(call["partial"] for call in report["detail"]),
            detail=report["detail"],
        )

    async def close(self) -> None:
        await self._client.aclose()
