"""Around a running line: stop it at a signal, and end what waits on it when one of its processes does."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeVar

from streamguard.errors import InputError

T = TypeVar("T")


def check_extra(find: Callable[[str], object | None] = find_spec) -> None:
    """Raise `InputError` when the embedded parts are not installed, as far as `find` finds them."""
    missing = [name for name in ("confluent_kafka", "chdb") if find(name) is None]
    if missing:
        raise InputError(f"{' and '.join(missing)} missing; install them: pip install 'streamguard[embedded]'")


class Interrupted(Exception):
    """A person, or the system, asked to stop."""


@contextmanager
def told_to_stop(hurry: Callable[[], None]) -> Generator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set while this is entered; a second signal calls `hurry`."""
    told = asyncio.Event()

    def tell() -> None:
        if told.is_set():
            hurry()
        told.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, tell)
    try:
        yield told
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def unless_told(told: asyncio.Event, work: Awaitable[T]) -> T:
    """What `work` returns; raises `Interrupted` when `told` is set before."""

    async def wait() -> None:
        await told.wait()
        raise Interrupted

    return await first_of(work, wait())


async def first_of(work: Awaitable[T], watch: Awaitable[None]) -> T:
    """What `work` returns, unless `watch` raises before."""
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(watch)
    try:
        await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done() and not working.done():
            watching.result()
        return await working
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
