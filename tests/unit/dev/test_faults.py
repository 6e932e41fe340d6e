"""Which calls go wrong."""

from collections import Counter
from random import Random

import pytest

from streamguard.clock import FakeClock
from streamguard.dev.simulator import Fault, FaultRule, fault_rules
from streamguard.dev.simulator.faults import Faults


def fault_of(
    faults: Faults, provider: str = "openai", model: str = "m", *, json: bool = False, stream: bool = False
) -> Fault | None:
    return faults.of_call(provider, model, Random(1), json=json, stream=stream)


def test_shares_are_met() -> None:
    faults = Faults([FaultRule(rates={Fault.HANG: 0.2, Fault.SERVER_ERROR: 0.3})], FakeClock())
    counts = Counter(faults.of_call("p", "m", Random(seed), json=False, stream=False) for seed in range(2000))
    assert 330 < counts[Fault.HANG] < 470
    assert 520 < counts[Fault.SERVER_ERROR] < 680


def test_the_first_rule_that_fits_decides() -> None:
    rules = [FaultRule("openai", "m", {Fault.HANG: 1.0}), FaultRule("*", "m", {}), FaultRule(rates={Fault.RESET: 1.0})]
    faults = Faults(rules, FakeClock())
    assert fault_of(faults) is Fault.HANG
    assert fault_of(faults, "local") is None
    assert fault_of(faults, "local", "other") is Fault.RESET


def test_a_spent_rule_makes_way_for_the_next() -> None:
    faults = Faults([FaultRule(rates={Fault.HANG: 1.0}, times=2), FaultRule(rates={Fault.RESET: 1.0})], FakeClock())
    assert [fault_of(faults) for _ in range(3)] == [Fault.HANG, Fault.HANG, Fault.RESET]


@pytest.mark.parametrize("fault", [Fault.BROKEN_JSON, Fault.FENCED_JSON, Fault.WRONG_SCHEMA])
def test_faults_of_json_befall_json_only(fault: Fault) -> None:
    faults = Faults([FaultRule(rates={fault: 1.0})], FakeClock())
    assert fault_of(faults) is None
    assert fault_of(faults, json=True) is fault


@pytest.mark.parametrize("fault", [Fault.CUT_STREAM, Fault.STREAM_ERROR])
def test_some_faults_befall_streams_only(fault: Fault) -> None:
    faults = Faults([FaultRule(rates={fault: 1.0})], FakeClock())
    assert fault_of(faults) is None
    assert fault_of(faults, stream=True) is fault


def test_an_outage_ends_by_the_clock() -> None:
    clock = FakeClock()
    faults = Faults([], clock)
    faults.begin_outage("openai", "*", Fault.UNAVAILABLE, 3.0)
    assert fault_of(faults) is Fault.UNAVAILABLE
    assert fault_of(faults, "local") is None
    clock.advance(2.9)
    assert fault_of(faults) is Fault.UNAVAILABLE
    clock.advance(0.2)
    assert fault_of(faults) is None


def test_what_is_flaky_is_so_for_a_while_in_place_of_the_rules_and_behind_outages() -> None:
    clock = FakeClock()
    faults = Faults([FaultRule(rates={Fault.RESET: 1.0})], clock)
    faults.begin_flaky("openai", "m", {Fault.HANG: 0.3}, 3.0)
    counts = Counter(faults.of_call("openai", "m", Random(seed), json=False, stream=False) for seed in range(1000))
    assert set(counts) == {Fault.HANG, None}
    assert 230 < counts[Fault.HANG] < 370
    assert fault_of(faults, "local") is Fault.RESET
    faults.begin_outage("openai", "*", Fault.UNAVAILABLE, 1.0)
    assert fault_of(faults) is Fault.UNAVAILABLE
    clock.advance(3.1)
    assert fault_of(faults) is Fault.RESET
    assert faults.flaky() == ()
    with pytest.raises(ValueError, match="at most 1"):
        faults.begin_flaky("*", "*", {Fault.HANG: 0.6, Fault.RESET: 0.6}, 1.0)


def test_rates_are_checked() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        FaultRule(rates={Fault.HANG: 0.6, Fault.RESET: 0.6})
    with pytest.raises(ValueError, match="between 0 and 1"):
        FaultRule(rates={Fault.HANG: -0.1})


def test_rules_from_words_put_the_particular_first() -> None:
    rules = fault_rules(["hang=0.1", "openai/gpt-4o:reset=0.2", "openai/:hang=0.3", "openai/gpt-4o:hang=0.4"])
    assert rules == (
        FaultRule("openai", "gpt-4o", {Fault.RESET: 0.2, Fault.HANG: 0.4}),
        FaultRule("openai", "*", {Fault.HANG: 0.3}),
        FaultRule("*", "*", {Fault.HANG: 0.1}),
    )
