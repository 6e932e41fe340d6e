"""What becomes of a call to a model that does not chat: embeddings, moderations, classification."""

import base64
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import orjson
from aiohttp import web

from streamguard.dev.simulator import judging, signals, tokens, wire
from streamguard.dev.simulator.chat import BadRequest
from streamguard.dev.simulator.chat_routes import latency_seconds
from streamguard.dev.simulator.delivery import REFUSALS, Delivery
from streamguard.dev.simulator.fault_kinds import Fault
from streamguard.dev.simulator.faults import Faults
from streamguard.dev.simulator.form import Form
from streamguard.dev.simulator.ledger import NOTHING, Call, Tokens
from streamguard.dev.simulator.settings import SimulatorSettings

_DIMENSIONS = 256

Made = tuple[Any, Tokens]
Make = Callable[[dict[str, Any], Call], Made]
"""Makes an answer's JSON, and what it used. Raises `BadRequest`."""


class SignalRoutes:
    """Faults, latency, the answer, its way over the wire: in this order."""

    def __init__(self, settings: SimulatorSettings, faults: Faults, delivery: Delivery) -> None:
        self._settings = settings
        self._faults = faults
        self._delivery = delivery

    def answerer(
        self, make: Make
    ) -> Callable[[Form, web.Request, Call, dict[str, Any], Random], Awaitable[web.StreamResponse]]:
        """Answers calls with what `make` makes."""

        async def answer(
            form: Form, request: web.Request, call: Call, body: dict[str, Any], dice: Random
        ) -> web.StreamResponse:
            fault = self._faults.of_call(call.provider, call.model, dice, json=False, stream=False)
            call.fault = fault.value if fault is not None else None
            seconds = latency_seconds(self._settings.latency, dice)
            if fault is not None and fault in REFUSALS:
                return await self._delivery.refuse(call, form, fault, seconds)
            made, used = make(body, call)
            await self._delivery.pause(seconds)
            return await self._delivery.whole(request, call, orjson.dumps(made), used, form.headers(call.seq))

        return answer


def embeddings(body: dict[str, Any], call: Call) -> Made:
    """`POST /v1/embeddings`."""
    texts = wire.inputs(body)
    dimensions = body.get("dimensions", _DIMENSIONS)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= 4096:
        raise BadRequest("dimensions must be a whole number from 1 to 4096", "dimensions")
    as_base64 = body.get("encoding_format") == "base64"
    vectors = [signals.embedding(text, dimensions) for text in texts]
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    used = sum(tokens.count(text) for text in texts)
    made: dict[str, Any] = {"object": "list", "data": data, "model": call.model}
    if call.fault != Fault.NO_USAGE:
        made["usage"] = {"prompt_tokens": used, "total_tokens": used}
    return made, Tokens(used, 0)


def moderations(body: dict[str, Any], call: Call) -> Made:
    """`POST /v1/moderations`."""
    scores = [signals.moderation(text) for text in wire.inputs(body)]
    if call.fault == Fault.ODD_LABELS:
        scores = [{f"odd {text}": 0.97} for text in wire.inputs(body)]
    results = [
        {
            "flagged": any(score >= 0.5 for score in of_text.values()),
            "categories": {category: score >= 0.5 for category, score in of_text.items()},
            "category_scores": of_text,
        }
        for of_text in scores
    ]
    return {"id": f"modr-{call.seq}", "model": call.model, "results": results}, NOTHING


def predict(body: dict[str, Any], call: Call) -> Made:
    """`POST /predict`, as servers of text classification know it."""
    text = body.get("inputs")
    if not isinstance(text, str):
        raise BadRequest("inputs must be a string", "inputs")
    return judging.labels(text, odd=call.fault == Fault.ODD_LABELS), NOTHING
