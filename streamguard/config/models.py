"""Which models there are, and how they are asked. Times in seconds."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, SecretStr, Tag, model_validator

from streamguard.config.base import Keyed, Section

ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
"""OpenTelemetry's provider name: `openai`, `anthropic`, `azure.ai.openai` …; prices are looked up under it."""
Feature = Literal["tools", "json_schema", "json_object", "streaming", "temperature"]
AUTO = "auto"
"""The route that picks a tier by what is asked."""


class HttpProvider(Keyed):
    """What every provider over HTTP has."""

    name: ProviderName
    """As routes name it. Prices are looked up under OpenTelemetry's names: `openai`, `anthropic`, `azure.ai.openai`,
    `mistral_ai`, `groq` …."""
    base_url: str
    """The address before `/chat/completions` (Anthropic: before `/messages`); it mostly ends in `/v1`."""
    max_connections: int = Field(default=1024, ge=1)
    """Opened as they are needed; at least `max_concurrency` for each of its models."""
    connect_timeout: float = Field(default=2.0, gt=0)
    """For a connection, in seconds; a wait for a free one included."""
    max_concurrency: int = Field(default=64, ge=1)
    """Calls at once, a model and process. One that says 429 is asked less at once, down to a single call, and then more again."""
    local: bool = False
    """It runs on machines of one's own: of all models it is asked last."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every call, beside those that the API wants. Gateways want keys here, so the values are shown as asterisks."""

    @property
    def plain_headers(self) -> dict[str, str]:
        """`headers` as they are sent."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}


class OpenAIProvider(HttpProvider):
    """A server that speaks OpenAI's chat completions: OpenAI, Azure, vLLM, Ollama, Mistral, Groq and many others."""

    kind: Literal["openai"] = "openai"
    key_header: Literal["authorization", "api-key"] = "authorization"
    """Where the key goes: a bearer token, or Azure's header."""
    query: dict[str, str] = Field(default_factory=dict)
    """Put behind the address, as Azure's `api-version`."""
    stream_usage: bool = True
    """Ask for the usage of a stream (`stream_options.include_usage`). A few servers refuse the option."""


class AnthropicProvider(HttpProvider):
    """A server that speaks Anthropic's messages."""

    kind: Literal["anthropic"]
    base_url: str = "https://api.anthropic.com/v1"
    """The address before `/messages`."""
    version: str = "2023-06-01"
    """The API's version (`anthropic-version`)."""
    cache_prompts: bool = True
    """Mark the instructions, which stand first and stay the same, for the provider's cache."""


class StaticProvider(Section):
    """A provider that always gives the same text, at no cost: the last candidate of a route, or a stand-in."""

    kind: Literal["static"]
    name: ProviderName = "static"
    """As routes name it."""
    text: str = Field(min_length=1)
    """The answer."""
    local: bool = True
    """Of all candidates it is asked last, unless a route begins with it."""
    max_concurrency: int = Field(default=1024, ge=1)
    """Answers at once, a process."""


def _kind(value: Any) -> str:
    return str(value.get("kind", "openai") if isinstance(value, dict) else getattr(value, "kind", "openai"))


ProviderSettings = Annotated[
    Annotated[OpenAIProvider, Tag("openai")]
    | Annotated[AnthropicProvider, Tag("anthropic")]
    | Annotated[StaticProvider, Tag("static")],
    Discriminator(_kind),
]


class TokenPrice(Section):
    """US dollars for a million tokens."""

    input: Decimal = Field(ge=0)
    """For what is asked."""
    output: Decimal = Field(ge=0)
    """For what is answered, reasoning included."""
    cache_read: Decimal | None = Field(default=None, ge=0)
    """None: like input."""
    cache_write: Decimal | None = Field(default=None, ge=0)
    """None: like input."""


class Candidate(Section):
    """A model that may answer: `provider` names one of `[[providers]]`. Times in seconds."""

    provider: str
    """The `name` of one of `[[providers]]`."""
    model: str
    """As the provider names it."""
    timeout: float = Field(default=10.0, gt=0)
    """For one call."""
    weight: float | None = Field(default=None, gt=0)
    """Of the route's candidates with a weight one is asked first, by these shares; a conversation stays with its own. None:
    it is only asked after them. Where nobody has a weight, the first of the list is asked first."""
    context_window: int | None = Field(default=None, ge=1)
    """Tokens of question and answer together. None: as the price list that comes along says, if it does."""
    max_output_tokens: int | None = Field(default=None, ge=1)
    """The longest answer that it can give."""
    without: frozenset[Feature] = frozenset()
    """What the model does not know. Without `tools` it is never asked for them; the rest is done in another way, or left out."""
    price: TokenPrice | None = None
    """Yours, where the price list that comes along has none or another one."""


