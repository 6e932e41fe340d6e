"""How answers go over the wire, whole and streamed, what goes wrong with them there, and what of it is charged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from streamguard.clock import Clock
from streamguard.dev.simulator import tokens, wire
from streamguard.dev.simulator.fault_kinds import Fault
from streamguard.dev.simulator.form import Form, Script
from streamguard.dev.simulator.ledger import NOTHING, Call, Ledger, Tokens
from streamguard.dev.simulator.settings import SimulatorSettings

_PAGE = b"<!doctype html><title>Welcome</title>"
_OVERSIZED = 64 << 20
_BLANKS = b" " * (1 << 16)
_DRIPS = 64
_STATUS = {
    Fault.RATE_LIMITED: (429, "rate_limit_exceeded"),
    Fault.RATE_LIMITED_SILENT: (429, "rate_limit_exceeded"),
    Fault.SERVER_ERROR: (500, "server_error"),
    Fault.UNAVAILABLE: (503, "service_unavailable"),
    Fault.OVERLOADED: (529, "overloaded"),
    Fault.REVOKED_KEY: (401, "invalid_api_key"),
    Fault.CONTEXT_LENGTH: (400, "context_length_exceeded"),
}
REFUSALS = frozenset({*_STATUS, Fault.HANG})
"""The faults that take the answer's place."""
_MIDWAY = frozenset({Fault.CUT_STREAM, Fault.RESET, Fault.HANG_MID, Fault.STREAM_ERROR, Fault.GARBAGE})
"""The faults that end a stream in the middle."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds before a stream begins, and from one piece to the next."""

    first: float
    each: float


