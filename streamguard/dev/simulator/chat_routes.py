"""What becomes of a question to a chat model, in whichever API it is asked."""

import math
from random import Random
from typing import Any

from aiohttp import web

from streamguard.clock import Clock
from streamguard.dev.simulator.chat import Asked, reply
from streamguard.dev.simulator.delivery import REFUSALS, Delivery, Pace
from streamguard.dev.simulator.fault_kinds import Fault
from streamguard.dev.simulator.faults import Faults
from streamguard.dev.simulator.form import Answer, Form
from streamguard.dev.simulator.ledger import NOTHING, Call, Tokens
from streamguard.dev.simulator.limits import Entered, Limits, Room
from streamguard.dev.simulator.prompt_cache import PromptCache
from streamguard.dev.simulator.repeats import Repeats
from streamguard.dev.simulator.settings import Latency, SimulatorSettings


def latency_seconds(latency: Latency, dice: Random) -> float:
    """How long an answer takes. Rolls the dice only where latencies differ."""
    if latency.sigma <= 0.0 or latency.median_ms <= 0.0:
        return latency.median_ms / 1000
    return dice.lognormvariate(math.log(latency.median_ms), latency.sigma) / 1000


class ChatRoutes:
    """Limits, faults, latency, the answer, its way over the wire: in this order."""

    def __init__(
        self, settings: SimulatorSettings, faults: Faults, limits: Limits, delivery: Delivery, clock: Clock
    ) -> None:
        self._settings = settings
        self._faults = faults
        self._limits = limits
        self._delivery = delivery
        self._clock = clock
        self._cache = PromptCache(clock, settings.cache_minimum_tokens)
        self._repeats = Repeats() if settings.idempotent else None

    async def answer(
        self, form: Form, request: web.Request, call: Call, body: dict[str, Any], dice: Random
    ) -> web.StreamResponse:
        """Answer a call. Raises `BadRequest` for what `form` cannot read."""
        asked = form.read(body, request.headers)
        call.streamed = asked.stream
        fault = self._faults.of_call(call.provider, call.model, dice, json=asked.wants_json, stream=asked.stream)
        seconds = latency_seconds(self._settings.latency, dice)
        room, entered = self._limits.enter(call.provider, call.model, asked.input_tokens)
        if room.wait is not None:
            return self._limited(call, form, room)
        call.fault = fault.value if fault is not None else None
        try:
            if fault is not None and fault in REFUSALS:
                return await self._delivery.refuse(call, form, fault, seconds)
            return await self._answer(form, request, call, asked, dice, seconds, entered)
        finally:
            self._limits.leave(entered)

    async def _answer(
        self,
        form: Form,
        request: web.Request,
        call: Call,
        asked: Asked,
        dice: Random,
        seconds: float,
        entered: Entered | None,
    ) -> web.StreamResponse:
        if self._repeats is None or call.idempotency_key is None:
            answer = self._reply(call, asked, dice)
            return await self._deliver(form, request, call, asked, answer, seconds, entered, NOTHING)
        kept = self._repeats.begin(call.provider, call.idempotency_key, await request.read())
        if kept is None or kept.under_way:
            call.status = 422 if kept is None else 409
            return form.failure(call.status, "idempotency_error", "the key belongs to another call", "Idempotency-Key")
        kept.under_way = True
        try:
            call.repeated = kept.answer is not None
            kept.answer = kept.answer or self._reply(call, asked, dice)
            return await self._deliver(form, request, call, asked, kept.answer, seconds, entered, kept.paid)
        finally:
            self._repeats.end(kept, call)

    def _reply(self, call: Call, asked: Asked, dice: Random) -> Answer:
        fault = Fault(call.fault) if call.fault is not None else None
        said = reply(asked, dice, fault, self._settings.tool_share)
        read, written = self._cache.use(call.provider, call.model, asked.prefixes) if asked.prefixes else (0, 0)
        used = Tokens(asked.input_tokens, said.output_tokens, read, written if asked.pays_cache_writes else 0)
        return Answer(said, used, call.seq, self._clock.now_us() // 1_000_000)

    async def _deliver(
        self,
        form: Form,
        request: web.Request,
        call: Call,
        asked: Asked,
        answer: Answer,
        seconds: float,
        entered: Entered | None,
        paid: Tokens,
    ) -> web.StreamResponse:
        room = self._limits.spend(entered, answer.used.output)
        headers = {**form.headers(call.seq), **form.room(room, self._clock.now_us())}
        usage = call.fault != Fault.NO_USAGE
        if not asked.stream:
            await self._delivery.pause(seconds)
            payload = form.whole(asked, answer, usage=usage)
            return await self._delivery.whole(request, call, payload, answer.used, headers, paid)
        script = form.script(asked, answer, usage=usage)
        pace = self._pace(seconds, len(script.pieces))
        return await self._delivery.stream(request, call, script, answer.used, pace, headers, paid)

    def _pace(self, seconds: float, pieces: int) -> Pace:
        first, each = self._settings.first_token_ms, self._settings.per_chunk_ms
        return Pace(
            seconds / 2 if first is None else first / 1000,
            seconds / 2 / max(1, pieces) if each is None else each / 1000,
        )

    def _limited(self, call: Call, form: Form, room: Room) -> web.Response:
        call.status = 429
        response = form.failure(429, "rate_limit_exceeded", "simulated: over the limit")
        wait = room.wait or 0.0
        response.headers.update(form.room(room, self._clock.now_us()))
        response.headers["Retry-After"] = str(math.ceil(wait))
        response.headers["Retry-After-Ms"] = str(math.ceil(wait * 1000))
        return response
