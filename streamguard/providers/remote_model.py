"""A remote check over HTTP: pieces, a bound on calls at once, one retry of a broken connection, a pause after failures."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import orjson

from streamguard.clock import Clock, SystemClock
from streamguard.config import (
    Breaker as BreakerSettings,
)
from streamguard.config import (
    ClassificationEndpoint,
    JudgeEndpoint,
    ModerationEndpoint,
    RemoteCheckSettings,
    VerdictEndpoint,
)
from streamguard.providers.breaker import Breaker, Permit
from streamguard.providers.chat_scores import JudgeForm
from streamguard.providers.chat_verdict import VerdictForm
from streamguard.providers.classification import ClassificationForm
from streamguard.providers.endpoint import call_headers, endpoint
from streamguard.providers.errors import (
    CallFailed,
    CallTimeout,
    ConnectFailed,
    Disconnected,
    InvalidResponse,
    Paused,
    Refused,
    TooLong,
)
from streamguard.providers.failures import error_of_exception, error_of_status, read_body
from streamguard.providers.moderation import ModerationForm
from streamguard.providers.remote_form import Form, Scores
from streamguard.providers.transport import AiohttpTransport

_MOST_BYTES = 1 << 20
_UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
_NO_RATE = 1_000_000  # calls in a window before their share of failures counts: never


def form_of(settings: RemoteCheckSettings) -> Form:
    """How a server of that kind is asked."""
    match settings:
        case ModerationEndpoint():
            return ModerationForm(settings)
        case ClassificationEndpoint():
            return ClassificationForm(settings)
        case VerdictEndpoint():
            return VerdictForm(settings)
        case JudgeEndpoint():
            return JudgeForm(settings)


class HttpRemoteModel:
    """One of `[[remote_checks]]`, over one pool of connections.

    `transport` stands in for the network in tests. Raises `ConfigError` for an address or a key that cannot be used.
    """

    def __init__(
        self,
        settings: RemoteCheckSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._form = form_of(settings)
        self._clock = clock or SystemClock()
        self._url = endpoint(
            "remote_checks", settings.name, settings.base_url, self._form.path, "https://models.example/v1"
        )
        self._headers = call_headers("remote_checks", settings.name, self._url, settings.key().get_secret_value())
        self._transport = transport or AiohttpTransport(
            max_connections=settings.max_connections, connect_timeout=settings.connect_timeout
        )
        self._gate = asyncio.Semaphore(settings.max_connections)
        self._breaker = Breaker(
            BreakerSettings(
                failures=settings.failures,
                failure_rate=1.0,
                minimum_calls=_NO_RATE,
                open_seconds=settings.pause,
                probes=1,
            ),
            self._clock,
        )

    async def judge(self, texts: Sequence[str], *, timeout: float) -> Sequence[Scores]:
        """The scores of each text: of a long one the highest of its pieces. See `streamguard.checks.remote.RemoteModel`."""
        until = self._clock.monotonic() + timeout
        pieces = [
            (place, piece)
            for place, text in enumerate(texts)
            for piece in pieces_of(text, self._settings.max_characters)
        ]
        if len(pieces) > self._settings.max_pieces:
            raise TooLong
        batch = self._form.batch
        batches = [[piece for _, piece in pieces[at : at + batch]] for at in range(0, len(pieces), batch)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._scores(batch, until)) for batch in batches]
        except* CallFailed as failed:
            raise _first(failed) from None
        given = (scores for task in tasks for scores in task.result())
        highest: list[dict[str, float]] = [{} for _ in texts]
        for (place, _), scores in zip(pieces, given, strict=True):
            for label, score in scores.items():
                highest[place][label] = max(score, highest[place].get(label, 0.0))
        return highest

    async def aclose(self) -> None:
        """Close the pool. Idempotent."""
        await self._transport.aclose()

    async def _scores(self, texts: Sequence[str], until: float) -> Sequence[Scores]:
        # a lone surrogate is no text that JSON can carry
        body = orjson.dumps(self._form.body([text.encode(errors="replace").decode() for text in texts]))
        try:
            async with asyncio.timeout(until - self._clock.monotonic()):
                await self._gate.acquire()
        except TimeoutError:
            raise CallTimeout from None
        try:
            try:
                content = await self._call(body, until)
            except (ConnectFailed, Disconnected):
                content = await self._call(body, until)
        finally:
            self._gate.release()
        try:
            return self._form.read(orjson.loads(content), len(texts))
        except _UNREADABLE:
            # from None: the error may carry what was sent back, which may quote the text
            raise InvalidResponse(status=200) from None

    async def _call(self, body: bytes, until: float) -> bytes:
        permit = self._breaker.permit()
        if not isinstance(permit, Permit):
            raise Paused
        left = until - self._clock.monotonic()
        failed = False
        try:
            async with asyncio.timeout(min(left, self._settings.timeout)):
                content = await self._post(body)
        except TimeoutError:
            # Less than its whole time is the asker's haste and says nothing: else short deadlines could switch the check off.
            failed = left >= self._settings.timeout
            raise CallTimeout from None
        except CallFailed as error:
            # Nor does an answer that has the wrong form: else a text that confuses the model could switch it off for others.
            failed = not error.answered and not isinstance(error, Refused)
            raise
        else:
            self._breaker.success(permit, 0.0)
            return content
        finally:
            if failed:
                self._breaker.failure(permit, 0.0)
            else:
                self._breaker.release(permit)

    async def _post(self, body: bytes) -> bytes:
        headers = {**self._headers, "content-length": str(len(body))}
        try:
            response = await self._transport.handle_async_request(
                httpx.Request("POST", self._url, headers=headers, content=body)
            )
            try:
                content = await read_body(response, _MOST_BYTES)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise error_of_exception(error) from None
        if response.status_code != 200:
            raise error_of_status(response.status_code, response.headers, self._clock.now_us())
        return content


def pieces_of(text: str, most: int) -> list[str]:
    """`text` in pieces of at most `most` characters, each repeating the last tenth of the one before."""
    step = most - most // 10
    return [text[at : at + most] for at in range(0, max(1, len(text) - most // 10), step)]


def _first(failed: BaseExceptionGroup[CallFailed]) -> CallFailed:
    """One of them: any tells that there is no opinion."""
    error: Any = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
