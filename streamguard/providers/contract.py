"""What a provider of chat models is to everyone else."""

from dataclasses import dataclass
from typing import Protocol

from streamguard.events.request import Message, ResponseFormat
from streamguard.events.usage import Usage


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to one model.

    `idempotency_key` is equal for calls that ask the same thing again because the answer never arrived, so that a
    provider which knows such keys charges once. `request_id` names this very call in the provider's logs.
    """

    model: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    idempotency_key: str
    request_id: str
    temperature: float | None = None
    response_format: ResponseFormat | None = None


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A whole answer; `text` is never empty. `usage` None: the provider did not say."""

    text: str
    usage: Usage | None = None
    finish_reason: str | None = None
    response_id: str | None = None
    response_model: str | None = None


class ChatProvider(Protocol):
    """A server of chat models."""

    async def chat(self, ask: ChatRequest, *, timeout: float) -> ChatAnswer:
        """The whole answer to `ask`, within `timeout` seconds for everything.

        Raises kinds of `streamguard.providers.errors.CallFailed` only (and lets a cancellation through); when it raises
        or is cancelled, nothing of the call is left running. Never retries by itself. Safe to call concurrently.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections. Idempotent; `chat` must not be called afterwards."""
        ...
