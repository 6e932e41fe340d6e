"""What can go wrong in a call to a model.

ProviderError (streamguard.errors)
├── CallTimeout         `timeout`             no whole answer in time                     retriable  charge unknown
│   ├── FirstTokenLate  `first_token_late`    a stream whose first piece did not come      retriable  charge unknown
│   └── StreamStalled   `stream_stalled`      a stream that stopped coming                 retriable  charge unknown
├── ConnectFailed       `connect`             no connection; nothing was sent             retriable  nothing charged
├── Disconnected        `disconnected`        the connection broke after the request went retriable  charge unknown
├── RateLimited         `rate_limited`        429; `retry_after` where the server said    retriable  nothing charged
├── ServerFailed        `server_error`        5xx                                         retriable  nothing charged
├── Refused             `bad_request`         other 4xx: this request will never pass     not        nothing charged
├── NotAuthorized       `auth`                401, 403: the key is wrong or may not       not        nothing charged
├── InvalidResponse     `invalid_response`    200, but no chat completion                 retriable  charge unknown
├── ResponseTooLarge    `response_too_large`  more bytes than we take                     not        charge unknown
├── EmptyAnswer         `empty_answer`        a completion without text                   retriable  charged by `usage`
├── StreamBroken        `stream_broken`       a stream that ended before its end, or      retriable  charge unknown
│                                             said that something went wrong
├── Withheld            `withheld`            not sent: its leave ended before it went     not        nothing charged
├── Paused              `paused`              not asked: it failed too often just now     not        nothing charged
└── TooLong             `too_long`            not asked: more text than is shown to it    not        nothing charged

Messages hold codes and numbers only: never a body, which may quote the user.
"""

from typing import ClassVar, Literal

from streamguard.errors import ProviderError
from streamguard.events.usage import Usage
from streamguard.providers.contract import RateLimit

Charge = Literal["none", "unknown", "usage"]
"""What a failed call costs: surely nothing, perhaps something, or what its usage says."""


class CallFailed(ProviderError):
    """Base of the kinds below, each of which fixes its code.

    `charge` tells whether the call may be on the bill; `blames_provider` whether a breaker counts it: a request that is
    itself at fault, or a key that is, says nothing about the provider's health. `answered` tells that a whole HTTP
    answer to this very request arrived, so asking again must not repeat its idempotency key.
    """

    code_: ClassVar[str]
    retriable_: ClassVar[bool] = False
    charge: ClassVar[Charge] = "none"
    blames_provider: ClassVar[bool] = True
    answered: ClassVar[bool] = False

    def __init__(self, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(self.code_, retriable=self.retriable_, status=status, retry_after=retry_after)


class CallTimeout(CallFailed):
    """No whole answer within the time given."""

    code_ = "timeout"
    retriable_ = True
    charge = "unknown"


class FirstTokenLate(CallTimeout):
    """The first piece of a stream did not come within the time for it."""

    code_ = "first_token_late"


class StreamStalled(CallTimeout):
    """The next piece of a stream did not come within the time for it."""

    code_ = "stream_stalled"


class StreamBroken(CallFailed):
    """A stream ended without its end, brought an error instead of the next piece, or cannot be read any further."""

    code_ = "stream_broken"
    retriable_ = True
    charge = "unknown"


class ConnectFailed(CallFailed):
    """No connection could be made, or none was free in time: nothing was sent."""

    code_ = "connect"
    retriable_ = True


class Disconnected(CallFailed):
    """The connection broke after the request had begun to go out."""

    code_ = "disconnected"
    retriable_ = True
    charge = "unknown"


class RateLimited(CallFailed):
    """429: too many requests or tokens; `retry_after` in seconds where the server said, `rate` what its headers tell.

    It says that we ask too much, not that the provider is ill: no breaker counts it.
    """

    code_ = "rate_limited"
    retriable_ = True
    blames_provider = False

    def __init__(
        self, *, status: int | None = None, retry_after: float | None = None, rate: RateLimit | None = None
    ) -> None:
        super().__init__(status=status, retry_after=retry_after)
        self.rate = rate


class ServerFailed(CallFailed):
    """5xx (or 408, 409, 425, which too may pass): the server could not."""

    code_ = "server_error"
    retriable_ = True


class Refused(CallFailed):
    """Another 4xx: this request to this model will never pass."""

    code_ = "bad_request"
    blames_provider = False


class NotAuthorized(CallFailed):
    """401 or 403: the key is wrong, or may not use this model."""

    code_ = "auth"
    blames_provider = False


class InvalidResponse(CallFailed):
    """A success by its status, but no chat completion by its body (or a status that makes no sense here)."""

    code_ = "invalid_response"
    retriable_ = True
    charge = "unknown"
    answered = True


class ResponseTooLarge(CallFailed):
    """More bytes than we are willing to hold."""

    code_ = "response_too_large"
    charge = "unknown"
    answered = True


_FOR_GOOD = frozenset({"length", "content_filter"})
"""Why an answer is empty, where the same question to the same model is as empty again: all its tokens went into thoughts, or the
model's own filter took it away."""


class EmptyAnswer(CallFailed):
    """A completion without any text. It is charged like every other: `usage` is what the provider counted.

    No breaker counts it: the provider did its work, and whoever asks for nothing would close it for everybody. What it causes
    is bounded by the budget of retries. It is not retriable where its `finish_reason` is one that will come again.
    """

    code_ = "empty_answer"
    retriable_ = True
    charge = "usage"
    blames_provider = False
    answered = True

    def __init__(
        self,
        *,
        status: int | None = None,
        usage: Usage | None = None,
        finish_reason: str | None = None,
        response_id: str | None = None,
        response_model: str | None = None,
    ) -> None:
        super().__init__(status=status)
        self.retriable = finish_reason not in _FOR_GOOD
        self.usage = usage
        self.finish_reason = finish_reason
        self.response_id = response_id
        self.response_model = response_model


class Withheld(CallFailed):
    """Nothing was sent: the leave to call ended while a connection was made. Says nothing about the provider."""

    code_ = "withheld"
    blames_provider = False


class Paused(CallFailed):
    """Nothing was sent: calls before this one failed too often, and the pause after that lasts."""

    code_ = "paused"
    blames_provider = False


class TooLong(CallFailed):
    """Nothing was sent: the texts are longer than may be shown to it."""

    code_ = "too_long"
    blames_provider = False
