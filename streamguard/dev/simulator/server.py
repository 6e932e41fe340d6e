"""The simulator on the wire: an OpenAI-compatible HTTP server for several providers at once."""

import asyncio
import base64
import math
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from random import Random
from typing import Any, Self

import orjson
from aiohttp import web

from streamguard.clock import Clock, SystemClock
from streamguard.dev.simulator import control, judging, signals, tokens, wire
from streamguard.dev.simulator.call_log import CallLog
from streamguard.dev.simulator.chat import Asked, BadRequest, Reply, read_body, read_chat, read_model, reply
from streamguard.dev.simulator.door import Door
from streamguard.dev.simulator.faults import Faults
from streamguard.dev.simulator.ledger import Call, Ledger
from streamguard.dev.simulator.settings import Fault, SimulatorSettings

_DIMENSIONS = 256
_REMEMBERED = 100_000  # how many different requests are known by how often they came
_LARGEST_BODY = 16 << 20
_TEXT_FAULTS = frozenset(Fault) - {
    Fault.RATE_LIMITED,
    Fault.RATE_LIMITED_SILENT,
    Fault.SERVER_ERROR,
    Fault.UNAVAILABLE,
    Fault.HANG,
    Fault.RESET,
    Fault.CUT_STREAM,
}
_STATUS = {
    Fault.RATE_LIMITED: (429, "rate_limit_exceeded"),
    Fault.RATE_LIMITED_SILENT: (429, "rate_limit_exceeded"),
    Fault.SERVER_ERROR: (500, "server_error"),
    Fault.UNAVAILABLE: (503, "service_unavailable"),
}
_Answerer = Callable[[web.Request, Call, dict[str, Any], Random], Awaitable[web.StreamResponse]]


