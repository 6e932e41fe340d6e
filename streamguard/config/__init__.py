"""The configuration: one TOML file, environment variables over it, read once. The only place that reads the environment.

A variable is named `STREAMGUARD_` and the keys joined by `__`: `STREAMGUARD_KAFKA__BROKERS` sets `brokers` of `[kafka]`.
An unknown key is an error that names it. Secrets are masked wherever the configuration is shown.
"""

import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from streamguard.config.base import Keyed, Section, secret_of
from streamguard.config.clickhouse import ClickHouse, store_address
from streamguard.config.kafka import Cluster, Kafka
from streamguard.config.models import (
    AUTO,
    AnthropicProvider,
    BatchLane,
    Breaker,
    Candidate,
    Concurrency,
    Feature,
    HttpProvider,
    Invoke,
    OpenAIProvider,
    ProviderSettings,
    RetryBudget,
    Routing,
    StaticProvider,
    TokenPrice,
)
from streamguard.config.remote_checks import (
    ClassificationEndpoint,
    JudgeEndpoint,
    ModerationEndpoint,
    RemoteCheckSettings,
    RemoteEndpoint,
    VerdictEndpoint,
)
from streamguard.errors import ConfigError

__all__ = [
    "AUTO",
    "CONFIG_FILE",
    "ENV_PREFIX",
    "AnthropicProvider",
    "BatchLane",
    "Breaker",
    "Cache",
    "Candidate",
    "ClassificationEndpoint",
    "ClickHouse",
    "Cluster",
    "Concurrency",
    "Config",
    "Feature",
    "HttpProvider",
    "InvalidConfig",
    "Invoke",
    "JudgeEndpoint",
    "Kafka",
    "Keyed",
    "Limits",
    "ModerationEndpoint",
    "OpenAIProvider",
    "Policy",
    "Privacy",
    "ProviderSettings",
    "RemoteCheckSettings",
    "RemoteEndpoint",
    "RetryBudget",
    "Routing",
    "Section",
    "StaticProvider",
    "TokenPrice",
    "VerdictEndpoint",
    "Worker",
    "load",
    "named_file",
    "parse",
    "plain_environment",
    "read_file",
    "set_variables",
    "store_address",
]

ENV_PREFIX = "STREAMGUARD_"
CONFIG_FILE = "STREAMGUARD_CONFIG"
"""The variable that names the configuration file of a worker process."""
PARTED = "\n"
"""Between several mistakes that one validator finds."""


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:100] or "worker"


class Limits(Section):
    """What admit lets in. Rates are a minute, over a sliding window."""

    user_per_minute: int = Field(default=20, ge=1)
    """Requests of one user of a tenant."""
    ip_per_minute: int = Field(default=100, ge=1)
    """Requests of a tenant's users from one address, where requests name it (`client_ip`)."""
    max_request_bytes: int = Field(default=262_144, ge=1024, le=900_000)
    """Of a request as it came. What each stage adds to it must fit into the mebibyte that brokers take of a record."""
    max_messages: int = Field(default=100, ge=1)
    """Of one request."""
    max_documents: int = Field(default=32, ge=0)
    """Of one request (`context`)."""
    max_characters: int = Field(default=100_000, ge=1)
    """Of all texts of a request together."""
    max_input_tokens: int = Field(default=16_000, ge=1)
    """Of all that a model is shown for a request; what is longer is trimmed or refused."""
    max_output_tokens: int = Field(default=1_024, ge=1)
    """Of an answer, where the request asks for no fewer."""
    seen_hours: float = Field(default=24.0, gt=0, le=168)
    """For how long a request id is remembered: at most as long as the admission journal is kept."""


