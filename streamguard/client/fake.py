"""A line in memory, for tests of services: `Client("", wire=FakeWire(answer))` asks it as if it were the real one.

async with Client("", wire=FakeWire(lambda request: "Your parcel is on its way.")) as client:
    response = await client.ask(client.request(tenant_id="acme", user_id="u-1", messages="Where is my parcel?"))
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from streamguard.client.wire import CANCELLATIONS, CHUNKS, REQUESTS, RESPONSES, Failed, Received, Refused, Take
from streamguard.events.chunk import Chunk
from streamguard.events.codec import decode, encode
from streamguard.events.fleet import Cancellation
from streamguard.events.outcome import Provenance, Response, Timings
from streamguard.events.request import Request
from streamguard.events.stages import CacheUse

Answer = Callable[[Request], str | Response | Sequence[Chunk | Response] | None]
"""What a line makes of a request: the text of an answer, a response, the records that come one after another, or None where
nothing comes."""


def answered(request: Request, output: str | None, **fields: object) -> Response:
    """A response as the line would give it; `status` is `answered` unless it is said otherwise."""
    return Response.model_validate(
        {
            "request_id": request.request_id,
            "tenant_id": request.tenant_id,
            "status": "answered",
            "output": output,
            "cache": CacheUse(status="off"),
            "timings": Timings(total_us=0),
            "provenance": Provenance(policy_version="fake", content_hash="", key_id="fake", signature=""),
            **fields,
        }
    )


class FakeWire:
    """As `streamguard.client.wire.Wire`. As the line it answers an id once, and keeps what it said.

    `requests` and `cancellations` are what it was sent, `traces` the requests' `traceparent`; `looked` counts how often it was
    read back. `refuse` names the error with which Kafka takes no more.
    """

    def __init__(self, answer: Answer) -> None:
        self.requests: list[Request] = []
        self.traces: list[str | None] = []
        self.cancellations: list[Cancellation] = []
        self.refuse = ""
        self.followers = 0
        self.looked = 0
        self._answer = answer
        self._kept: list[Received] = []
        self._keys: dict[tuple[str, str], str] = {}
        self._take: Take | None = None
        self._failed: Failed | None = None

    async def open(self, take: Take, failed: Failed) -> None:
        self._take, self._failed = take, failed

    async def close(self) -> None:
        self._take = None

    async def send(self, topic: str, key: str, value: bytes, headers: Mapping[str, str]) -> None:
        if self.refuse:
            raise Refused(self.refuse)
        schema = headers["schema"]
        if topic == CANCELLATIONS:
            self.cancellations.append(decode(Cancellation, value, schema))
            return
        assert topic == REQUESTS, "a service writes nothing else"
        request = decode(Request, value, schema)
        self.requests.append(request)
        self.traces.append(headers.get("traceparent"))
        name = (request.tenant_id, request.request_id)
        if name in self._keys:
            return
        self._keys[name] = request.conversation_key
        answer = self._answer(request)
        if isinstance(answer, str):
            self.say(answered(request, answer))
        elif isinstance(answer, Response):
            self.say(answer)
        else:
            self.say(*(answer or ()))

    async def follow_chunks(self) -> None:
        self.followers += 1

    def leave_chunks(self) -> None:
        self.followers -= 1

    def place(self, key: str) -> int:
        return 0

    @property
    def places(self) -> int:
        return 1

    async def backwards(self, place: int, since_us: int) -> AsyncIterator[Sequence[Received]]:
        self.looked += 1
        yield [record for record in self._kept if record.topic == RESPONSES]

    def say(self, *records: Chunk | Response) -> None:
        """What the line says now, to requests that were sent before too."""
        for record in records:
            received = self._received(record)
            self._kept.append(received)
            if self._take is not None and (received.topic == RESPONSES or self.followers):
                self._take(received)

    def fail(self, error: Exception) -> None:
        """Nothing comes any more."""
        if self._failed is not None:
            self._failed(error)

    def _received(self, record: Chunk | Response) -> Received:
        name = (record.tenant_id, record.request_id)
        key = self._keys.get(name, "/".join(name))
        return Received(CHUNKS if isinstance(record, Chunk) else RESPONSES, key.encode(), encode(record))
