"""A provider that fails for a third of the time and is flaky for another: `python -m benchmarks.outage [--json]`.

10,000 questions at a steady rate, an open loop: who waits for an answer makes nobody else wait. Three workers share their
breakers over a log in memory; a simulator in a process of its own plays the flagship, another vendor's model and an economy
model behind it; last comes a static text. The flagship is healthy, down, healthy, 30 % flaky, healthy. The same questions four
times: with all rules, without breakers, without the budget of further calls, and without both.

The bound of the share answered by a live model: all, but while the flagship is down at most what the others' limits
(`--other-limit`, `--economy-limit`) let through, capacity / rate. Questions that still wait when the flagship comes back are
answered then, and what those models had saved up comes on top, so a short run may exceed it. `healthy` counts the seconds until
the fleet has recovered, too.
"""

import argparse
import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson
import uvloop

from benchmarks.outage_figures import Figures, Section, figures
from benchmarks.outage_run import Load, Ran, run
from streamguard.config import Breaker, Invoke, RetryBudget

_NEVER = 10**9
NO_BREAKER = Breaker(failures=_NEVER, minimum_calls=_NEVER)
NO_BUDGET = RetryBudget(share=_NEVER, per_second=_NEVER)
VARIANTS: Mapping[str, Invoke] = {
    "all": Invoke(),
    "no breaker": Invoke(breaker=NO_BREAKER),
    "no budget": Invoke(budget=NO_BUDGET),
    "neither": Invoke(breaker=NO_BREAKER, budget=NO_BUDGET),
}


@dataclass(frozen=True, slots=True)
class Result:
    """One variant. See `Figures` and `Ran`."""

    figures: Figures
    least_limit: int
    late_ms: float
    cpu: float
    uncounted: int


async def measure(load: Load, variants: Mapping[str, Invoke] = VARIANTS) -> dict[str, Result]:
    """One after another."""
    return {name: _result(load, await run(load, settings)) for name, settings in variants.items()}


def _result(load: Load, ran: Ran) -> Result:
    found = figures(ran.seen, load.schedule, rate=load.rate, capacity=load.capacity)
    return Result(found, ran.least_limit, ran.late_ms, ran.cpu, ran.uncounted)


def table(results: Mapping[str, Result], minute: float) -> str:
    """As Markdown."""
    rows: list[tuple[str, list[str]]] = []

    def row(title: str, cells: list[str]) -> None:
        rows.append((title, cells))

    shown = [result.figures for result in results.values()]
    row("answered by a live model, % (bound)", [f"{_share(one.all.live)} ({_share(one.all.bound)})" for one in shown])
    sections: tuple[Section, ...] = ("healthy", "down", "flaky")
    for name in sections:
        parts = [one.parts[name] for one in shown]
        row(f"{name}: live, % (bound)", [f"{_share(part.live)} ({_share(part.bound)})" for part in parts])
        if name != "healthy":
            row(f"{name}: who answered, %", [_shares(part.answered) for part in parts])
        row(f"{name}: p50 / p99, ms", [f"{part.p50_ms:.0f} / {part.p99_ms:.0f}" for part in parts])
        row(f"{name}: calls a question", [f"{part.calls:.3f}" for part in parts])
    row("calls a question in all", [f"{one.all.calls:.3f}" for one in shown])
    row(f"calls a question, worst {minute:.0f} s", [f"{one.worst_minute:.3f}" for one in shown])
    row("calls to the flagship while down", [f"{one.wasted:,}" for one in shown])
    row("noticed after, s", [_time(one.noticed) for one in shown])
    row("recovered after the outage, s", [_time(one.recovered) for one in shown])
    row("recovered after the flaky third, s", [_time(one.settled) for one in shown])
    row("calls refused with 429, %", [_share(one.rate_limited) for one in shown])
    row("least limit of the other vendor (AIMD)", [str(result.least_limit) for result in results.values()])
    lines = ["| | " + " | ".join(results) + " |", "|---|" + "---|" * len(results)]
    return "\n".join([*lines, *(f"| {title} | " + " | ".join(cells) + " |" for title, cells in rows)])


def _share(value: float) -> str:
    return f"{value * 100:.2f}"


def _shares(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value * 100:.1f}" for name, value in values.items())


def _time(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"


def to_json(load: Load, results: Mapping[str, Result], machine: tuple[float, float]) -> dict[str, Any]:
    """Numbers to four places; `machine` is its load before and after."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            inner: dict[str, Any] = value
            return {name: rounded(item) for name, item in inner.items()}
        return round(value, 4) if isinstance(value, float) else value

    variants = {name: asdict(result) for name, result in results.items()}
    return rounded({"load": asdict(load), "machine": list(machine), "variants": variants})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    standard = {each.name: each.default for each in fields(Load)}
    parser.add_argument("--requests", type=int, default=standard["requests"], help="a variant")
    parser.add_argument("--rate", type=float, default=standard["rate"], help="questions a second")
    parser.add_argument("--workers", type=int, default=standard["workers"])
    parser.add_argument(
        "--fault", default=standard["fault"], help="what the flagship meets while it is down, as 'hang'"
    )
    parser.add_argument("--flaky", type=float, default=standard["flaky"], help="share of 503s in the flaky third")
    parser.add_argument("--other-limit", type=float, help="requests a second that the other vendor's model takes")
    parser.add_argument("--economy-limit", type=float, help="requests a second that the economy model takes")
    parser.add_argument("--variant", action="append", choices=list(VARIANTS), help="only this one; repeatable")
    parser.add_argument("--seed", type=int, default=standard["seed"])
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = vars(parser.parse_args())
    names, as_json = given.pop("variant") or list(VARIANTS), given.pop("json")
    load = Load(**given)
    logging.getLogger("streamguard").setLevel(logging.ERROR)  # breakers tell of each change
    before = os.getloadavg()[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(measure(load, {name: VARIANTS[name] for name in names}))
    machine = before, os.getloadavg()[0]
    if as_json:
        print(orjson.dumps(to_json(load, results, machine)).decode())
        return
    print(
        f"{load.requests:,} questions at {load.rate:g}/s, {load.workers} workers, down: {load.fault}, {load.flaky:.0%} flaky"
    )
    print(table(results, load.schedule.minute))
    for name, one in results.items():
        print(
            f"{name}: asked late by {one.late_ms:.1f} ms (p99), {one.cpu:.0%} of a core, {one.uncounted} calls uncounted; "
            f"skipped while down: {_shares(one.figures.parts['down'].skips)}; "
            f"while flaky: {_shares(one.figures.parts['flaky'].skips)}"
        )
    print(f"load of the machine before and after: {machine[0]:.1f}, {machine[1]:.1f}")


if __name__ == "__main__":
    main()
