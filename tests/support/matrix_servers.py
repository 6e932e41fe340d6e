"""Two simulators, of which one or both fail in one way, for some calls or for all."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings

Vendor = Literal["openai", "anthropic"]
Phase = Literal["first", "twice", "every"]
"""Which calls fail: the first one; the first two to the first candidate; all to both candidates."""
PHASES: tuple[Phase, ...] = ("first", "twice", "every")

RETRY_AFTER = 2
"""Seconds; the header knows no parts of them."""
STATIC = "We come back to you."
MODELS: Mapping[Vendor, tuple[str, str]] = {
    "openai": ("gpt-4o", "gpt-4o-mini"),
    "anthropic": ("claude-3-5-sonnet-latest", "claude-3-5-haiku-latest"),
}
"""A vendor's model as the first candidate, and as the one behind it."""
OTHER: Mapping[Vendor, Vendor] = {"openai": "anthropic", "anthropic": "openai"}


@dataclass(frozen=True, slots=True)
class Cell:
    """The question is bound for `vendor`, the other vendor is behind it."""

    vendor: Vendor
    streamed: bool
    phase: Phase

    @property
    def vendors(self) -> tuple[Vendor, Vendor]:
        """The first candidate's and the second's."""
        return self.vendor, OTHER[self.vendor]

    @property
    def models(self) -> tuple[str, str]:
        """Likewise."""
        return MODELS[self.vendor][0], MODELS[OTHER[self.vendor]][1]

    @property
    def static(self) -> str | None:
        """Half of the cells have a static text at the pyramid's end."""
        return STATIC if self.vendor == "openai" else None

    def __str__(self) -> str:
        return f"{self.vendor}-{'streamed' if self.streamed else 'whole'}-{self.phase}"


class Servers:
    """The two candidates' servers. `fault` None: nobody listens where one should fail, as long as it should."""

    def __init__(self, fault: Fault | None, cell: Cell) -> None:
        times = {"first": 1, "twice": 2, "every": None}[cell.phase]
        self._places: list[socket.socket] = []
        self.both = tuple(
            self._server(fault, times if behind == 0 else None, fails=behind == 0 or cell.phase == "every")
            for behind in (0, 1)
        )
        self._closed = [
            server
            for server, fails in zip(self.both, (True, cell.phase == "every"), strict=True)
            if fault is None and fails
        ]
        self._opens_before = None if times is None else times + 1
        self._passed = 0

    def _server(self, fault: Fault | None, times: int | None, *, fails: bool) -> Simulator:
        # bound and not listening: nobody else gets the port, and connections are refused
        place = socket.socket()
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        self._places.append(place)
        rules = (FaultRule(rates={fault: 1.0}, times=times),) if fault is not None and fails else ()
        return Simulator(
            SimulatorSettings(
                port=place.getsockname()[1],
                seed=3,
                latency=Latency(0.0),
                faults=rules,
                retry_after_seconds=RETRY_AFTER,
                drip_seconds=5.0,
            )
        )

    @property
    def urls(self) -> tuple[str, ...]:
        """Where the two are, also while they are not."""
        return tuple(f"http://127.0.0.1:{place.getsockname()[1]}" for place in self._places)

    async def __aenter__(self) -> Self:
        for server in self.both:
            if server not in self._closed:
                await server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for server, place in zip(self.both, self._places, strict=True):
            await server.close()
            place.close()

    async def passage(self) -> None:
        """Twice before each call: who was refused so far is let in once enough were."""
        self._passed += 1
        if self._opens_before and self._passed == 2 * self._opens_before - 1:
            for server in self._closed:
                await server.start()

    async def books(self) -> Mapping[str, Mapping[str, Any]]:
        """Once no call is under way: what hangs would be for a minute unless its client's leaving was noticed."""
        async with asyncio.timeout(5):
            while any(server.ledger.report(detail=False)["in_flight"] for server in self.both):
                await asyncio.sleep(0.005)
        entries = [entry for server in self.both for entry in server.ledger.report(detail=True)["detail"]]
        return {entry["request_id"]: entry for entry in sorted(entries, key=lambda entry: entry["begun_at"])}
