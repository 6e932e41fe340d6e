"""ClickHouse's HTTP interface in front of the embedded engine: what clients, Grafana and curl speak."""

import asyncio
import re
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import orjson
from aiohttp import web

from streamguard.clock import Clock, SystemClock
from streamguard.dev.store import native
from streamguard.dev.store.access import Limits
from streamguard.dev.store.compression import compress, decompress, too_large
from streamguard.dev.store.engine import Engine, Job, Outcome
from streamguard.dev.store.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, TOO_MANY_SIMULTANEOUS_QUERIES, EngineError
from streamguard.dev.store.reader import Question, Reader
from streamguard.dev.store.statement import harms_the_store, named_format, split_insert

_LARGEST_BODY = 1 << 30
_LARGEST_QUESTION = 1 << 20
"""Bytes that analysts may send at once, before and after decompression; the engine reads statements of a quarter of it."""
_HEADER_SAFE = re.compile(r"^[\x21-\x7e]{1,128}$")
_STOP_SECONDS = 10.0

# fmt: off
_OF_THE_TRANSPORT = frozenset({
    "query", "query_id", "database", "default_format", "user", "password", "quota_key", "role", "session_id",
    "session_timeout", "session_check", "close_session", "compress", "decompress", "buffer_size", "wait_end_of_query",
    "stacktrace", "client_protocol_version", "enable_http_compression", "http_zlib_compression_level",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "add_http_cors_header",
    "cancel_http_readonly_queries_on_client_close",
})
# fmt: on
"""URL parameters that concern the conversation; the engine never sees them. All others are settings, or `param_…`."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """`path` is the store's directory. Port 0 is any free one. A `read_only_port` opens a second listener, for analysts, who may
    only read, within `limits`. Users and passwords are not checked: it listens for its own machine only.
    """

    path: Path
    host: str = "127.0.0.1"
    port: int = 0
    read_only_port: int | None = None
    limits: Limits = field(default_factory=Limits)


class EmbeddedStore:
    """`start` it, connect any ClickHouse HTTP client to `address`, `close` it; an async context manager does both."""

    def __init__(self, settings: StoreSettings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._engine: Engine | None = None
        self._reader: Reader | None = None
        self._readers = ThreadPoolExecutor(max_workers=settings.limits.running, thread_name_prefix="reader")
        self._asking: set[asyncio.Task[Outcome]] = set()
        self._runners: list[web.AppRunner] = []
        self.address = ""
        self.read_only_address: str | None = None

    async def start(self) -> str:
        """Open the path and listen. Returns `host:port`. Raises `InputError` as `Engine` does, `OSError` for a taken port."""
        loop = asyncio.get_running_loop()
        limits = self._settings.limits
        engine = await loop.run_in_executor(self._thread, Engine, self._settings.path, self._clock, limits)
        self._engine = engine
        try:
            self.address = await self._listen(self._settings.port, read_only=False)
            if self._settings.read_only_port is not None:
                self._reader = await loop.run_in_executor(self._thread, Reader, engine, limits)
                self.read_only_address = await self._listen(self._settings.read_only_port, read_only=True)
        except OSError:
            await self.close()
            raise
        return self.address

    async def close(self) -> None:
        """Stop listening, let running statements end (analysts' are given up), and close the path. Closing twice does nothing."""
        for task in tuple(self._asking):
            task.cancel()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        await asyncio.get_running_loop().run_in_executor(None, self._readers.shutdown)
        if self._engine is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.close)
            self._engine = None
        self._thread.shutdown()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _listen(self, port: int, *, read_only: bool) -> str:
        async def ping(_: web.Request) -> web.Response:
            return web.Response(text="Ok.\n")

        async def query(request: web.Request) -> web.Response:
            return await self._answer(request, read_only=read_only)

        app = web.Application(client_max_size=_LARGEST_QUESTION if read_only else _LARGEST_BODY)
        app.add_routes(
            [web.get("/ping", ping), web.get("/replicas_status", ping), web.get("/", query), web.post("/", query)]
        )
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            shutdown_timeout=_STOP_SECONDS,
            handler_cancellation=read_only,  # a question is given up when its client goes; what a writer sent is carried out
        )
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, self._settings.host, port).start()
        host, bound = runner.addresses[0][:2]
        return f"{host}:{bound}"

    async def _answer(self, request: web.Request, *, read_only: bool) -> web.Response:
        parameters = dict(request.query)
        given_id = parameters.get("query_id", "")
        engine = self._engine
        assert engine is not None  # requests come only while it is open
        headers = {
            "X-ClickHouse-Query-Id": given_id if _HEADER_SAFE.match(given_id) else str(uuid.uuid4()),
            "X-ClickHouse-Server-Display-Name": "streamguard-store",
            "X-ClickHouse-Timezone": engine.timezone,
        }
        try:
            body = await _received(request, parameters, _LARGEST_QUESTION if read_only else _LARGEST_BODY)
            if not body and "query" not in parameters:
                return web.Response(text="Ok.\n")
            revision = _whole(parameters.get("client_protocol_version", "0"))
            job = _job(parameters, request.headers, body, read_only=read_only, reads=request.method == "GET")
            if read_only:
                outcome = await self._ask(job)
            else:
                outcome = await asyncio.get_running_loop().run_in_executor(self._thread, engine.run, job)
            if revision >= native.SINCE and (named_format(job.statement) or job.format) == "Native":
                outcome = replace(outcome, body=await asyncio.to_thread(native.with_info, outcome.body))
        except EngineError as error:
            headers["X-ClickHouse-Exception-Code"] = str(error.code)
            text = f"{error.text} (version {engine.version})\n"
            return web.Response(text=text, status=error.status, headers=headers)
        headers["X-ClickHouse-Summary"] = _summary(outcome)
        payload, encoding = outcome.body, None
        if job.data is None and payload:
            headers["X-ClickHouse-Format"] = named_format(job.statement) or job.format
        if parameters.get("enable_http_compression") == "1":
            # apart: large ones take seconds, and inserts do not wait
            accepted = request.headers.get("Accept-Encoding", "")
            payload, encoding = await asyncio.to_thread(compress, payload, accepted)
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        return web.Response(
            body=payload, headers=headers, content_type=_content_type(headers.get("X-ClickHouse-Format"))
        )

    async def _ask(self, job: Job) -> Outcome:
        """An analyst's question: a few run at once, some more wait. Cancelled, it is given up."""
        limits = self._settings.limits
        if len(self._asking) >= limits.running + limits.waiting:
            raise EngineError(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)",
            )
        task = asyncio.create_task(self._answered(Question(job)))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return await task

    async def _answered(self, question: Question) -> Outcome:
        reader, loop = self._reader, asyncio.get_running_loop()
        assert reader is not None  # made before its port listens
        try:
            return await loop.run_in_executor(self._readers, reader.ask, question)
        except asyncio.CancelledError:
            await loop.run_in_executor(None, reader.give_up, question)
            raise


