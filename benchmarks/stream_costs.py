"""Whether streams are booked at what they cost, call by call: `python -m benchmarks.stream_costs [--streams 5000] [--json]`.

The real invoker and providers over sockets to the simulator, which breaks a fifth of the streams in every way it knows, while
some askers leave. Each call in our books is then held against the same call (`x-request-id`) in the simulator's. What is booked
by usage must be equal to the nano-dollar; what is booked by estimate is told with the distribution of its error.

The simulator counts with the vocabulary that the estimates count with, so the errors told here are of what is lost on the way
and of what the books forget, and not those of another vendor's tokens.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict

import httpx
import orjson
import uvloop

from benchmarks.stream_costs_books import Booked, Comparison, Entry, compare
from benchmarks.stream_costs_questions import questions
from streamguard.analytics.prices import GenaiPrices
from streamguard.checks.text.tokens import count_tokens
from streamguard.clock import SystemClock
from streamguard.config import AnthropicProvider as AnthropicSettings
from streamguard.config import BatchLane, Breaker, Candidate, Concurrency, Invoke, RetryBudget, Routing
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings
from streamguard.providers.anthropic import AnthropicProvider
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.contract import ChatProvider
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.routing import Router
from streamguard.providers.turns import Turns

BREAKS: Mapping[Fault, float] = {
    Fault.CUT_STREAM: 0.035,
    Fault.RESET: 0.035,
    Fault.STREAM_ERROR: 0.03,
    Fault.GARBAGE: 0.03,
    Fault.HANG_MID: 0.03,
    Fault.OVERSIZED: 0.0005,
}
LEAVING = 0.05
"""The share of the askers who leave in the middle; with the breaks a fifth of all streams."""
OTHERS: Mapping[Fault, float] = {
    Fault.NO_USAGE: 0.06,
    Fault.EMPTY_ANSWER: 0.01,
    Fault.EMPTY_BODY: 0.005,
    Fault.HTML: 0.005,
    Fault.SERVER_ERROR: 0.01,
    Fault.OVERLOADED: 0.01,
}
_OPENAI = (Candidate(provider="openai", model="gpt-4o"), Candidate(provider="openai", model="gpt-4o-mini"))
_ANTHROPIC = (
    Candidate(provider="anthropic", model="claude-3-5-sonnet-latest"),
    Candidate(provider="anthropic", model="claude-3-5-haiku-latest"),
)
ROUTES: Mapping[str, tuple[Candidate, ...]] = {
    "openai": (_OPENAI[0], _ANTHROPIC[1]),
    "anthropic": (_ANTHROPIC[0], _OPENAI[1]),
}


def settings(seed: int) -> SimulatorSettings:
    """A simulator whose streams take some 40 ms, so that they can break in the middle."""
    return SimulatorSettings(
        seed=seed,
        latency=Latency(40.0),
        faults=(FaultRule(rates={**BREAKS, **OTHERS}),),
        hang_seconds=1.5,
        cache_automatically=True,
    )


async def ask_all(url: str, streams: int, seed: int, in_flight: int) -> list[Booked]:
    """Ask so many questions, and give every call of our books."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        openai = OpenAIProvider(OpenAISettings(name="openai", base_url=f"{url}/openai/v1"))
        stack.push_async_callback(openai.aclose)
        anthropic = AnthropicProvider(
            AnthropicSettings(kind="anthropic", name="anthropic", base_url=f"{url}/anthropic/v1")
        )
        stack.push_async_callback(anthropic.aclose)
        providers: dict[str, ChatProvider] = {"openai": openai, "anthropic": anthropic}
        invoker = Invoker(
            router=Router(ROUTES, Routing()),
            providers=providers,
            prices=GenaiPrices(),
            # pauses would only keep calls from being made: what is looked at here is what they cost
            fleet=Fleet(
                Breakers(Breaker(failures=10_000, minimum_calls=10_000), clock),
                RetryBudgets(RetryBudget(per_second=10_000.0), clock),
                Turns(Concurrency(), BatchLane(), clock, lambda _: 1_000),
            ),
            clock=clock,
            rng=random.Random(seed),
            settings=Invoke(first_token=5.0, between_tokens=0.7, backoff=0.02),
            count=count_tokens,
        )
        waiting = iter(questions(streams, seed, leaving=LEAVING))
        booked: list[Booked] = []

        async def asker() -> None:
            for question in waiting:
                answered = await invoker.ask(question)
                booked.extend(Booked.of(call) for call in answered.calls if call.status != "skipped")

        await asyncio.gather(*(asker() for _ in range(in_flight)))
    return booked


async def books(url: str) -> list[Entry]:
    """The simulator's books, once no call is under way there."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30.0) as client, asyncio.timeout(30):
        while (await client.get("/_sim/calls")).json()["in_flight"]:
            await asyncio.sleep(0.05)
        report = orjson.loads((await client.get("/_sim/calls", params={"detail": "1"})).content)
    return [Entry.of(call) for call in report["detail"]]


async def run(streams: int, *, seed: int = 1, in_flight: int = 48) -> Comparison:
    """Both books of so many streams, compared."""
    async with Simulator(settings(seed)) as simulator:
        booked = await ask_all(simulator.url, streams, seed, in_flight)
        return compare(booked, await books(simulator.url))


def show(comparison: Comparison) -> None:
    """For people."""
    print(f"{comparison.calls} calls, {comparison.broken:.1%} broke midway")
    print(f"by usage:    {comparison.exact:6}  wrong: {len(comparison.wrong)}  {comparison.exact_nusd / 1e9:.6f} $")
    print(f"estimated:   {comparison.estimated:6}  booked {comparison.estimated_nusd / 1e9:.6f} $", end="")
    print(f", charged {comparison.estimated_charged_nusd / 1e9:.6f} $")
    print(f"unknown:     {comparison.unknown:6}  charged {comparison.unknown_charged_nusd / 1e9:.6f} $")
    print(f"charged and not in our books: {len(comparison.missing)}")
    print("\nestimates, error relative to what was charged")
    print("provider   break                calls  exact  under   over     p50     p90     p99     max    mean   free")
    for line in comparison.errors:
        print(
            f"{line.provider:10} {line.kind:19} {line.calls:6} {line.equal:6} {line.under:6} {line.over:6} "
            f"{line.p50:7.2%} {line.p90:7.2%} {line.p99:7.2%} {line.most:7.2%} {line.mean:+7.2%} {line.free:6}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    begun = time.monotonic()
    comparison = uvloop.run(run(given.streams, seed=given.seed))
    if given.json:
        print(orjson.dumps({"seconds": round(time.monotonic() - begun, 1), **asdict(comparison)}).decode())
    else:
        show(comparison)
    sys.exit(1 if comparison.wrong or comparison.missing else 0)


if __name__ == "__main__":
    main()