class Simulator:
    """`start` it, call `url`, `close` it; an async context manager does both. `faults` and `ledger` may be used directly."""

    def __init__(self, settings: SimulatorSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self.faults = Faults(settings.faults, self._clock)
        log = CallLog(settings.log) if settings.log is not None else None
        self.ledger = Ledger(settings.prices, settings.kept_calls, self._clock, log)
        self._came: dict[bytes, int] = {}
        self._door: Door | None = None
        self.address = ""

    @property
    def url(self) -> str:
        """Where it listens, without a path: `http://host:port`."""
        return f"http://{self.address}"

    async def start(self) -> str:
        """Listen. Returns `host:port`. Raises `OSError` when the port is taken."""
        tokens.count("")  # reads the vocabulary now rather than during the first call
        app = web.Application(client_max_size=_LARGEST_BODY)
        paths: dict[str, _Answerer] = {
            "chat/completions": self._chat,
            "embeddings": self._embeddings,
            "moderations": self._moderations,
        }
        for prefix, provider in [
            ("", self._settings.providers[0]),
            *((f"/{name}", name) for name in self._settings.providers),
        ]:
            app.router.add_get(f"{prefix}/v1/models", self._models)
            for path, answerer in paths.items():
                app.router.add_post(f"{prefix}/v1/{path}", self._booked(provider, answerer))
            app.router.add_post(f"{prefix}/predict", self._booked(provider, self._predict, judging.CLASSIFIER))
        # A handler whose client has left is cancelled: a hanging call ends with its caller.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        door = self._door = Door(runner, self._clock)
        app.add_routes(control.routes(self.faults, self.ledger, door.shut))
        await runner.setup()
        self.address = await door.open(self._settings.host, self._settings.port)
        return self.address

    async def close(self) -> None:
        """Stop listening and end every call."""
        if self._door is not None:
            await self._door.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _booked(
        self, provider: str, answerer: _Answerer, only: str | None = None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """`only`: the model, where requests name none."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                body = read_body(await request.read())
                model = only or read_model(body)
            except BadRequest as error:
                return wire.failure(400, "invalid_request_error", str(error), error.param)
            if model not in self._settings.prices:
                return wire.failure(404, "model_not_found", "the model does not exist", "model")
            headers = request.headers
            call = self.ledger.begin(provider, model, headers.get("Idempotency-Key"), headers.get("X-Request-Id"))
            try:
                return await answerer(request, call, body, self._dice(provider, model, body))
            except BadRequest as error:
                call.status = 400
                return wire.failure(400, "invalid_request_error", str(error), error.param)
            finally:
                self.ledger.end(call)

        return handle

    def _dice(self, provider: str, model: str, body: Mapping[str, Any]) -> Random:
        """By seed, provider, model, content, and the how-manieth call with that content this is: retries roll anew."""
        content = body.get("messages", body.get("input", body.get("inputs")))
        asked = orjson.dumps((self._settings.seed, provider, model, content, body.get("response_format")))
        identity = blake2b(asked, digest_size=16).digest()
        nth = self._came.pop(identity, 0)
        self._came[identity] = nth + 1
        if len(self._came) > _REMEMBERED:
            del self._came[next(iter(self._came))]
        return Random(identity + nth.to_bytes(4, "big"))

    async def _chat(self, request: web.Request, call: Call, body: dict[str, Any], dice: Random) -> web.StreamResponse:
        asked = read_chat(body)
        fault = self.faults.of_call(call.provider, call.model, dice, json=asked.schema is not None, stream=asked.stream)
        call.fault = fault.value if fault is not None else None
        seconds = self._latency_seconds(dice)
        if fault in _STATUS or fault is Fault.HANG:
            return await self._refuse(call, fault, seconds)
        answer = reply(asked, dice, fault if fault in _TEXT_FAULTS else None)
        envelope: dict[str, Any] = {
            "id": f"chatcmpl-{asked.digest.hex()}-{call.seq}",
            "created": self._clock.now_us() // 1_000_000,
            "model": asked.model,
            "system_fingerprint": f"fp_{self._settings.seed}",
        }
        if asked.stream:
            return await self._stream(request, call, asked, answer, envelope, seconds)
        await self._clock.sleep(seconds)
        said, logprobs = judging.verdict(asked) if asked.model in judging.MODELS else (answer.text, None)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": said, "refusal": None},
            "logprobs": logprobs,
            "finish_reason": answer.finish_reason,
        }
        whole = {**envelope, "object": "chat.completion", "choices": [choice], "usage": wire.usage(answer)}
        return await self._write(request, call, whole, answer.input_tokens, answer.output_tokens)

    async def _embeddings(
        self, request: web.Request, call: Call, body: dict[str, Any], dice: Random
    ) -> web.StreamResponse:
        fault = self.faults.of_call(call.provider, call.model, dice, json=False, stream=False)
        call.fault = fault.value if fault is not None else None
        if fault in _STATUS or fault is Fault.HANG:
            return await self._refuse(call, fault, self._latency_seconds(dice))
        texts = wire.inputs(body)
        dimensions = body.get("dimensions", _DIMENSIONS)
        if not isinstance(dimensions, int) or not 1 <= dimensions <= 4096:
            raise BadRequest("dimensions must be a whole number from 1 to 4096", "dimensions")
        as_base64 = body.get("encoding_format") == "base64"
        await self._clock.sleep(self._latency_seconds(dice))
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
        usage = {"prompt_tokens": used, "total_tokens": used}
        return await self._write(
            request, call, {"object": "list", "data": data, "model": call.model, "usage": usage}, used, 0
        )

    async def _moderations(
        self, request: web.Request, call: Call, body: dict[str, Any], dice: Random
    ) -> web.StreamResponse:
        fault = self.faults.of_call(call.provider, call.model, dice, json=False, stream=False)
        call.fault = fault.value if fault is not None else None
        if fault in _STATUS or fault is Fault.HANG:
            return await self._refuse(call, fault, self._latency_seconds(dice))
        scores = [signals.moderation(text) for text in wire.inputs(body)]
        if fault is Fault.ODD_LABELS:
            scores = [{f"odd {text}": 0.97} for text in wire.inputs(body)]
        await self._clock.sleep(self._latency_seconds(dice))
        results = [
            {
                "flagged": any(score >= 0.5 for score in of_text.values()),
                "categories": {category: score >= 0.5 for category, score in of_text.items()},
                "category_scores": of_text,
            }
            for of_text in scores
        ]
        return await self._write(
            request, call, {"id": f"modr-{call.seq}", "model": call.model, "results": results}, 0, 0
        )

    async def _predict(
        self, request: web.Request, call: Call, body: dict[str, Any], dice: Random
    ) -> web.StreamResponse:
        fault = self.faults.of_call(call.provider, call.model, dice, json=False, stream=False)
        call.fault = fault.value if fault is not None else None
        if fault in _STATUS or fault is Fault.HANG:
            return await self._refuse(call, fault, self._latency_seconds(dice))
        text = body.get("inputs")
        if not isinstance(text, str):
            raise BadRequest("inputs must be a string", "inputs")
        await self._clock.sleep(self._latency_seconds(dice))
        return await self._write(request, call, judging.labels(text, odd=fault is Fault.ODD_LABELS), 0, 0)

    async def _models(self, _: web.Request) -> web.Response:
        data = [
            {"id": model, "object": "model", "created": 0, "owned_by": "simulator"} for model in self._settings.prices
        ]
        return web.Response(body=orjson.dumps({"object": "list", "data": data}), content_type="application/json")

    def _latency_seconds(self, dice: Random) -> float:
        latency = self._settings.latency
        if latency.sigma <= 0.0 or latency.median_ms <= 0.0:
            return latency.median_ms / 1000
        return dice.lognormvariate(math.log(latency.median_ms), latency.sigma) / 1000

    async def _refuse(self, call: Call, fault: Fault | None, seconds: float) -> web.Response:
        if fault is Fault.HANG:
            await self._clock.sleep(self._settings.hang_seconds)
            fault = Fault.UNAVAILABLE
        else:
            await self._clock.sleep(seconds / 4)  # errors come sooner than answers
        status, code = _STATUS[fault or Fault.SERVER_ERROR]
        call.status = status
        response = wire.failure(status, code, f"simulated: {code}", None)
        if fault is Fault.RATE_LIMITED:
            response.headers["Retry-After"] = str(self._settings.retry_after_seconds)
        return response

    async def _write(
        self, request: web.Request, call: Call, whole: object, input_tokens: int, output_tokens: int
    ) -> web.StreamResponse:
        """Write a JSON answer to its end here, so that the books know whether that succeeded."""
        payload = orjson.dumps(whole)
        if call.fault == Fault.RESET:
            response = web.StreamResponse(
                headers={"Content-Type": "application/json", "Content-Length": str(len(payload))}
            )
            await response.prepare(request)
            call.status = 200
            await response.write(payload[: len(payload) // 2])
            wire.reset(request)
            return response
        if call.fault == Fault.GARBAGE:
            payload = payload[: len(payload) // 2]
        page = call.fault == Fault.HTML
        if page:
            payload = b"<!doctype html><title>Welcome</title>"
        kind = "text/html" if page else "application/json"
        answer = web.Response(body=payload, content_type=kind, headers={"X-Request-Id": f"sim-{call.seq}"})
        await answer.prepare(request)
        call.status = 200
        self.ledger.answering(call, input_tokens, output_tokens)
        await answer.write_eof()
        if wire.still_there(request):
            self.ledger.finish(call, input_tokens, output_tokens)
        return answer

    async def _stream(
        self, request: web.Request, call: Call, asked: Asked, answer: Reply, envelope: dict[str, Any], seconds: float
    ) -> web.StreamResponse:
        """Half of the latency passes before the first chunk, the other half between the chunks."""
        envelope["object"] = "chat.completion.chunk"
        pieces = wire.pieces(answer.text)
        await self._clock.sleep(seconds / 2)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Request-Id": f"sim-{call.seq}"})
        await response.prepare(request)
        call.status = 200
        broken_at = max(1, len(pieces) // 2) if call.fault in (Fault.CUT_STREAM, Fault.RESET) else None
        await response.write(wire.event(envelope, {"role": "assistant", "content": ""}))
        for number, piece in enumerate(pieces):
            if number == broken_at:
                break
            if number:
                await self._clock.sleep(seconds / 2 / len(pieces))
            await response.write(wire.event(envelope, {"content": piece}))
        if broken_at is not None:
            if call.fault == Fault.RESET:
                wire.reset(request)
            elif request.transport is not None:
                request.transport.close()
            return response
        last = wire.event(envelope, {}, answer.finish_reason)
        if asked.include_usage:
            last += wire.data({**envelope, "choices": [], "usage": wire.usage(answer)})
        self.ledger.answering(call, answer.input_tokens, answer.output_tokens)
        await response.write(last + b"data: [DONE]\n\n")
        await response.write_eof()
        if wire.still_there(request):
            self.ledger.finish(call, answer.input_tokens, answer.output_tokens)
        return response


async def serve(settings: SimulatorSettings, *, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Run a simulator until `stop` is set; `ready` is called once with `host:port`. Raises `OSError` when the port is taken."""
    async with Simulator(settings) as simulator:
        ready(simulator.address)
        await stop.wait()