async def serve(settings: StoreSettings, *, ready: Callable[[str, str | None], None], stop: asyncio.Event) -> None:
    """Run a store until `stop` is set; `ready` is called once with its address and the read-only one. Raises as `start` does."""
    async with EmbeddedStore(settings) as store:
        ready(store.address, store.read_only_address)
        await stop.wait()


def _job(
    parameters: Mapping[str, str], headers: Mapping[str, str], body: bytes, *, read_only: bool, reads: bool
) -> Job:
    if parameters.get("compress") == "1" or parameters.get("decompress") == "1":
        raise EngineError(
            NOT_IMPLEMENTED, "use HTTP's own compression, enable_http_compression=1, not compress or decompress"
        )
    query = parameters.get("query", "").encode()
    settings = {
        name: value
        for name, value in parameters.items()
        if name not in _OF_THE_TRANSPORT and not name.startswith("param_")
    }
    if read_only:
        settings.pop("readonly", None)
    elif reads and "readonly" not in settings and "session_id" not in parameters:
        settings["readonly"] = "2"  # a GET changes nothing, as ClickHouse has it; in a session it could not be undone
    try:
        insert = split_insert(query, body)
        statement = insert.statement if insert else b"\n".join(part for part in (query, body) if part).decode()
    except UnicodeDecodeError:
        raise EngineError(BAD_ARGUMENTS, "the statement is not UTF-8") from None
    if harms_the_store(statement):
        raise EngineError(
            NOT_IMPLEMENTED, "Code: 48. DB::Exception: the embedded store has no Kafka tables. (NOT_IMPLEMENTED)"
        )
    asked_format = parameters.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated"
    return Job(
        statement=statement,
        format=insert.format if insert else asked_format,
        data=insert.data if insert else None,
        parameters={
            name.removeprefix("param_"): value for name, value in parameters.items() if name.startswith("param_")
        },
        settings=settings,
        database=parameters.get("database") or headers.get("X-ClickHouse-Database"),
        session=parameters.get("session_id"),
        session_seconds=_seconds(parameters.get("session_timeout", "60")),
    )


async def _received(request: web.Request, parameters: dict[str, str], most: int) -> bytes:
    """The request's body, as it was before it was compressed; a form's fields are put into `parameters`."""
    try:
        if request.content_type == "multipart/form-data":
            return await _merge_form(request, parameters)
        data = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large(most) from None
    encoding = request.headers.get("Content-Encoding")
    return await asyncio.to_thread(decompress, data, encoding, most) if encoding else data


async def _merge_form(request: web.Request, parameters: dict[str, str]) -> bytes:
    """Statement and parameters as clients send them when they are too long for a URL. Returns the body, which is empty."""
    for name, value in (await request.post()).items():
        if not isinstance(value, str):
            raise EngineError(NOT_IMPLEMENTED, "external data is not supported")
        parameters[name] = value
    return b""


def _summary(outcome: Outcome) -> str:
    return orjson.dumps(
        {
            "read_rows": str(outcome.read_rows),
            "read_bytes": str(outcome.read_bytes),
            "written_rows": str(outcome.written_rows),
            "written_bytes": str(outcome.written_bytes),
            "elapsed_ns": str(round(outcome.elapsed * 1e9)),
        }
    ).decode()


def _seconds(given: str) -> float:
    try:
        return min(3600.0, max(0.0, float(given)))
    except ValueError:
        raise EngineError(BAD_ARGUMENTS, "session_timeout is a number of seconds") from None


def _whole(given: str) -> int:
    try:
        return int(given)
    except ValueError:
        raise EngineError(BAD_ARGUMENTS, "client_protocol_version is a number") from None


def _content_type(format_name: str | None) -> str:
    if format_name is None or format_name.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values"
    if format_name.startswith("JSON"):
        return "application/json"
    return "text/csv" if format_name.startswith("CSV") else "application/octet-stream"