class Delivery:
    """Writes answers to their end here, so that the books know whether that succeeded."""

    def __init__(self, settings: SimulatorSettings, ledger: Ledger, clock: Clock) -> None:
        self._settings = settings
        self._ledger = ledger
        self._clock = clock

    async def refuse(self, call: Call, form: Form, fault: Fault, seconds: float) -> web.Response:
        """An error in place of an answer that would take `seconds`. `fault` is one of `REFUSALS`."""
        if fault is Fault.HANG:
            await self._clock.sleep(self._settings.hang_seconds)
            fault = Fault.UNAVAILABLE
        else:
            await self.pause(seconds / 4)  # errors come sooner than answers
        call.status, code = _STATUS[fault]
        response = form.failure(call.status, code, f"simulated: {code}")
        if fault is Fault.RATE_LIMITED:
            response.headers["Retry-After"] = str(self._settings.retry_after_seconds)
        return response

    async def pause(self, seconds: float) -> None:
        """Sleep, if at all."""
        if seconds > 0.0:
            await self._clock.sleep(seconds)

    async def whole(
        self,
        request: web.Request,
        call: Call,
        payload: bytes,
        used: Tokens,
        headers: Mapping[str, str],
        paid: Tokens = NOTHING,
    ) -> web.StreamResponse:
        """A JSON answer. `paid` is what was paid for it before."""
        match call.fault:
            case Fault.GARBAGE:
                payload = payload[: len(payload) // 2]
            case Fault.HTML:
                payload = _PAGE
            case Fault.EMPTY_BODY:
                payload = b""
            case _:
                pass
        kind = "text/html" if call.fault == Fault.HTML else "application/json"
        response = web.StreamResponse(headers={"Content-Type": kind, **headers})
        if call.fault != Fault.OVERSIZED:
            response.content_length = len(payload)
        await response.prepare(request)
        call.status = 200
        if call.fault in (Fault.RESET, Fault.HANG_MID):
            await response.write(payload[: len(payload) // 2])
            return await self._break(request, call, response)
        if call.fault == Fault.SLOW_DRIP:
            payload = await self._drip(response, payload)
        elif call.fault == Fault.OVERSIZED:
            await self._flood(response)
        if call.fault != Fault.EMPTY_BODY:
            self._ledger.answering(call, used.beyond(paid))
        await response.write(payload)
        await response.write_eof()
        if wire.still_there(request) and call.fault != Fault.EMPTY_BODY:
            self._ledger.finish(call, used.beyond(paid))
        return response

    async def stream(
        self,
        request: web.Request,
        call: Call,
        script: Script,
        used: Tokens,
        pace: Pace,
        headers: Mapping[str, str],
        paid: Tokens = NOTHING,
    ) -> web.StreamResponse:
        """An answer as server-sent events. From its first event on it is charged, as far as it comes."""
        page = call.fault == Fault.HTML
        await self.pause(pace.first)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/html" if page else "text/event-stream",
                "Cache-Control": "no-cache",
                **headers,
            }
        )
        await response.prepare(request)
        call.status = 200
        if page or call.fault == Fault.EMPTY_BODY:
            await response.write(_PAGE if page else b"")
            await response.write_eof()
            return response
        if call.fault == Fault.SLOW_DRIP:
            pace = Pace(0.0, self._settings.drip_seconds / max(1, len(script.pieces)))
        written: list[str] = []
        broken = call.fault in _MIDWAY
        half = max(1, len(script.pieces) // 2)
        try:
            for number, (data, text) in enumerate(_batches(script, pace, half if broken else len(script.pieces))):
                if number:
                    await self.pause(pace.each)
                await response.write(data)
                written.append(text)
            if broken:
                return await self._break(request, call, response, script, half)
            if call.fault == Fault.OVERSIZED:
                await response.write(b"data: {")
                await self._flood(response)
                wire.close(request)
                return response
            self._ledger.answering(call, used.beyond(paid))
            await response.write_eof(script.tail)
            if wire.still_there(request):
                self._ledger.finish(call, used.beyond(paid))
        finally:
            if not call.finished:
                so_far = replace(used, output=tokens.count("".join(written)))
                self._ledger.break_off(call, so_far.beyond(paid))
        return response

    async def _flood(self, response: web.StreamResponse) -> None:
        for _ in range(_OVERSIZED // len(_BLANKS)):
            await response.write(_BLANKS)

    async def _drip(self, response: web.StreamResponse, payload: bytes) -> bytes:
        """Write all but the last piece of it, which comes back."""
        size = max(1, len(payload) // _DRIPS)
        at = 0
        while at + size < len(payload):
            await response.write(payload[at : at + size])
            await self.pause(self._settings.drip_seconds * size / len(payload))
            at += size
        return payload[at:]

    async def _break(
        self,
        request: web.Request,
        call: Call,
        response: web.StreamResponse,
        script: Script | None = None,
        half: int = 0,
    ) -> web.StreamResponse:
        """End an answer of which half is written. What ends whole answers needs no script."""
        match call.fault:
            case Fault.RESET:
                wire.reset(request)
            case Fault.HANG_MID:
                await self.pause(self._settings.hang_seconds)
                wire.close(request)
            case Fault.STREAM_ERROR if script is not None:
                await response.write_eof(script.error)
            case Fault.GARBAGE if script is not None:
                rest = b"".join(piece.event for piece in script.pieces[half:]) + script.tail
                await response.write_eof(_garbled(rest))
            case _:
                wire.close(request)
        return response


def _batches(script: Script, pace: Pace, most: int) -> Iterator[tuple[bytes, str]]:
    """What is written at once, and the text in it: everything, where nothing lies between the pieces."""
    pieces = script.pieces[:most]
    if pace.each <= 0.0 or not pieces:
        yield script.head + b"".join(piece.event for piece in pieces), "".join(piece.text for piece in pieces)
        return
    yield script.head + pieces[0].event, pieces[0].text
    for piece in pieces[1:]:
        yield piece.event, piece.text


def _garbled(events: bytes) -> bytes:
    """The first of the events with half of its JSON."""
    event = events[: events.index(b"\n\n")]
    begin = event.index(b"data: ") + len(b"data: ")
    return event[: begin + (len(event) - begin) // 2] + b"\n\n"
