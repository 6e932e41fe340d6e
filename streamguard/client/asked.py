"""What a client was asked to do with a request."""

from dataclasses import dataclass

from streamguard.client.errors import NotAnswered
from streamguard.client.waiting import Name
from streamguard.events.request import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """What `ask` and `stream` were told."""

    request: Request
    seconds: float
    keep: bool
    again: bool
    traceparent: str | None

    @property
    def name(self) -> Name:
        return Name(self.request.tenant_id, self.request.request_id)

    @property
    def key(self) -> str:
        return self.request.conversation_key

    def not_answered(self) -> NotAnswered:
        return NotAnswered(*self.name, self.seconds)


def checked(seconds: float) -> float:
    """A timeout. Raises ValueError for what is none."""
    if not 0 < seconds < float("inf"):
        raise ValueError("a timeout is a number of seconds above 0")
    return seconds
