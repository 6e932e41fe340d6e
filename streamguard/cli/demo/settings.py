"""The configuration that the demo's workers run with, written out as a file that can be read and reused."""

from dataclasses import dataclass
from typing import Any

import orjson

PREFIX = "demo."
PARTITIONS = 4
FETCH_WAIT = 0.03


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the embedded parts listen, as `host:port`."""

    broker: str
    store: str
    simulator: str


def demo_settings(
    at: Addresses, prefix: str = PREFIX, *, embedded: bool = True
) -> dict[str, dict[str, Any] | list[dict[str, Any]]]:
    """All keys that differ from the defaults.

    Breakers close and retries come sooner than production would want, so that an outage of seconds shows everything.
    The `embedded` broker holds a fetch for its whole wait though records arrive, so the wait is short there.
    """
    default = [("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("anthropic", "claude-3-5-haiku-latest")]
    economy = [("openai", "gpt-4o-mini"), ("anthropic", "claude-3-5-haiku-latest")]
    tiers = {"economy": economy, "standard": [("openai", "gpt-4.1-mini"), *economy], "flagship": default}
    return {
        "kafka": {
            "brokers": at.broker,
            "prefix": prefix,
            "dead_letters_per_minute": 10_000,
            "fetch_wait": FETCH_WAIT if embedded else 0.5,
        },
        "clickhouse": {"url": f"http://{at.store}", "flush_seconds": 2.0},
        "providers": [
            {"name": name, "base_url": f"http://{at.simulator}/{name}/v1", "api_key": "simulated"}
            for name in ("openai", "anthropic")
        ],
        "routes": {name: _candidates(models) for name, models in {"default": default, **tiers}.items()},
        "invoke": {"backoff": 0.2, "backoff_cap": 1.0},
        "invoke.breaker": {"open_seconds": 2.0},
        "worker": {"instance": "demo", "metrics_port": 0},  # any free port; each worker's log says which
    }


def _candidates(models: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"provider": provider, "model": model} for provider, model in models]


def to_toml(settings: dict[str, dict[str, Any] | list[dict[str, Any]]]) -> str:
    """The settings as TOML: tables, lists of tables, and within these strings, numbers and lists of tables of strings."""
    lines = ["# Written by `streamguard demo`: how its workers were configured.", ""]
    for name, section in settings.items():
        for table in section if isinstance(section, list) else [section]:
            lines.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            lines += [f"{key} = {_value(value)}" for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, list):
        items: list[Any] = value
        return "[" + ", ".join(_value(item) for item in items) + "]"
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in fields.items()) + " }"
    return orjson.dumps(value).decode()  # JSON's strings and numbers are TOML's too
