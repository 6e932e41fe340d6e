"""Ask a line of streamguard from Python: requests go out over Kafka, responses come back.

    from streamguard.client import Client

    async with Client("kafka:9092") as client:
        request = client.request(tenant_id="acme", user_id="u-17", messages="Where is my parcel?")
        response = await client.ask(request)
        print(response.status, response.output)

A refusal is a response too: `status` is `answered`, `refused`, `failed` or `escalated`, and `reason` says why. Errors are for
what happens on the way: `NotAnswered` (also a TimeoutError), `NotSent`, `Unreachable`; all are `ClientError`s.

**While it is written.** `stream` tells what to show, and ends with the response:

    async with aclosing(client.stream(request)) as events:
        async for event in events:
            match event:
                case Told(kind="text"):
                    show(event.text)
                case Told(kind="restarted" | "retracted"):
                    clear()
                case Response():
                    ...

**In time.** What nobody waits for is not paid for: `ask(request, timeout=10)` gives the request that deadline, and cancels it
when the time is over or the task is cancelled. `keep=True` leaves it running.

**Again.** An id is answered once and paid for once. After a crash or a `NotSent`, ask again with the same id: the answer is that
of the first time, also when it came while nobody listened (up to `look_back`, an hour). A request that was given up is over: ask
anew with a new id.

**Elsewhere.** `send` only sends, `response` collects, `cancel` stops.

**With TLS and a user.** `Client.configured("streamguard.toml")` takes `[kafka]` from the configuration, as every command does.

**What it costs.** A client has one connection for requests, one for responses, and one for chunks once it has asked for a stream.
It reads all responses of the line from its start on, whoever asked: at 100 responses a second of 4 kB that is 400 kB/s for each
client, and little work, as only its own are decoded. So have one client a process, not one a user. Its rights: to write
`requests` and `cancellations`, to read `responses` and `response-chunks`. Whoever may read these sees every tenant's.
An idle client asks its brokers ten times a second for more (`fetch_wait`); what comes is given at once.

**In tests** `Client("", wire=FakeWire(answer))` needs no Kafka.
"""

from streamguard.client.client import Client
from streamguard.client.errors import ClientError, Closed, NotAnswered, NotSent, Unreachable
from streamguard.client.fake import FakeWire, answered
from streamguard.events.outcome import Response
from streamguard.events.reading import Told
from streamguard.events.request import Message, Request

__all__ = [
    "Client",
    "ClientError",
    "Closed",
    "FakeWire",
    "Message",
    "NotAnswered",
    "NotSent",
    "Request",
    "Response",
    "Told",
    "Unreachable",
    "answered",
]
