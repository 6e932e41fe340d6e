"""Fetched records are taken before the next fetch is sent, and a consumer that closes meanwhile closes in peace."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from streamguard.intake.clients import drain_before_fetching


class Fetcher:
    """The part of aiokafka's fetcher that is replaced; `told` counts the waiters that were woken."""

    def __init__(self) -> None:
        self._fetch_waiters = [object(), object()]
        self.told = 0

    def _notify(self, waiter: object) -> None:
        self.told += 1

    async def _proc_fetch_request(self, *_: object) -> bool:
        return True


def drained() -> tuple[Fetcher, "asyncio.Task[bool]"]:
    fetcher = Fetcher()
    drain_before_fetching(cast("Any", SimpleNamespace(_fetcher=fetcher)))
    return fetcher, asyncio.create_task(cast("Any", fetcher)._proc_fetch_request())


async def test_who_waits_for_records_has_turns_to_take_them() -> None:
    fetcher, fetching = drained()
    for _ in range(3):
        await asyncio.sleep(0)
        assert not fetching.done()
    assert fetcher.told == 2
    assert await fetching


async def test_cancelled_while_it_waits_it_ends_without_an_error() -> None:
    _, fetching = drained()
    await asyncio.sleep(0)
    fetching.cancel()
    assert await fetching is False
