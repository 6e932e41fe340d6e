"""Mistakes in routes and tiers are named when the configuration is read."""

from typing import Any

import pytest

from streamguard.config import Config, parse
from streamguard.errors import ConfigError

PROVIDERS = [{"name": "openai", "base_url": "http://127.0.0.1:1/v1"}]


def parsed(**values: Any) -> Config:
    return parse({"providers": PROVIDERS, **values}, source="here")


def candidate(model: str = "m", **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "model": model, **more}


def test_tiers_need_not_be_configured() -> None:
    loaded = parsed(routing={"tiers": ["small", "large"]}, routes={"large": [candidate()]})
    assert loaded.routing.tiers == ("small", "large")


@pytest.mark.parametrize(
    ("routing", "said"),
    [
        ({"standard_from": 0.8}, "routing: standard_from is above flagship_from"),
        ({"tiers": ["a", "b", "a"]}, "routing: tiers: one is named twice"),
        ({"tiers": ["a", "auto"]}, "routing: tiers: 'auto' picks one of them, and is none"),
        ({"flagship_from": 1.5}, "routing.flagship_from: "),
    ],
)
def test_a_mistake_in_the_routing_is_named(routing: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parsed(routing=routing)


def test_bounds_may_meet() -> None:
    assert parsed(routing={"standard_from": 0.7}).routing.standard_from == 0.7


def test_one_model_stands_once_in_a_route() -> None:
    with pytest.raises(ConfigError, match="route 'default' names one model of a provider twice"):
        parsed(routes={"default": [candidate(weight=5), candidate(weight=95, timeout=3)]})
    assert len(parsed(routes={"default": [candidate()], "other": [candidate(timeout=3)]}).routes) == 2


def test_one_model_has_one_price() -> None:
    cheap, dear = {"input": "1", "output": "2"}, {"input": "1", "output": "3"}
    with pytest.raises(ConfigError, match="openai/m has two prices"):
        parsed(routes={"a": [candidate(price=cheap)], "b": [candidate(price=dear)]})
    parsed(routes={"a": [candidate(price=cheap)], "b": [candidate(price=cheap)], "c": [candidate()]})
