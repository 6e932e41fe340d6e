"""From settings to providers."""

from collections.abc import Iterable

import httpx

from streamguard.clock import Clock
from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.config import ProviderSettings
from streamguard.config import StaticProvider as StaticSettings
from streamguard.providers.anthropic import AnthropicProvider
from streamguard.providers.contract import ChatProvider
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.static import StaticProvider


def build_providers(settings: Iterable[ProviderSettings], clock: Clock) -> dict[str, ChatProvider]:
    """A provider for each, by name; none connects before its first call. Raises `ConfigError` for addresses and keys that
    cannot be used."""
    return {one.name: build_provider(one, clock) for one in settings}


def build_provider(
    settings: ProviderSettings, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
) -> ChatProvider:
    """One provider; `transport` stands in for the network. Raises `ConfigError`."""
    match settings:
        case OpenAISettings():
            return OpenAIProvider(settings, transport=transport, clock=clock)
        case AnthropicSettings():
            return AnthropicProvider(settings, transport=transport, clock=clock)
        case StaticSettings():
            return StaticProvider(settings)
