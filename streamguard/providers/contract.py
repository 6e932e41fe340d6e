"""What a provider of chat models is to everyone else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from streamguard.events.request import Message, ResponseFormat, Tool, ToolCall, ToolChoice
from streamguard.events.usage import Usage


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to one model.

    `idempotency_key` is equal for calls that ask the same thing again because the answer never arrived, so that a
    provider which knows such keys charges once. `request_id` names this very call in the provider's logs. The system messages
    stand first and stay the same from question to question: they are what a provider's prompt cache can keep.
    """

    model: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    idempotency_key: str
    request_id: str
    temperature: float | None = None
    response_format: ResponseFormat | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Seconds that one call may take: `total` for everything, of a stream `first_token` from the request to the first piece and
    `between_tokens` from one piece to the next. Connecting has a limit of its own, which belongs to the provider's settings.

    `leave` is asked once more when there is a connection, just before the first byte goes out: False, and nothing is sent
    (`Withheld`). None: it may go out.
    """

    total: float
    first_token: float | None = None
    between_tokens: float | None = None
    leave: Callable[[], bool] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What the headers of an answer say about what is left: requests and tokens, and seconds until there are all again."""

    requests_left: int | None = None
    requests_reset: float | None = None
    tokens_left: int | None = None
    tokens_reset: float | None = None


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A whole answer: `text`, or `tool_calls` (the text may be empty then), never neither. `usage` None: the provider did not
    say. `finish_reason` is one of OpenAI's words where the provider's own means the same."""

    text: str
    usage: Usage | None = None
    finish_reason: str | None = None
    response_id: str | None = None
    response_model: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    rate: RateLimit | None = None


OnText = Callable[[str], Awaitable[None]]
"""Takes the next piece of an answer's text; what it raises ends the call."""


@dataclass(slots=True)
class Progress:
    """A streaming call while it runs: whoever holds it can say what was generated even when the call fails or is cancelled.

    `opened` is set by the provider once a good status has come: from then on the call may be charged. `pieces` are all that is
    charged for as output, as far as it came: text, arguments of tools, reasoning. `usage` is the latest report, which may be of
    the input alone. Times are seconds of the `now` clock.
    """

    now: Callable[[], float]
    on_text: OnText | None = None
    opened: bool = False
    pieces: list[str] = field(default_factory=list[str])
    usage: Usage | None = None
    response_id: str | None = None
    response_model: str | None = None
    first_at: float | None = None
    last_at: float | None = None
    arrivals: int = 0

    async def text(self, piece: str) -> None:
        """The next piece of the answer's text. Pieces that arrived together come as one."""
        self.unseen(piece)
        if self.on_text is not None:
            await self.on_text(piece)

    def unseen(self, piece: str) -> None:
        """The next piece of what is charged for and not shown."""
        self.pieces.append(piece)
        self.arrivals += 1
        self.last_at = self.now()
        if self.first_at is None:
            self.first_at = self.last_at


class ChatProvider(Protocol):
    """A server of chat models."""

    async def chat(self, ask: ChatRequest, *, limits: CallLimits, progress: Progress | None = None) -> ChatAnswer:
        """The whole answer to `ask`, within `limits`. With `progress` it is streamed, and told there while it comes.

        Raises kinds of `streamguard.providers.errors.CallFailed` only (and lets a cancellation, and what `progress.on_text`
        raises, through); when it raises or is cancelled, the connection is closed and nothing of the call is left running. Never
        retries by itself. Safe to call concurrently.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections. Idempotent; `chat` must not be called afterwards."""
        ...
