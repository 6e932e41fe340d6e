"""The outage in a small form: a simulator, three workers, seconds instead of minutes."""

import orjson
import pytest

from benchmarks.outage import NO_BREAKER, NO_BUDGET, measure, table, to_json
from benchmarks.outage_run import Load
from streamguard.config import Breaker, Concurrency, Invoke

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

LOAD = Load(requests=240, rate=60, latency_ms=20)
QUICK = Breaker(open_seconds=0.3)


async def test_an_outage_costs_no_answer_and_hardly_a_call_and_without_the_rules_many() -> None:
    results = await measure(
        LOAD,
        {
            "all": Invoke(breaker=QUICK, backoff=0.1),
            "neither": Invoke(breaker=NO_BREAKER, budget=NO_BUDGET, backoff=0.1),
        },
    )
    with_rules, without = results["all"].figures, results["neither"].figures
    assert [result.uncounted for result in results.values()] == [0, 0]
    assert with_rules.all.live == 1.0
    assert with_rules.worst_minute < 1.5 < without.worst_minute
    assert with_rules.noticed is not None
    assert with_rules.noticed < 1.0
    assert without.noticed is None
    assert with_rules.wasted * 4 < without.wasted

    shown = table(results, LOAD.schedule.minute)
    assert shown.splitlines()[0] == "| | all | neither |"
    assert "answered by a live model, % (bound) | 100.00 (100.00)" in shown
    told = orjson.loads(orjson.dumps(to_json(LOAD, results, (0.0, 0.0))))
    assert told["variants"]["all"]["figures"]["parts"]["down"]["questions"] == 80


async def test_what_the_others_cannot_take_gets_the_static_text_and_nobody_is_refused_for_long() -> None:
    load = Load(requests=240, rate=60, latency_ms=20, other_limit=15, economy_limit=10)
    settings = Invoke(breaker=QUICK, backoff=0.1, fallback_timeout=0.5, concurrency=Concurrency(wait=0.2))
    found = (await measure(load, {"all": settings}))["all"].figures
    down = found.parts["down"]
    assert down.bound == pytest.approx(25 / 60)
    assert down.live >= 0.75 * down.bound
    assert down.answered["static"] > 0
    assert "none" not in found.all.answered
    assert found.rate_limited < 0.25