class Policy(Section):
    """What guard and verify check."""

    file: Path | None = None
    """The policy file; None takes the one that comes along. `streamguard.checks.policy` says what stands in it."""
    default_prompt: str = "chat"
    """The template for requests that bring messages."""
    key_id: str = "dev"
    """Names the key in signatures, so that keys can be changed."""
    key: SecretStr = Field(default=SecretStr("streamguard-development-key"), min_length=1)
    """Keys hashes, fences, canaries and signatures. Set your own in production."""
    key_env: str | None = None
    """The environment variable that holds the key, in place of `key`."""
    key_file: Path | None = None
    """The file that holds the key and nothing else, in place of `key`."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        given = [
            name for name in ("key", "key_env", "key_file") if name in self.model_fields_set and getattr(self, name)
        ]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; keep one")
        return self

    def secret(self) -> SecretStr:
        """The key. Raises `ConfigError` naming the key whose variable or file cannot be used."""
        return secret_of(self, "key")


class Cache(Section):
    """The exact cache: answers that serve whoever of the same tenant asks the same again."""

    ttl_seconds: float = Field(default=3600.0, gt=0, le=604_800)
    """How long an answer may serve others: at most as long as `cache-entries` keeps it."""
    max_entries: int = Field(default=100_000, ge=1)
    """Answers kept, a worker; the oldest go when there are more."""
    max_bytes: int = Field(default=256 << 20, ge=1)
    """Of all answers kept, a worker."""


class Privacy(Section):
    """Which texts reach the store: none, or redacted ones of users who agreed to it."""

    payloads: Literal["none", "redacted"] = "redacted"
    """`redacted`: texts with placeholders for personal data; `none`: none at all."""


class Worker(Section):
    """The processes of this machine."""

    instance: str = Field(default_factory=_host_name, pattern=r"^[A-Za-z0-9._-]+$", max_length=100)
    """Names this machine's processes; the supervisor adds a number. Must be unique in the cluster, and stay the same over
    restarts: the host's name, if none is given. A process whose name another one has refuses to start."""
    lock_dir: Path | None = None
    """Where the processes of a host tell each other which names are taken; None: in its directory for temporary files. One
    that outlives a container makes its restarts quicker."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Prometheus metrics, `/ready` and `/live` of process n at this port + n, of sink n at this port + 64 + n; 0 takes a free
    one, which the log tells; None serves none."""
    metrics_host: str = Field(default="127.0.0.1", min_length=1)
    """The address that they are served at. Anyone who reaches it may read them: `0.0.0.0` (every IPv4 address) belongs inside a
    container, whose network alone decides who does."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines of the log (JSON, on standard error) below this are left out."""


class Config(BaseSettings):
    """Everything there is to set. Frozen; built by `load`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
    )

    kafka: Kafka = Kafka()
    clickhouse: ClickHouse = ClickHouse()
    providers: tuple[ProviderSettings, ...] = ()
    """Who has models."""
    routes: dict[str, tuple[Candidate, ...]] = Field(default_factory=dict)
    """Lists of candidates by name, the preferred first; a prompt names its route, or `auto`."""
    routing: Routing = Routing()
    invoke: Invoke = Invoke()
    limits: Limits = Limits()
    policy: Policy = Policy()
    remote_checks: tuple[RemoteCheckSettings, ...] = ()
    """Models that give a second opinion on texts, which the policy names."""
    cache: Cache = Cache()
    privacy: Privacy = Privacy()
    worker: Worker = Worker()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if misfits := [*self._of_names(), *self._of_times(), *self._of_connections()]:
            raise ValueError(PARTED.join(misfits))
        return self

    def _of_names(self) -> Iterator[str]:
        names = {provider.name for provider in self.providers}
        if len(names) != len(self.providers):
            yield "two providers have one name"
        if len({check.name for check in self.remote_checks}) != len(self.remote_checks):
            yield "two remote_checks have one name"
        prices: dict[tuple[str, str], TokenPrice] = {}
        for route, candidates in self.routes.items():
            if route == AUTO:
                yield f"route {AUTO!r} cannot be configured: it picks one of routing.tiers"
            if not candidates:
                yield f"route {route!r} has no candidates, so no model could be asked"
            for unknown in sorted({candidate.provider for candidate in candidates} - names):
                yield f"route {route!r} names the provider {unknown!r}, which is not among [[providers]]"
            if len({(candidate.provider, candidate.model) for candidate in candidates}) != len(candidates):
                yield f"route {route!r} names one model of a provider twice"
            for candidate in candidates:
                place = candidate.provider, candidate.model
                if candidate.price and prices.setdefault(place, candidate.price) != candidate.price:
                    yield f"routes: {'/'.join(place)} has two prices"

    def _of_times(self) -> Iterator[str]:
        for name, seconds in (("timeout", self.invoke.timeout), ("batch.timeout", self.invoke.batch.timeout)):
            if seconds is not None and seconds >= self.kafka.deadline:
                yield f"invoke.{name} must be shorter than kafka.deadline, which ends the step around it"

    def _of_connections(self) -> Iterator[str]:
        """Calls that waited for a connection in vain would look as if the provider could not be reached."""
        models: dict[str, set[str]] = {}
        for candidate in (candidate for candidates in self.routes.values() for candidate in candidates):
            models.setdefault(candidate.provider, set()).add(candidate.model)
        for provider in self.providers:
            if isinstance(provider, StaticProvider):
                continue
            calls = provider.max_concurrency * len(models.get(provider.name, ()))
            if calls > provider.max_connections:
                yield (
                    f"provider {provider.name!r}: {calls} calls at once (max_concurrency for each of its models) need as many "
                    f"connections, and max_connections is {provider.max_connections}"
                )

    @property
    def breaker(self) -> Breaker:
        """`invoke.breaker`, with a right to try that lasts longer than any call: else a slow probe's success would come when the
        right had passed on already, and a model of long answers would never be closed again."""
        asked = [candidate.timeout for candidates in self.routes.values() for candidate in candidates]
        longest = min(max(asked, default=0.0), max(self.invoke.timeout, self.invoke.batch.timeout or 0.0))
        settings = self.invoke.breaker
        return settings.model_copy(update={"probe_seconds": max(settings.probe_seconds, 1.5 * longest)})


class _Alone(Config):
    """What was read, without the environment."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load(file: Path | None = None) -> Config:
    """The configuration of `file` (or of the file that `STREAMGUARD_CONFIG` names, or the defaults) and the environment.

    Raises `ConfigError` naming the key and what is wrong with it; `InvalidConfig` where more than one may be.
    """
    file = file or named_file()
    return parse(read_file(file) if file else {}, source=str(file) if file else "the environment")


