"""`[[remote_checks]]`: models that give a second opinion on texts."""

from typing import Annotated, Literal

from pydantic import Field

from streamguard.config.base import Keyed


class RemoteEndpoint(Keyed):
    """A model that gives a second opinion on texts. The policy says when it is asked, and what its labels lead to."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """As the policy names it: `[input.remote.NAME]`. Stands in verdicts and metrics."""
    base_url: str
    """The address, as of `[[providers]]`; of a text classifier the whole of it."""
    timeout: float = Field(default=0.8, gt=0, le=20)
    """For one call, in seconds. The policy's `timeout` is for all calls about one request: make it longer than this."""
    connect_timeout: float = Field(default=0.4, gt=0)
    """For a connection, in seconds."""
    max_connections: int = Field(default=32, ge=1)
    """Calls at once, a process; more wait, within their time."""
    max_characters: int = Field(default=8_000, ge=100)
    """Of one piece. A longer text is shown in overlapping pieces, and its scores are the highest of any."""
    max_pieces: int = Field(default=64, ge=1)
    """Of all texts of a request together; with more there is no opinion (`too_long`)."""
    failures: int = Field(default=5, ge=1)
    """Calls in a row that were not answered (within their whole `timeout`), after which none is made for `pause` seconds."""
    pause: float = Field(default=10.0, gt=0)
    """In seconds, see `failures`."""


class ModerationEndpoint(RemoteEndpoint):
    """OpenAI's `/moderations`, and whatever speaks it. `base_url` as in `[[providers]]`."""

    kind: Literal["moderations"]
    model: str = "omni-moderation-latest"
    """As the server names it."""


class ClassificationEndpoint(RemoteEndpoint):
    """A text classifier: `{"inputs": text}` is posted to `base_url` as it stands, `[{"label", "score"}]` comes back."""

    kind: Literal["text_classification"]
    max_characters: int = Field(default=1_500, ge=100)
    """Such models mostly read 512 tokens, and what comes after is cut off unread."""


class VerdictEndpoint(RemoteEndpoint):
    """A guard model behind chat completions that answers with one of `labels`, as Llama Guard: `safe`, or `unsafe` and codes."""

    kind: Literal["chat_verdict"]
    model: str
    """As the server names it."""
    labels: tuple[str, ...] = Field(default=("safe", "unsafe"), min_length=1)
    """The words that it answers with."""
    logprobs: bool = True
    """Ask for the probability of each label, which makes the scores finer than 0 and 1. Not every server knows it."""


class JudgeEndpoint(RemoteEndpoint):
    """Any chat model, told to score texts by `labels`, with JSON as its answer."""

    kind: Literal["chat_scores"]
    model: str
    """As the server names it."""
    labels: tuple[str, ...] = Field(default=("injection", "jailbreak"), min_length=1)
    """What it scores texts by."""


RemoteCheckSettings = Annotated[
    ModerationEndpoint | ClassificationEndpoint | VerdictEndpoint | JudgeEndpoint, Field(discriminator="kind")
]
