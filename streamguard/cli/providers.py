"""`streamguard providers`: do the models answer that the configuration names, and if not, why?"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import click
import orjson

from streamguard import config
from streamguard.analytics.prices import GenaiPrices
from streamguard.cli.worker import config_option
from streamguard.clock import SystemClock
from streamguard.config import Candidate, Config, ProviderSettings, StaticProvider
from streamguard.errors import InputError
from streamguard.events.usage import Usage
from streamguard.money import Price, format_usd
from streamguard.providers.checking import Checked, check_model
from streamguard.providers.diagnosis import WORKS
from streamguard.providers.prices import ConfiguredPrices

_TYPICAL = Usage(input_tokens=1000, output_tokens=300)
"""By the price of this the cheapest model is told."""
_TEMPERATURE = 0.2
"""As the prompts that come along have one: a model that refuses it would refuse every request."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def providers() -> None:
    """Ask the configured providers.

    Example: streamguard providers check
    """


@dataclass(frozen=True, slots=True)
class Asked:
    """One model that is asked."""

    provider: ProviderSettings
    candidate: Candidate
    result: Checked
    cost: Price | None = None


@providers.command("check")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@config_option
@click.option(
    "--all-models", is_flag=True, help="Ask every model that a route names, not only each provider's cheapest."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 300),
    metavar="SECONDS",
    help="For each call; default: the candidate's own timeout.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def check_command(
    names: tuple[str, ...], config_file: Path | None, all_models: bool, timeout: float | None, as_json: bool
) -> None:
    """Make one small call to each provider (NAME: only to these), and say plainly what is wrong with key, address or model.

    It asks for at most 16 tokens of answer, which costs next to nothing, but something. A provider that says 429 works. Ends with
    status 1 when one does not work, with 2 when the configuration is wrong.

    \b
    Examples:
      streamguard providers check
      streamguard providers check --all-models --json
    """
    loaded = config.load(config_file)
    known = [one.name for one in loaded.providers]
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"there is no provider {unknown[0]!r}; there are {', '.join(known) or 'none'}")
    chosen = [one for one in loaded.providers if not names or one.name in names]
    if not chosen:
        raise InputError("there are no providers; [[providers]] names them")
    book = _prices(loaded)
    meant: list[tuple[ProviderSettings, Candidate]] = []
    for provider in chosen:
        if not (candidates := _candidates(loaded, provider.name, book, all_models=all_models)):
            click.echo(f"streamguard: {provider.name}: not asked, no route names a model of it", err=True)
        meant += [(provider, candidate) for candidate in candidates]
    if not meant:
        raise InputError("no provider was asked; [[routes.NAME]] names models")
    asked = asyncio.run(_ask(meant, timeout, book))
    for one in asked:
        click.echo(orjson.dumps(_fields(one)) if as_json else _line(one))
    sys.exit(0 if all(one.result.verdict in WORKS for one in asked) else 1)


def _prices(loaded: Config) -> ConfiguredPrices:
    free = frozenset(one.name for one in loaded.providers if isinstance(one, StaticProvider))
    return ConfiguredPrices(GenaiPrices(), (one for route in loaded.routes.values() for one in route), free=free)


def _candidates(loaded: Config, provider: str, book: ConfiguredPrices, *, all_models: bool) -> Sequence[Candidate]:
    """The provider's models in the routes, each once; without `all_models` the cheapest, where prices are known."""
    models = {one.model: one for route in loaded.routes.values() for one in route if one.provider == provider}
    if all_models or not models:
        return list(models.values())
    now_us = SystemClock().now_us()

    def price(one: Candidate) -> float:
        cost = book.cost(provider, one.model, _TYPICAL, now_us)
        return float("inf") if cost is None else cost.cost_nusd

    return [min(models.values(), key=price)]


async def _ask(
    meant: Sequence[tuple[ProviderSettings, Candidate]], timeout: float | None, book: ConfiguredPrices
) -> list[Asked]:
    clock = SystemClock()

    async def one(provider: ProviderSettings, candidate: Candidate) -> Asked:
        seconds = timeout or candidate.timeout
        temperature = None if "temperature" in candidate.without else _TEMPERATURE
        name = f"check/{uuid4().hex}"
        result = await check_model(
            provider, candidate.model, clock, name=name, temperature=temperature, seconds=seconds
        )
        cost = None
        if result.usage is not None:
            cost = book.cost(provider.name, candidate.model, result.usage, clock.now_us())
        return Asked(provider, candidate, result, cost)

    return list(await asyncio.gather(*(one(*each) for each in meant)))


def _fields(one: Asked) -> dict[str, object]:
    result, usage = one.result, one.result.usage
    return {
        "provider": one.provider.name,
        "model": one.candidate.model,
        "works": result.verdict in WORKS,
        "verdict": result.verdict,
        "told": result.told,
        "status": result.status,
        "seconds": None if result.seconds is None else round(result.seconds, 3),
        "answered_by": result.model,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cost_nusd": one.cost.cost_nusd if one.cost else None,
    }


def _line(one: Asked) -> str:
    return f"{one.provider.name}/{one.candidate.model}: {one.result.verdict.replace('_', ' ')}: {', '.join(_said(one))}"


def _said(one: Asked) -> Iterator[str]:
    result = one.result
    yield result.told
    if result.seconds is not None:
        yield f"{result.seconds * 1000:.0f} ms"
    if result.model and result.model != one.candidate.model:
        yield f"by {result.model}"
    if result.usage is not None:
        yield f"{result.usage.input_tokens} + {result.usage.output_tokens} tokens"
        yield f"cost {format_usd(one.cost.cost_nusd if one.cost else None)}"
