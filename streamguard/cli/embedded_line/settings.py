"""The configuration of a line whose broker, stores and model are embedded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTITIONS = 4
FETCH_WAIT = 0.03


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the embedded parts listen, as `host:port`.

    `reading` is the store's port on which nothing can be changed. `payloads` is a second store for texts and
    `payloads_reading` its port for reading; None where texts lie in the first store. Without a `simulator` it is None.
    """

    broker: str
    store: str
    simulator: str | None
    reading: str | None = None
    payloads: str | None = None
    payloads_reading: str | None = None


def line_settings(
    at: Addresses, prefix: str, *, embedded: bool = True, instance: str = "demo", metrics_port: int = 0
) -> dict[str, Any]:
    """All keys that differ from the defaults, section by section. A `metrics_port` of 0 is any: each worker's log says which.

    Breakers close and retries come sooner than production would want, so that an outage of seconds shows everything.
    The `embedded` broker holds a fetch for its whole wait though records arrive, so the wait is short there.
    """
    clickhouse = {"url": f"http://{at.store}", "flush_seconds": 2.0}
    others = {"read_url": at.reading, "payloads_url": at.payloads, "payloads_read_url": at.payloads_reading}
    clickhouse |= {key: f"http://{address}" for key, address in others.items() if address is not None}
    return {
        "kafka": {
            "brokers": at.broker,
            "prefix": prefix,
            "dead_letters_per_minute": 10_000,
            "fetch_wait": FETCH_WAIT if embedded else 0.5,
        },
        "clickhouse": clickhouse,
        **(simulated_models(at.simulator) if at.simulator is not None else {}),
        "worker": {"instance": instance, "metrics_port": metrics_port},
    }


def simulated_models(simulator: str) -> dict[str, Any]:
    """Providers and routes that lead to the simulator at this address."""
    default = [("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("anthropic", "claude-3-5-haiku-latest")]
    economy = [("openai", "gpt-4o-mini"), ("anthropic", "claude-3-5-haiku-latest")]
    tiers = {"economy": economy, "standard": [("openai", "gpt-4.1-mini"), *economy], "flagship": default}
    return {
        "providers": [
            {"name": name, "base_url": f"http://{simulator}/{name}/v1", "api_key": "simulated"}
            for name in ("openai", "anthropic")
        ],
        "routes": {name: _candidates(models) for name, models in {"default": default, **tiers}.items()},
        "invoke": {"backoff": 0.2, "backoff_cap": 1.0, "breaker": {"open_seconds": 2.0}},
    }


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the changes over them: key by key in a section, whole where it is a list of tables."""
    together = dict(settings)
    for name, section in changes.items():
        before: Any = together.get(name)
        together[name] = {**before, **section} if isinstance(before, dict) and isinstance(section, dict) else section
    return together


def _candidates(models: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"provider": provider, "model": model} for provider, model in models]
