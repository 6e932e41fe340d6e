"""Looks for responses that came before anybody waited for them: those of requests that are sent again."""

import asyncio
import logging
from collections.abc import Mapping

from streamguard.client.errors import Unreachable
from streamguard.client.waiting import Name
from streamguard.client.wire import Received, Wire
from streamguard.clock import Clock
from streamguard.errors import InvalidRecord
from streamguard.events.codec import decode
from streamguard.events.outcome import Response

log = logging.getLogger(__name__)

_AGAIN = 1.0  # seconds
_Found = asyncio.Future[Response | None]


class Searches:
    """Reads partitions of `responses` backwards, as far as `look_back` seconds. Those who look for something in the same
    partition share one reading."""

    def __init__(self, wire: Wire, clock: Clock, look_back: float) -> None:
        self._wire, self._clock, self._look_back = wire, clock, look_back
        self._wanted: dict[int, dict[Name, list[_Found]]] = {}
        self._reading: dict[int, asyncio.Task[None]] = {}

    async def find(self, name: Name, key: str | None) -> Response | None:
        """The newest response to this request that is there by now; None where there is none. `key` None: look everywhere.

        Goes on for as long as Kafka cannot be read: whoever calls sets a limit.
        """
        places = range(self._wire.places) if key is None else (self._wire.place(key),)
        looking = [asyncio.create_task(self._look(name, place)) for place in places]
        try:
            # all responses to a request lie in one partition, so nobody waits for the others once there is one
            for come in asyncio.as_completed(looking):
                if (found := await come) is not None:
                    return found
            return None
        finally:
            for task in looking:
                task.cancel()

    async def close(self) -> None:
        """Stop looking."""
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, name: Name, place: int) -> Response | None:
        found: _Found = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(place, {}).setdefault(name, []).append(found)
        if place not in self._reading:
            self._reading[place] = asyncio.create_task(self._read(place))
        return await found

    async def _read(self, place: int) -> None:
        """Until nobody looks for anything there; those who come while it reads are served by the next reading."""
        try:
            while wanted := self._wanted.pop(place, None):
                await self._read_once(place, wanted)
        finally:
            del self._reading[place]

    async def _read_once(self, place: int, wanted: Mapping[Name, list[_Found]]) -> None:
        left = {name: [one for one in looking if not one.done()] for name, looking in wanted.items()}
        while left := {name: looking for name, looking in left.items() if any(not one.done() for one in looking)}:
            try:
                await self._read_back(place, left)
                return
            except Unreachable as error:
                log.warning("reading back interrupted: %s", error)
                await self._clock.sleep(_AGAIN)

    async def _read_back(self, place: int, left: dict[Name, list[_Found]]) -> None:
        since_us = self._clock.now_us() - round(self._look_back * 1e6)
        tenants = {name.tenant_id.encode() for name in left}
        async for block in self._wire.backwards(place, since_us):
            for record in reversed(block):
                if record.key.partition(b"/")[0] in tenants and (response := _response(record)) is not None:
                    _tell(left.pop(Name(response.tenant_id, response.request_id), ()), response)
            # most are answered while this reads, and look no more
            for name in [name for name, looking in left.items() if all(one.done() for one in looking)]:
                del left[name]
            if not left:
                return
        for looking in left.values():
            _tell(looking, None)


def _tell(looking: list[_Found] | tuple[()], found: Response | None) -> None:
    for one in looking:
        if not one.done():
            one.set_result(found)


def _response(record: Received) -> Response | None:
    try:
        return decode(Response, record.value)
    except InvalidRecord:
        return None
