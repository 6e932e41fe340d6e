"""The simulator on the wire: an HTTP server that plays several providers at once, with OpenAI's API and with Anthropic's."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from random import Random
from typing import Any, Self

import orjson
from aiohttp import web

from streamguard.clock import Clock, SystemClock
from streamguard.dev.simulator import control, judging, tokens
from streamguard.dev.simulator.anthropic_form import AnthropicForm
from streamguard.dev.simulator.call_log import CallLog
from streamguard.dev.simulator.chat import BadRequest, read_body, read_model
from streamguard.dev.simulator.chat_routes import ChatRoutes
from streamguard.dev.simulator.delivery import Delivery
from streamguard.dev.simulator.door import Door
from streamguard.dev.simulator.faults import Faults
from streamguard.dev.simulator.form import Form
from streamguard.dev.simulator.ledger import CLIENT_GONE, Call, Ledger
from streamguard.dev.simulator.limits import Limits
from streamguard.dev.simulator.openai_form import OpenAIForm
from streamguard.dev.simulator.settings import SimulatorSettings
from streamguard.dev.simulator.signal_routes import SignalRoutes, embeddings, moderations, predict

_REMEMBERED = 100_000  # how many different requests are known by how often they came
_LARGEST_BODY = 16 << 20
_Answerer = Callable[[Form, web.Request, Call, dict[str, Any], Random], Awaitable[web.StreamResponse]]


class Simulator:
    """`start` it, call `url`, `close` it; an async context manager does both. `faults`, `limits` and `ledger` may be used
    directly."""

    def __init__(self, settings: SimulatorSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self.faults = Faults(settings.faults, self._clock)
        self.limits = Limits(settings.limits, self._clock, settings.retry_after_seconds)
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
        # A handler whose client has left is cancelled: a hanging call ends with its caller.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        door = self._door = Door(runner, self._clock)
        self._add_models(app.router)
        app.add_routes(control.routes(self.faults, self.limits, self.ledger, door.shut))
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

    def _add_models(self, router: web.UrlDispatcher) -> None:
        settings = self._settings
        delivery = Delivery(settings, self.ledger, self._clock)
        chat = ChatRoutes(settings, self.faults, self.limits, delivery, self._clock).answer
        signals = SignalRoutes(settings, self.faults, delivery)
        openai = OpenAIForm(f"fp_{settings.seed}", caching=settings.cache_automatically)
        paths: dict[str, tuple[Form, _Answerer, str | None]] = {
            "/v1/chat/completions": (openai, chat, None),
            "/v1/messages": (AnthropicForm(), chat, None),
            "/v1/embeddings": (openai, signals.answerer(embeddings), None),
            "/v1/moderations": (openai, signals.answerer(moderations), None),
            "/predict": (openai, signals.answerer(predict), judging.CLASSIFIER),
        }
        for prefix, provider in [("", settings.providers[0]), *((f"/{name}", name) for name in settings.providers)]:
            router.add_get(f"{prefix}/v1/models", self._models)
            for path, (form, answerer, only) in paths.items():
                router.add_post(f"{prefix}{path}", self._booked(provider, form, answerer, only))

    def _booked(
        self, provider: str, form: Form, answerer: _Answerer, only: str | None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """`only`: the model, where requests name none."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                body = read_body(await request.read())
                model = only or read_model(body)
            except BadRequest as error:
                return form.failure(400, "invalid_request_error", str(error), error.param)
            if model not in self._settings.prices:
                return form.failure(404, "model_not_found", "the model does not exist", "model")
            headers = request.headers
            call = self.ledger.begin(provider, model, headers.get("Idempotency-Key"), headers.get("X-Request-Id"))
            try:
                return await answerer(form, request, call, body, self._dice(provider, model, body))
            except ConnectionResetError:  # the client left while we wrote; nobody reads this answer
                return web.Response(status=CLIENT_GONE)
            except BadRequest as error:
                call.status = 400
                return form.failure(400, "invalid_request_error", str(error), error.param)
            finally:
                self.ledger.end(call)

        return handle

    def _dice(self, provider: str, model: str, body: Mapping[str, Any]) -> Random:
        """By seed, provider, model, content, and the how-manieth call with that content this is: retries roll anew."""
        content = body.get("messages", body.get("input", body.get("inputs")))
        rest = tuple(body[key] for key in ("system", "tools", "tool_choice") if key in body)
        asked = orjson.dumps((self._settings.seed, provider, model, content, body.get("response_format"), *rest))
        identity = blake2b(asked, digest_size=16).digest()
        nth = self._came.pop(identity, 0)
        self._came[identity] = nth + 1
        if len(self._came) > _REMEMBERED:
            del self._came[next(iter(self._came))]
        return Random(identity + nth.to_bytes(4, "big"))

    async def _models(self, _: web.Request) -> web.Response:
        data = [
            {"id": model, "object": "model", "created": 0, "owned_by": "simulator"} for model in self._settings.prices
        ]
        return web.Response(body=orjson.dumps({"object": "list", "data": data}), content_type="application/json")


async def serve(settings: SimulatorSettings, *, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Run a simulator until `stop` is set; `ready` is called once with `host:port`. Raises `OSError` when the port is taken."""
    async with Simulator(settings) as simulator:
        ready(simulator.address)
        await stop.wait()
