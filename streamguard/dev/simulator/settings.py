"""What a simulator can be told at its start."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType


class Fault(StrEnum):
    """What can go wrong with a call. The JSON ones befall only calls that ask for JSON, `cut_stream` only streams."""

    RATE_LIMITED = "rate_limited"
    """429 with Retry-After."""
    RATE_LIMITED_SILENT = "rate_limited_silent"
    """429 without it."""
    SERVER_ERROR = "server_error"
    """500."""
    UNAVAILABLE = "unavailable"
    """503."""
    HANG = "hang"
    """No answer for `hang_seconds`, then 503."""
    RESET = "reset"
    """The connection is reset in the middle of the answer."""
    CUT_STREAM = "cut_stream"
    """The stream ends in the middle, without its last chunks."""
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
    GARBAGE = "garbage"
    """200 with half of the JSON, as if that were all. Streams are spared, as by the next two."""
    HTML = "html"
    """200 with a page for people."""
    ODD_LABELS = "odd_labels"
    """Moderation and classification with categories that nobody knows."""


@dataclass(frozen=True, slots=True)
class Price:
    """Whole nano-dollars a token."""

    input: int
    output: int


DEFAULT_PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "gpt-4o": Price(2_500, 10_000),
        "gpt-4o-mini": Price(150, 600),
        "gpt-4.1": Price(2_000, 8_000),
        "gpt-4.1-mini": Price(400, 1_600),
        "gpt-4.1-nano": Price(100, 400),
        "claude-3-5-sonnet-latest": Price(3_000, 15_000),
        "claude-3-5-haiku-latest": Price(800, 4_000),
        "local-llama": Price(0, 0),
        "text-embedding-3-small": Price(20, 0),
        "text-embedding-3-large": Price(130, 0),
        "omni-moderation-latest": Price(0, 0),
        "prompt-guard-2": Price(0, 0),
        "llama-guard-3-8b": Price(0, 0),
        "judge": Price(0, 0),
    }
)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes: always `median_ms`, or, with a `sigma` above 0, log-normal around that median."""

    median_ms: float = 50.0
    sigma: float = 0.0


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


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """`port` 0 is any free one. The same `seed` and the same calls give the same answers and faults."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 0
    latency: Latency = Latency()
    faults: tuple[FaultRule, ...] = ()
    retry_after_seconds: int = 1
    hang_seconds: float = 60.0
    prices: Mapping[str, Price] = field(default_factory=lambda: DEFAULT_PRICES)
    """The models there are, and what they cost."""
    providers: tuple[str, ...] = ("openai", "anthropic", "local")
    """The first words of the paths: `/openai/v1/…`. `/v1/…` is the first one's, too."""
    kept_calls: int = 500_000
    """How many calls the log lists one by one; totals go on."""
    log: Path | None = None
    """A file that keeps the calls beyond the end of the process; the next one goes on with its books."""


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