def named_file() -> Path | None:
    """The file that `STREAMGUARD_CONFIG` names."""
    named = os.environ.get(CONFIG_FILE)
    return Path(named) if named else None


class InvalidConfig(ConfigError):
    """The configuration has mistakes: `problems` are all that were found, each in a line."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__(f"{source}: {'; '.join(problems)}")
        self.source = source
        self.problems = tuple(problems)


def parse(values: Mapping[str, Any], *, source: str, variables: bool = True) -> Config:
    """A configuration from values already read, with the environment's variables over them, or without.

    Raises `ConfigError`, `InvalidConfig` where more than one may be.
    """
    told: Mapping[str, str] = {}
    if variables:
        _known_variables()
        told = set_variables()
    try:
        return (Config if variables else _Alone)(**values)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'configuration'}: {problem}{_see(item['loc'], told)}"
            for item in error.errors(include_input=False, include_url=False)
            for problem in _problem(item["type"], item["msg"]).split(PARTED)
        ]
        raise InvalidConfig(source, problems) from None
    except SettingsError as error:  # a variable that holds a whole section or list, and no JSON
        raise ConfigError(f"the environment: {error}; such a variable holds JSON") from None


def _see(key: Sequence[str | int], variables: Mapping[str, str]) -> str:
    """The variables that speak of this key, of what it holds, or of what holds it: the file may be right."""
    name = "__".join(map(str, key)).upper()
    known = [
        variable
        for variable in sorted(variables)
        if f"{name}__".startswith(f"{(of := variable.removeprefix(ENV_PREFIX))}__") or of.startswith(f"{name}__")
    ]
    return f" (see {', '.join(known)})" if key and known else ""


def _problem(kind: str, message: str) -> str:
    return "there is no such key" if kind == "extra_forbidden" else message.removeprefix("Value error, ")


def read_file(file: Path) -> dict[str, Any]:
    """What stands in it, unchecked. Raises `ConfigError` naming it."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # some editors put a mark before the text
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is no UTF-8 text, as TOML must be") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is no valid TOML ({error})") from None


def plain_environment() -> dict[str, str]:
    """Our environment without streamguard's variables, for processes that must follow a file alone."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}


def set_variables() -> dict[str, str]:
    """The variables that set something, by their names in capitals."""
    return {
        name.upper(): value
        for name, value in os.environ.items()
        if name.upper().startswith(ENV_PREFIX) and name.upper() != CONFIG_FILE
    }


def _known_variables() -> None:
    """pydantic-settings passes over variables of unknown sections; an unknown key must be an error everywhere."""
    unknown = [
        f"{name}: there is no section {section!r}; there are {', '.join(Config.model_fields)}"
        for name in sorted(set_variables())
        if (section := name.removeprefix(ENV_PREFIX).split("__")[0].lower()) not in Config.model_fields
    ]
    if unknown:
        raise InvalidConfig("the environment", unknown)
