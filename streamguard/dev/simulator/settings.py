"""What a simulator can be told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from streamguard.dev.simulator.fault_kinds import Fault, FaultRule, fault_rules

__all__ = [
    "DEFAULT_PRICES",
    "Fault",
    "FaultRule",
    "Latency",
    "LimitRule",
    "Price",
    "SimulatorSettings",
    "fault_rules",
]


@dataclass(frozen=True, slots=True)
class Price:
    """Whole nano-dollars a token. Tokens read from the prompt cache and written to it cost what input does where no price is
    given."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None


DEFAULT_PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "gpt-4o": Price(2_500, 10_000, cache_read=1_250),
        "gpt-4o-mini": Price(150, 600, cache_read=75),
        "gpt-4.1": Price(2_000, 8_000, cache_read=500),
        "gpt-4.1-mini": Price(400, 1_600, cache_read=100),
        "gpt-4.1-nano": Price(100, 400, cache_read=25),
        "claude-3-5-sonnet-latest": Price(3_000, 15_000, cache_read=300, cache_write=3_750),
        "claude-3-5-haiku-latest": Price(800, 4_000, cache_read=80, cache_write=1_000),
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
class LimitRule:
    """How much each model of one provider takes; `*` stands for any provider or model, None for no limit.

    What a minute allows comes evenly; what was not used is saved up for `burst_seconds`. `max_concurrency` bounds the calls at
    once. Who asks more is told 429 with `Retry-After`.
    """

    provider: str = "*"
    model: str = "*"
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_concurrency: int | None = None
    burst_seconds: float = 60.0

    def __post_init__(self) -> None:
        given = (self.requests_per_minute, self.tokens_per_minute, self.max_concurrency)
        if any(limit is not None and limit < 1 for limit in given) or self.burst_seconds <= 0:
            raise ValueError("limits must be whole numbers above 0, burst_seconds above 0")


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """`port` 0 is any free one. The same `seed` and the same calls give the same answers and faults."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 0
    latency: Latency = Latency()
    """Of a stream half of it passes before its first chunk, half between the chunks, unless the next two say otherwise."""
    first_token_ms: float | None = None
    """From the request to a stream's first chunk."""
    per_chunk_ms: float | None = None
    """From one chunk of a stream to the next."""
    faults: tuple[FaultRule, ...] = ()
    limits: tuple[LimitRule, ...] = ()
    """The first one that fits a call counts."""
    retry_after_seconds: int = 1
    hang_seconds: float = 60.0
    drip_seconds: float = 60.0
    """How long an answer takes that drips."""
    tool_share: float = 0.5
    """How often a model that may call a tool does so."""
    idempotent: bool = False
    """Know idempotency keys: a key that comes again with the same body brings the same answer, which is charged once."""
    cache_minimum_tokens: int = 1024
    """The shortest beginning of a prompt that is kept in the prompt cache."""
    cache_automatically: bool = False
    """Cache prompts of OpenAI's API, too, where none has to be marked."""
    prices: Mapping[str, Price] = field(default_factory=lambda: DEFAULT_PRICES)
    """The models there are, and what they cost."""
    providers: tuple[str, ...] = ("openai", "anthropic", "local")
    """The first words of the paths: `/openai/v1/…`. `/v1/…` is the first one's, too."""
    kept_calls: int = 500_000
    """How many calls the log lists one by one; totals go on."""
    log: Path | None = None
    """A file that keeps the calls beyond the end of the process; the next one goes on with its books."""
