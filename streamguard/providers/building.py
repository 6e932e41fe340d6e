"""From settings to providers."""

from collections.abc import Iterable

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
    return {one.name: _built(one, clock) for one in settings}


def _built(settings: ProviderSettings, clock: Clock) -> ChatProvider:
    match settings:
        case OpenAISettings():
            return OpenAIProvider(settings, clock=clock)
        case AnthropicSettings():
            return AnthropicProvider(settings, clock=clock)
        case StaticSettings():
            return StaticProvider(settings)
