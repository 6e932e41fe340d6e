"""CPU-milliseconds of one call to a model, by how much is done around it: `python -m benchmarks.call_overhead [--json]`.

    httpx, httpx over aiohttp, aiohttp     the bare call: the answer's JSON, of a stream the text of all its events
    provider                               `OpenAIProvider`: body, limits of time, reading and checking of what comes
    invoker                                plan, breaker, turn, budgets, books around it
    stage                                  invoke from an event to its completion, with nobody looking
    stage, shown                           and what may be seen goes to a (free) chunk writer, through the output checks

Whole answers, and streams of fifty tokens that arrive one by one; a single call at a time, and fifty. A server in a process of
its own answers after a fixed delay; CPU is the client process's alone (user and system), so what the server needs does not
count. The ways are taken in turns, several rounds; told are the median and the least of them: on a shared machine single rounds
differ.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

import orjson
import uvloop

from benchmarks.call_overhead_ways import Call, serve, ways

SECONDS = {(False, 1): 0.05, (False, 50): 0.1, (True, 1): 0.2, (True, 50): 2.0}
"""How long an answer takes, whole or streamed, by how many are under way at once: so long that none waits for the CPU. Where they
do wait, pieces of a stream heap up and are read together, which is cheaper, and not what happens at a provider's speed."""
CALLS = {(False, 1): 40, (False, 50): 400, (True, 1): 20, (True, 50): 100}
"""Calls of one round."""
_LEAST = "aiohttp"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU-milliseconds a call: the median and the least over the rounds; `ratio` is the median's to bare aiohttp's."""

    way: str
    streamed: bool
    in_flight: int
    median: float
    least: float
    ratio: float


async def spend(call: Call, calls: int, in_flight: int) -> float:
    """CPU-milliseconds of this process for each of `calls` calls, `in_flight` at once."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    before = _cpu()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (_cpu() - before) / calls * 1000


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(url: str, in_flight: int, rounds: int, *, stream: bool, only: Sequence[str] = ()) -> list[Cost]:
    """What each way costs; `only` these, if any are named."""
    async with AsyncExitStack() as stack:
        every = await ways(url, stack, stream=stream)
        chosen = {name: call for name, call in every.items() if not only or name in only}
        seen: dict[str, list[float]] = {name: [] for name in chosen}
        for call in chosen.values():
            await spend(call, in_flight * 2, in_flight)
        for _ in range(rounds):
            for name, call in chosen.items():
                seen[name].append(await spend(call, CALLS[stream, in_flight], in_flight))
    medians = {name: statistics.median(values) for name, values in seen.items()}
    least = medians.get(_LEAST, 0.0)
    return [
        Cost(name, stream, in_flight, round(medians[name], 3), round(min(values), 3), _ratio(medians[name], least))
        for name, values in seen.items()
    ]


def _ratio(cost: float, least: float) -> float:
    return round(cost / least, 2) if least else 0.0


def table(costs: Sequence[Cost]) -> str:
    """For people: a line a way, a column a kind of call; the median, the least, the ratio."""
    places = sorted({(one.streamed, one.in_flight) for one in costs})
    found = {(one.way, one.streamed, one.in_flight): one for one in costs}
    heads = [f"{'streamed' if streamed else 'whole'}, {in_flight} at once" for streamed, in_flight in places]
    lines = [" " * 20 + "".join(f"{head:>24}" for head in heads)]
    for way in dict.fromkeys(one.way for one in costs):
        cells: list[str] = []
        for place in places:
            cost = found.get((way, *place))
            cells.append(f"{cost.median:9.3f} {cost.least:7.3f} {cost.ratio:5.2f}x" if cost else "")
        lines.append(f"{way:20}" + "".join(f"{cell:>24}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 50], choices=(1, 50))
    parser.add_argument("--chunks", type=int, default=50, help="of a stream")
    parser.add_argument("--kind", choices=("whole", "streamed", "both"), default="both")
    parser.add_argument("--only", nargs="+", default=[], metavar="WAY")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(there, given.chunks), daemon=True)
    server.start()
    costs: list[Cost] = []
    try:
        url = f"http://127.0.0.1:{here.recv()}"
        for stream in (False, True):
            if given.kind in ("both", "streamed" if stream else "whole"):
                for in_flight in given.in_flight:
                    delay = round(SECONDS[stream, in_flight] * 1000)
                    costs += uvloop.run(
                        measure(f"{url}/{delay}", in_flight, given.rounds, stream=stream, only=given.only)
                    )
    finally:
        server.terminate()
        server.join()
    if given.json:
        print(orjson.dumps({"cpu_ms_a_call": [asdict(cost) for cost in costs]}).decode())
    else:
        print(table(costs))


if __name__ == "__main__":
    main()