class Routing(Section):
    """How a question comes to its model."""

    tiers: tuple[str, ...] = ("economy", "standard", "flagship")
    """Routes by what they cost, the cheapest first. Below a route of these the cheaper ones are asked when its own candidates
    fail; `auto` picks among those that are configured."""
    standard_from: float = Field(default=0.3, ge=0, le=1)
    """`auto`: from this complexity on the second tier."""
    flagship_from: float = Field(default=0.7, ge=0, le=1)
    """`auto`: from this complexity on the last tier."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(set(self.tiers)) != len(self.tiers):
            raise ValueError("tiers: one is named twice")
        if AUTO in self.tiers:
            raise ValueError(f"tiers: {AUTO!r} picks one of them, and is none")
        if self.standard_from > self.flagship_from:
            raise ValueError("standard_from is above flagship_from")
        return self


class Breaker(Section):
    """When to stop calling a model that fails, and when to try again. Times in seconds."""

    failures: int = Field(default=5, ge=1)
    """Failures in a row that open it; more of them where so many calls of the window failed that this may be chance."""
    failure_rate: float = Field(default=0.5, gt=0, le=1)
    """Or this share of failures among the calls of `window` seconds, when there were `minimum_calls`."""
    window: float = Field(default=10.0, gt=0)
    """In seconds, see `failure_rate`."""
    minimum_calls: int = Field(default=20, ge=1)
    """With fewer calls in the window their share says nothing."""
    slow: float = Field(default=8.0, gt=0)
    """A call that takes longer is slow."""
    slow_rate: float = Field(default=0.8, gt=0, le=1)
    """Or this share of slow calls in the window, when there were `minimum_calls`."""
    open_seconds: float = Field(default=5.0, gt=0)
    """How long nobody calls; then one worker may try."""
    probes: int = Field(default=2, ge=1)
    """Successes in a row, while half-open, that close it."""
    claim_wait: float = Field(default=0.5, ge=0)
    """How long a question waits to learn whether its worker is the one of the fleet that may try again; then it goes on."""
    probe_seconds: float = Field(default=15.0, gt=0)
    """For how long the one that may try again has that right; then another may claim it. At least half again as long as the
    longest call."""


class RetryBudget(Section):
    """How many calls beyond the first ones a struggling provider may cause. Times in seconds."""

    share: float = Field(default=0.2, ge=0)
    """Further calls (retries and fallbacks) for each question bound for the provider that was answered."""
    window: float = Field(default=10.0, gt=0)
    """Answers count for this long."""
    per_second: float = Field(default=0.5, ge=0)
    """Further calls that are always allowed, a process and provider; where the share allows more, that holds instead."""


class Concurrency(Section):
    """How many calls a model gets at once: more by one a round of answers, by `decrease` fewer when it says 429 (AIMD).
    Times in seconds."""

    decrease: float = Field(default=0.5, gt=0, lt=1)
    """What is left of the calls at once after a 429, as a share."""
    minimum: int = Field(default=1, ge=1)
    """Calls at once are never fewer. At 1 they come more and more slowly in place of that."""
    wait: float = Field(default=1.0, ge=0)
    """How long an interactive question waits for a place while it may ask another model instead; for the last one as long as
    for a call."""


class BatchLane(Section):
    """Requests of the lane `batch`: they wait behind interactive ones, and yet are never starved. Times in seconds."""

    share: float = Field(default=0.1, gt=0, lt=1)
    """Of the turns, when both lanes wait for one model."""
    max_share: float = Field(default=0.5, gt=0, le=1)
    """Of a model's calls at once; at least one."""
    timeout: float | None = Field(default=None, gt=0)
    """For everything; None: as `invoke.timeout`."""
    in_flight: int = Field(default=64, ge=1)
    """Requests at work at once, a process."""


class Invoke(Section):
    """How models are asked. Times in seconds."""

    timeout: float = Field(default=30.0, gt=0)
    """For everything: calls, waits, fallbacks and asking again."""
    fallback_timeout: float = Field(default=5.0, gt=0)
    """For each call after the first candidate failed."""
    first_token: float = Field(default=8.0, gt=0)
    """Of a stream: from the request to the first token."""
    between_tokens: float = Field(default=4.0, gt=0)
    """Of a stream: from one token to the next."""
    retries: int = Field(default=3, ge=0)
    """At most, over all candidates together, on errors that may pass."""
    backoff: float = Field(default=1.0, ge=0)
    """The first retry's longest wait; doubles each time; the wait is drawn evenly below it (full jitter)."""
    backoff_cap: float = Field(default=8.0, ge=0)
    """No retry waits longer."""
    reasks: int = Field(default=1, ge=0)
    """How often an answer without the required form is sent back with what is wrong with it."""
    breaker: Breaker = Breaker()
    budget: RetryBudget = RetryBudget()
    concurrency: Concurrency = Concurrency()
    batch: BatchLane = BatchLane()
