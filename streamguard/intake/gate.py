"""The output gate and the lease: a worker that may no longer own its partitions lets nothing out.

The gate is closed from a revoke until the outputs were scanned and the new generation has accepted a commit. While it is
open, the lease must be young besides, for two reasons a group has to give partitions away:
- a member fell silent for a session: so a commit must have been accepted that was asked for within `lease` seconds;
- a member did not rejoin within the rebalance timeout, and until then its commits are accepted as ever: so within `calm`
  seconds the group must have said that it is not rebalancing.
"""

import asyncio
from collections.abc import Callable


class Gate:
    """State of one worker. `monotonic` gives seconds. Nothing here waits on time: whoever waits is woken by `open` or `renew`."""

    def __init__(self, lease: float, calm: float, monotonic: Callable[[], float]) -> None:
        self._lease, self._calm, self._monotonic = lease, calm, monotonic
        self._is_open = False
        self._accepted = self._calm_at = float("-inf")
        self._inside = 0
        self._passable = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def is_open(self) -> bool:
        """Whether this generation may send, the lease aside."""
        return self._is_open

    @property
    def leased(self) -> bool:
        """Whether the lease is young."""
        return self.lease_left >= 0

    @property
    def passable(self) -> bool:
        """Whether an output may be let out at this moment."""
        return self._is_open and self.lease_left >= 0

    @property
    def lease_left(self) -> float:
        """Seconds until the lease is over; negative once it is."""
        return min(self._accepted + self._lease, self._calm_at + self._calm) - self._monotonic()

    @property
    def heard_at(self) -> float:
        """When that was asked which the group answered last, as `monotonic` tells; never is minus infinity."""
        return max(self._accepted, self._calm_at)

    @property
    def spare(self) -> float:
        """Seconds that a group waits, after a lease has run out, before it gives partitions away: a fifth of its session."""
        return min(self._lease, self._calm) / 4

    @property
    def inside(self) -> int:
        """Steps that have passed and whose outputs are not all acknowledged."""
        return self._inside

    def renew(self, asked: float) -> None:
        """The group accepted a commit that was asked for at `asked`."""
        self._accepted = max(self._accepted, asked)
        self._wake()

    def calm(self, asked: float) -> None:
        """No rebalance had begun at `asked` of which this member does not know."""
        self._calm_at = max(self._calm_at, asked)
        self._wake()

    def open(self) -> None:
        """The outputs are scanned and this generation has accepted a commit."""
        self._is_open = True
        self._wake()

    def close(self) -> None:
        """A rebalance begins, or the worker stops."""
        self._is_open = False
        self._passable.clear()

    async def passage(self) -> None:
        """Return when `passable` is true, with no await between."""
        while not self.passable:
            self._passable.clear()
            await self._passable.wait()

    def enter(self) -> None:
        """A step is about to send."""
        self._inside += 1
        self._empty.clear()

    def leave(self) -> None:
        """All that the step sent is acknowledged, or was given up."""
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    async def emptied(self) -> None:
        """Return when no step is inside."""
        await self._empty.wait()

    def _wake(self) -> None:
        if self.passable:
            self._passable.set()
