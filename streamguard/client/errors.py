"""What can go wrong on the way to the line and back. A refusal is none of it: that is a `Response`.

ClientError
├── Unreachable     no broker answers, it lets nobody in, or the line's topics are not there
├── NotSent         Kafka has not acknowledged the request; it may come through later all the same
├── NotAnswered     no response within the time (also a TimeoutError)
└── Closed          the client was closed meanwhile, or was never entered

Messages name ids, addresses and kinds of errors, never what was asked.
"""

from streamguard.errors import StreamguardError


class ClientError(StreamguardError):
    """Base of what the client raises; wrong fields of a request are pydantic's `ValidationError`."""


class Unreachable(ClientError):
    """The line cannot be reached. The message says what was tried and what Kafka said.

    A client that was open waits for brokers that are away. If it raises this all the same, nothing comes to it any more (it may
    not read `responses` any longer, for example): make a new one.
    """


class NotSent(ClientError):
    """Kafka has not acknowledged the request. Sending it again with the same id is safe."""

    def __init__(self, tenant_id: str, request_id: str, cause: str) -> None:
        super().__init__(f"{tenant_id}/{request_id}: not sent ({cause})")
        self.tenant_id, self.request_id, self.cause = tenant_id, request_id, cause


class NotAnswered(ClientError, TimeoutError):
    """No response came within `seconds`."""

    def __init__(self, tenant_id: str, request_id: str, seconds: float) -> None:
        super().__init__(f"{tenant_id}/{request_id}: no response within {seconds:g} s")
        self.tenant_id, self.request_id, self.seconds = tenant_id, request_id, seconds


class Closed(ClientError):
    """The client is not open."""

    def __init__(self) -> None:
        super().__init__(
            "the client is not open: use it as `async with Client(...) as client`, and ask before it is left"
        )
