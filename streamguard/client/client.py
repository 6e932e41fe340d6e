"""The client: requests go out, responses come back."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from streamguard.client.asked import Asked, checked
from streamguard.client.errors import Closed, NotAnswered, NotSent, Unreachable
from streamguard.client.kafka_wire import KafkaWire
from streamguard.client.requests import NewIds, encoded, make, new_id
from streamguard.client.searching import Searches
from streamguard.client.showing import closing
from streamguard.client.timing import Limit, limited
from streamguard.client.waiting import Name, Waiter, Waiting
from streamguard.client.wire import CANCELLATIONS, REQUESTS, Refused, Wire
from streamguard.clock import Clock, SystemClock
from streamguard.events.chunk import Chunk
from streamguard.events.codec import encode, schema_name
from streamguard.events.fleet import Cancellation
from streamguard.events.outcome import Response
from streamguard.events.reading import ChunkReader, Told
from streamguard.events.request import Message, Request

if TYPE_CHECKING:  # a service that names its brokers needs none of the configuration
    from streamguard.config import Cluster, Kafka

log = logging.getLogger(__name__)

TIMEOUT = 30.0
LOOK_BACK = 3600.0


class Client:
    """Asks a line of streamguard. Use as an async context manager; one is enough for a process, whatever it asks at once.

    A response says how a request ended, whatever the end: look at `response.status`, and `response.reason` where it is not
    `answered`. Errors (`streamguard.client.errors`) speak of the way there and back alone.
    """

    def __init__(
        self,
        cluster: "Cluster | str",
        *,
        prefix: str = "",
        timeout: float = TIMEOUT,
        keep: bool = False,
        look_back: float = LOOK_BACK,
        partitions: int | None = None,
        fetch_wait: float = 0.1,
        clock: Clock | None = None,
        wire: Wire | None = None,
    ) -> None:
        """`cluster`: brokers as `host:port`, several parted by commas, or `Kafka.cluster()` of a configuration. Times in seconds.

        `prefix` is what the topics' names begin with. `timeout` is for each ask that names none. `keep`: a request goes on
        though nobody waits for it any more (see `ask`). `look_back`: how old the response to a request that is sent again may
        be. `partitions`: `kafka.partitions` of the line, where that is set; no more than there are. `fetch_wait`: how long a
        broker may hold a fetch; an embedded one adds it to each answer. `wire` takes the place of Kafka in tests.
        """
        self._clock = clock or SystemClock()
        self._timeout, self._keep = checked(timeout), keep
        arguments: dict[str, Any] = {"bootstrap_servers": cluster} if isinstance(cluster, str) else cluster.arguments
        self._wire = wire or KafkaWire(
            arguments, self._clock, prefix=prefix, partitions=partitions, fetch_wait=fetch_wait
        )
        self._waiting = Waiting()
        self._searches = Searches(self._wire, self._clock, look_back)
        self._new = NewIds()
        self._background: set[asyncio.Task[None]] = set()
        self._open = False

    @classmethod
    def configured(
        cls,
        source: "Path | str | Kafka | None" = None,
        *,
        timeout: float = TIMEOUT,
        keep: bool = False,
        look_back: float = LOOK_BACK,
    ) -> Self:
        """From a configuration file, or its `[kafka]`; None: the file that STREAMGUARD_CONFIG names, or the defaults.

        Raises `streamguard.errors.ConfigError` naming the key and what is wrong with it.
        """
        from streamguard import config  # a third of a second: not for those who name their brokers

        file = Path(source) if isinstance(source, str) else source
        kafka = file if isinstance(file, config.Kafka) else config.load(file).kafka
        return cls(
            kafka.cluster(),
            prefix=kafka.prefix,
            timeout=timeout,
            keep=keep,
            look_back=look_back,
            partitions=kafka.partitions,
            fetch_wait=min(kafka.fetch_wait, 0.1),
        )

    async def __aenter__(self) -> Self:
        """Connect. Raises `Unreachable` within 15 seconds."""
        self._waiting = Waiting()  # what an earlier time ended with is no concern of this one
        await self._wire.open(self._waiting.take, self._waiting.fail)
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._waiting.fail(Closed())
        await self._searches.close()
        if self._background:  # cancellations: they are worth a moment, not more
            await asyncio.wait(self._background, timeout=1.0)
        for task in self._background:
            task.cancel()
        await self._wire.close()

    # -- asking --------------------------------------------------------------------------------------------------------

    def request(
        self,
        *,
        tenant_id: str,
        user_id: str,
        messages: str | Sequence[Message | Mapping[str, Any]] | None = None,
        request_id: str | None = None,
        **fields: Any,
    ) -> Request:
        """A request, with a new id unless one is given. `messages` as OpenAI's API has them, or the text of one user's message;
        `fields` are those of `streamguard.events.request.Request`.

        Raises pydantic's ValidationError naming the field, and quoting nothing of it; TypeError for a field that there is not.
        """
        return make(request_id or self.new_id(), tenant_id, user_id, messages, fields)

    def new_id(self) -> str:
        """An id that no request has (a UUID of version 7): the client need not look back for its response."""
        request_id = new_id(self._clock.now_us())
        self._new.add(request_id)
        return request_id

    async def ask(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        keep: bool | None = None,
        again: bool | None = None,
        traceparent: str | None = None,
    ) -> Response:
        """Send a request and wait for its response.

        **In time.** A request without a deadline gets the one that `timeout` makes, so that no model is paid for an answer that
        nobody waits for; when the time is over, or the waiting task is cancelled, a cancellation stops it, wherever it is. With
        `keep` neither is done: it goes on, and its answer can be had by asking again with the same id.

        **Again.** A request may be sent any number of times with the same id: the line answers an id once, and pays for it once
        (it remembers ids for a day). So whoever does not know whether an id was sent before asks again, and gets the first
        response, whether it is still to come or came up to `look_back` ago. What the first one was decides: its text and its
        deadline. `again` says whether the id may have been sent before; None: only ids that this client has just made are
        certainly new. For new ids nothing is read back, so say `again=False` where your own ids are never sent twice.

        `traceparent` is W3C trace context of what is being served: the line's telemetry joins that trace.

        Raises `NotAnswered`, `NotSent`, `Unreachable` and `Closed`.
        """
        asked = self._asked(request, timeout, keep, again, traceparent)
        with (
            self._expecting(asked.name, asked.key) as waiter,
            limited(self._clock, asked.seconds) as limit,
            self._given_up(asked),
        ):
            await self._sent(asked, limit)
            with self._looking(waiter, asked.name, asked.key, look=asked.again):
                return await _response(waiter, limit, asked.not_answered)

    async def stream(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        keep: bool | None = None,
        again: bool | None = None,
        traceparent: str | None = None,
    ) -> AsyncGenerator[Told | Response]:
        """Send a request and show its answer while it is written: what to do (`Told`), and in the end the response.

        Whoever does what each `Told` says holds the response's output in the end, or nothing: also where it was not written in
        pieces, began anew, or was taken back. Everything else is as with `ask`; leaving early is giving up.

            async with aclosing(client.stream(request)) as events:
                async for event in events:
                    ...
        """
        asked = self._asked(request.model_copy(update={"stream": True}), timeout, keep, again, traceparent)
        reader = ChunkReader()
        with (
            self._expecting(asked.name, asked.key, chunks=True) as waiter,
            limited(self._clock, asked.seconds) as limit,
            self._following() as follow,
        ):
            await limit.on(follow(), asked.not_answered)
            with self._given_up(asked):
                await self._sent(asked, limit)
                with self._looking(waiter, asked.name, asked.key, look=asked.again):
                    while isinstance(came := await limit.on(waiter.next(), asked.not_answered), Chunk):
                        for told in reader.feed(came):
                            yield told
        for told in closing(reader, came):
            yield told
        yield came

    async def send(self, request: Request, *, traceparent: str | None = None) -> None:
        """Send a request and wait for nobody but Kafka. `response` collects what became of it, here or elsewhere.

        Raises `NotSent`, `Unreachable` and `Closed`.
        """
        if not self._open:
            raise Closed
        asked = self._asked(request, None, True, None, traceparent)
        with limited(self._clock, asked.seconds) as limit:
            await self._sent(asked, limit)

    async def response(
        self,
        tenant_id: str,
        request_id: str,
        *,
        conversation_id: str | None = None,
        timeout: float | None = None,
    ) -> Response:
        """The response to a request that was sent before, by whomever: the one that came up to `look_back` ago, or the one that
        comes. One partition is looked through where `conversation_id` is given, all of them otherwise.

        Raises `NotAnswered`, `Unreachable` and `Closed`. Stops nothing.
        """
        name = Name(tenant_id, request_id)
        key = f"{tenant_id}/{conversation_id}" if conversation_id is not None else None
        seconds = self._timeout if timeout is None else checked(timeout)
        with (
            self._expecting(name, key) as waiter,
            limited(self._clock, seconds) as limit,
            self._looking(waiter, name, key),
        ):
            return await _response(waiter, limit, lambda: NotAnswered(*name, seconds))

    async def cancel(self, tenant_id: str, request_id: str) -> None:
        """Tell the line that nobody waits for this request any more: its call to a model is cut off, or not begun.

        It ends as `failed` with the reason `cancelled`, unless it was answered before. Raises `NotSent` and `Closed`, and
        pydantic's ValidationError for what is no id.
        """
        if not self._open:
            raise Closed
        await self._cancel(Cancellation(tenant_id=tenant_id, request_id=request_id))

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _asked(
        self, request: Request, timeout: float | None, keep: bool | None, again: bool | None, traceparent: str | None
    ) -> Asked:
        seconds = self._timeout if timeout is None else checked(timeout)
        keep = self._keep if keep is None else keep
        if not keep and request.deadline is None:
            request = request.model_copy(update={"deadline": self._clock.now_us() + round(seconds * 1e6)})
        new = self._new.sent(request.request_id)
        return Asked(request, seconds, keep, not new if again is None else again, traceparent)

    @contextmanager
    def _expecting(self, name: Name, key: str | None, *, chunks: bool = False) -> Generator[Waiter]:
        if not self._open:
            raise Closed
        with self._waiting.expect(name, key, chunks=chunks) as waiter:
            yield waiter

    @contextmanager
    def _following(self) -> Generator[Callable[[], Coroutine[Any, Any, None]]]:
        """How to follow chunks, which ends with the block: also for one who is called off just when they are followed, and never
        hears of it. Otherwise they would be read for as long as the client is open."""
        followed = left = False

        async def follow() -> None:
            nonlocal followed
            await self._wire.follow_chunks()
            if left:
                self._wire.leave_chunks()
            followed = True

        try:
            yield follow
        finally:
            left = True
            if followed:
                self._wire.leave_chunks()

    @contextmanager
    def _given_up(self, asked: Asked) -> Generator[None]:
        """Stop the request when nobody waits for it any more: whoever else asked this client for it may still."""
        try:
            yield
        except (NotAnswered, asyncio.CancelledError, GeneratorExit):
            if not asked.keep and self._open and not self._waiting.several(asked.name):
                self._cancel_soon(Cancellation(tenant_id=asked.name.tenant_id, request_id=asked.name.request_id))
            raise

    @contextmanager
    def _looking(self, waiter: Waiter, name: Name, key: str | None, *, look: bool = True) -> Generator[None]:
        """Look meanwhile for a response that was there before."""

        async def find() -> None:
            if (found := await self._searches.find(name, key)) is not None:
                waiter.give(found)

        task = asyncio.create_task(find()) if look else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()

    async def _sent(self, asked: Asked, limit: Limit) -> None:
        late = NotSent(*asked.name, f"no acknowledgement within {asked.seconds:g} s")
        value, headers = encoded(asked.request), {"schema": schema_name(Request)}
        if asked.traceparent is not None:
            headers["traceparent"] = asked.traceparent
        try:
            await limit.on(self._wire.send(REQUESTS, asked.name.tenant_id, value, headers), lambda: late)
        except Refused as refused:
            raise NotSent(*asked.name, refused.cause) from None

    async def _cancel(self, record: Cancellation) -> None:
        name = Name(record.tenant_id, record.request_id)
        key, value, headers = "/".join(name), encode(record), {"schema": schema_name(Cancellation)}
        with limited(self._clock, self._timeout) as limit:
            try:
                await limit.on(
                    self._wire.send(CANCELLATIONS, key, value, headers),
                    lambda: NotSent(*name, f"no acknowledgement within {self._timeout:g} s"),
                )
            except Refused as refused:
                raise NotSent(*name, refused.cause) from None

    def _cancel_soon(self, record: Cancellation) -> None:
        async def cancel() -> None:
            try:
                await self._cancel(record)
            except (NotSent, Unreachable) as error:
                log.warning("a cancellation was not sent: %s", type(error).__name__)

        task = asyncio.create_task(cancel())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _response(waiter: Waiter, limit: Limit, over: Callable[[], NotAnswered]) -> Response:
    while True:
        came = await limit.on(waiter.next(), over)
        if isinstance(came, Response):
            return came
