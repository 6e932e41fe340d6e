"""Work that a stop may interrupt."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress


async def until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do the work; False when `stop` came first, and then it is cancelled. Raises what it raises."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        stopping.cancel()
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
