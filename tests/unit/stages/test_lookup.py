"""A fresh entry answers; anything else goes on to a model."""

import pytest

from streamguard.cache.exact import ExactCache, Hit
from streamguard.clock import FakeClock
from streamguard.events.codec import encode
from streamguard.events.stages import CacheEntry, Completion, Invocation
from streamguard.events.usage import Usage
from streamguard.stages.lookup import Lookup
from tests.unit.stages.examples import NOW, event, guarded, request

FINGERPRINT = "f" * 64


def cached(expires_at: int = NOW + 1) -> ExactCache:
    cache = ExactCache(10, 10_000)
    entry = CacheEntry(
        tenant_id="acme",
        output="It arrives tomorrow, [EMAIL_1].",
        provider="openai",
        model="gpt-4o",
        usage=Usage(input_tokens=10, output_tokens=5),
        cost_nusd=75_000,
        created_at=NOW - 5,
        expires_at=expires_at,
        source="acme/r0/1",
    )
    cache.put(FINGERPRINT, encode(entry))
    return cache


async def test_a_hit_is_a_completion_that_costs_nothing_and_says_what_it_saved() -> None:
    [out] = await Lookup(cached(), FakeClock(NOW)).run(event(guarded()), None)

    completion = out.record
    assert out.topic == "completions"
    assert isinstance(completion, Completion)
    assert completion.output == "It arrives tomorrow, [EMAIL_1]."
    assert completion.source == "cache"
    assert completion.cost_nusd == 0
    assert completion.usage == Usage()
    assert completion.cache.status == "exact"
    assert completion.cache.saved_nusd == 75_000
    assert completion.trail[-1].detail == {"age_us": 5}


async def test_an_expired_entry_travels_along_to_fall_back_on() -> None:
    [out] = await Lookup(cached(expires_at=NOW), FakeClock(NOW)).run(event(guarded()), None)

    assert out.topic == "invocations"
    assert isinstance(out.record, Invocation)
    assert out.record.stale is not None


async def test_who_wants_no_cache_gets_none() -> None:
    head = request(cache="off").head()

    [out] = await Lookup(cached(), FakeClock(NOW)).run(event(guarded(head=head)), None)

    assert isinstance(out.record, Invocation)
    assert out.record.stale is None
    assert out.record.trail[-1].decision == "off"


async def test_another_tenants_entry_is_a_miss() -> None:
    head = request(tenant_id="other").head()

    [out] = await Lookup(cached(), FakeClock(NOW)).run(event(guarded(head=head)), None)

    assert out.topic == "invocations"


async def test_a_cache_that_fails_is_a_miss() -> None:
    class Broken(ExactCache):
        def get(self, fingerprint: str, tenant_id: str, now_us: int) -> Hit | None:
            raise RuntimeError

    [out] = await Lookup(Broken(1, 1), FakeClock(NOW)).run(event(guarded()), None)

    assert out.topic == "invocations"


async def test_an_interrupted_run_decides_the_same_though_the_cache_has_changed() -> None:
    empty = Lookup(ExactCache(1, 1), FakeClock(NOW))
    [miss] = await empty.run(event(guarded()), None)
    [hit] = await Lookup(cached(), FakeClock(NOW)).run(event(guarded()), None)

    [again] = await Lookup(cached(), FakeClock(NOW)).run(event(guarded()), miss.record)
    [still] = await empty.run(event(guarded()), hit.record)

    assert again.topic == "invocations"
    assert still.topic == "completions"


@pytest.mark.parametrize(
    ("lane", "topic"), [("interactive", "invocations"), ("batch", "invocations-batch"), ("night", "invocations")]
)
async def test_each_lane_has_its_own_topic_and_one_that_nobody_knows_is_interactive(lane: str, topic: str) -> None:
    head = request().head().model_copy(update={"lane": lane})
    empty = Lookup(ExactCache(1, 1), FakeClock(NOW))

    [out] = await empty.run(event(guarded(head=head)), None)
    [again] = await Lookup(cached(), FakeClock(NOW)).run(event(guarded(head=head)), out.record)

    assert (out.topic, again.topic) == (topic, topic)


async def test_a_hit_needs_no_lane() -> None:
    head = request(lane="batch").head()

    [out] = await Lookup(cached(), FakeClock(NOW)).run(event(guarded(head=head)), None)

    assert out.topic == "completions"
