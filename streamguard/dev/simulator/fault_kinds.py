"""What can go wrong with a simulated call, and the rules that say how often."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong with a call. The JSON ones befall only calls that ask for JSON or for a tool, `cut_stream` and
    `stream_error` only streams; the rest befalls streams as well as whole answers, where nothing else is said.

    "The middle" of a stream is after half of its pieces.
    """

    RATE_LIMITED = "rate_limited"
    """429 with Retry-After."""
    RATE_LIMITED_SILENT = "rate_limited_silent"
    """429 without it."""
    SERVER_ERROR = "server_error"
    """500."""
    UNAVAILABLE = "unavailable"
    """503."""
    OVERLOADED = "overloaded"
    """529, as Anthropic says that all of its models are busy."""
    REVOKED_KEY = "revoked_key"
    """401."""
    CONTEXT_LENGTH = "context_length"
    """400: the prompt is said to be too long."""
    HANG = "hang"
    """No answer for `hang_seconds`, then 503."""
    HANG_MID = "hang_mid"
    """Headers and half of the answer, then silence for `hang_seconds`, then the connection is closed."""
    SLOW_DRIP = "slow_drip"
    """The answer comes in small pieces, evenly over `drip_seconds`."""
    RESET = "reset"
    """The connection is reset in the middle of the answer."""
    CUT_STREAM = "cut_stream"
    """The stream ends in the middle, without its last chunks."""
    STREAM_ERROR = "stream_error"
    """In the middle of the stream comes an error instead of the next chunk, and the stream ends."""
    BROKEN_JSON = "broken_json"
    FENCED_JSON = "fenced_json"
    """Right JSON, in a Markdown fence with a sentence before it."""
    WRONG_SCHEMA = "wrong_schema"
    """Good JSON of another form than asked for."""
    LEAKED_PROMPT = "leaked_prompt"
    """The answer quotes the system prompt."""
    ECHOED_PERSONAL_DATA = "echoed_personal_data"
    """The answer holds a made-up e-mail address and a telephone number."""
    EMPTY_ANSWER = "empty_answer"
    EMPTY_BODY = "empty_body"
    """200 without a single byte."""
    GARBAGE = "garbage"
    """200 with half of the JSON, as if that were all; in the middle of a stream half of a chunk, and the stream ends."""
    HTML = "html"
    """200 with a page for people."""
    OVERSIZED = "oversized"
    """An answer that goes on to 64 MiB: blanks before the JSON; behind the pieces of a stream an event that does not end until
    the stream is cut. Only the pieces are charged."""
    NO_USAGE = "no_usage"
    """An answer that does not tell its usage."""
    ODD_LABELS = "odd_labels"
    """Moderation and classification with categories that nobody knows."""


ONLY_JSON = frozenset({Fault.BROKEN_JSON, Fault.FENCED_JSON, Fault.WRONG_SCHEMA})
ONLY_STREAMS = frozenset({Fault.CUT_STREAM, Fault.STREAM_ERROR})


@dataclass(frozen=True, slots=True)
class FaultRule:
    """The faults of the calls of one provider and model; `*` stands for any.

    `rates` gives each fault's share of the calls, 0 to 1, together at most 1. After `times` faults the rule is spent.
    """

    provider: str = "*"
    model: str = "*"
    rates: Mapping[Fault, float] = field(default_factory=dict[Fault, float])
    times: int | None = None

    def __post_init__(self) -> None:
        if any(not 0.0 <= rate <= 1.0 for rate in self.rates.values()) or sum(self.rates.values()) > 1.0 + 1e-9:
            raise ValueError("rates must lie between 0 and 1 and sum to at most 1")
        if self.times is not None and self.times < 0:
            raise ValueError("times must not be negative")


def fault_rules(given: Iterable[str]) -> tuple[FaultRule, ...]:
    """Rules from words like `hang=0.1` and `openai/gpt-4o:hang=0.1`, the more particular first.

    Raises `ValueError` that says what is wrong and what would be right.
    """
    shares: dict[tuple[str, str], dict[Fault, float]] = {}
    for word in given:
        kind, _, share = word.rpartition("=")
        where, _, kind = kind.rpartition(":")
        provider, _, model = where.partition("/")
        if kind not in set(Fault):
            raise ValueError(f"unknown fault {kind!r}; there are: {', '.join(Fault)}")
        try:
            shares.setdefault((provider or "*", model or "*"), {})[Fault(kind)] = float(share)
        except ValueError:
            raise ValueError(f"{share!r} is no share between 0 and 1, as in {kind}=0.1") from None
    by_particularity = sorted(shares.items(), key=lambda item: (item[0][1] == "*", item[0][0] == "*"))
    return tuple(FaultRule(provider, model, rates) for (provider, model), rates in by_particularity)
