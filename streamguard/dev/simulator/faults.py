"""Which calls go wrong, and how: by rule, share and seed, so that the same run goes wrong in the same way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from streamguard.clock import Clock
from streamguard.dev.simulator.fault_kinds import ONLY_JSON, ONLY_STREAMS, Fault, FaultRule
from streamguard.dev.simulator.settings import LimitRule

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Outage:
    """Every call of `provider` and `model` (`*` is any) meets `fault` until the clock's monotonic `until`, in seconds."""

    provider: str
    model: str
    fault: Fault
    until: float


@dataclass(frozen=True, slots=True)
class Flaky:
    """The calls that fit the rule meet its faults, and no other rule's, until the clock's monotonic `until`, in seconds."""

    rule: FaultRule
    until: float


class Faults:
    """Decides for each call. Pure but for the counts of what was used up and the clock that ends outages."""

    def __init__(self, rules: Iterable[FaultRule], clock: Clock) -> None:
        self._clock = clock
        self.rules: tuple[FaultRule, ...] = ()
        self._left: list[int | None] = []
        self._outages: list[Outage] = []
        self._flaky: list[Flaky] = []
        self.replace(rules)

    def replace(self, rules: Iterable[FaultRule]) -> None:
        """Put other rules in place of all. The first one that fits a call decides for it."""
        self.rules = tuple(rules)
        self._left = [rule.times for rule in self.rules]

    def begin_outage(self, provider: str, model: str, fault: Fault, seconds: float) -> None:
        """From now on for `seconds`; further outages go beside it."""
        self._outages.append(Outage(provider, model, fault, self._clock.monotonic() + seconds))

    def begin_flaky(self, provider: str, model: str, rates: Mapping[Fault, float], seconds: float) -> None:
        """From now on for `seconds` these shares of the calls go wrong, whatever the rules say. Raises `ValueError` for shares
        that are none."""
        self._flaky.append(Flaky(FaultRule(provider, model, rates), self._clock.monotonic() + seconds))

    def end_outages(self) -> None:
        """From now on there is none, and nothing is flaky. Calls that hang already go on doing so."""
        self._outages.clear()
        self._flaky.clear()

    def outages(self) -> tuple[Outage, ...]:
        """Those that last."""
        now = self._clock.monotonic()
        self._outages = [outage for outage in self._outages if outage.until > now]
        return tuple(self._outages)

    def flaky(self) -> tuple[Flaky, ...]:
        """Those that last."""
        now = self._clock.monotonic()
        self._flaky = [flaky for flaky in self._flaky if flaky.until > now]
        return tuple(self._flaky)

    def of_call(self, provider: str, model: str, dice: Random, *, json: bool, stream: bool) -> Fault | None:
        """The fault of one call; None when it goes well. Rolls `dice` once, whatever the rules are."""
        roll = dice.random()
        if self._outages:
            for outage in self.outages():
                if fits(outage, provider, model):
                    return outage.fault
        if self._flaky:
            for flaky in self.flaky():
                if fits(flaky.rule, provider, model):
                    return _by_share(flaky.rule.rates, roll, json=json, stream=stream)
        for number, rule in enumerate(self.rules):
            if not fits(rule, provider, model):
                continue
            left = self._left[number]
            if left == 0:
                continue
            fault = _by_share(rule.rates, roll, json=json, stream=stream)
            if fault is not None and left is not None:
                self._left[number] = left - 1
            return fault
        return None


def fits(rule: Outage | FaultRule | LimitRule, provider: str, model: str) -> bool:
    """Whether a rule is about the calls of this provider and model."""
    return rule.provider in (_ANY, provider) and rule.model in (_ANY, model)


def _by_share(rates: Mapping[Fault, float], roll: float, *, json: bool, stream: bool) -> Fault | None:
    reached = 0.0
    for fault, rate in rates.items():
        reached += rate
        if roll < reached:
            possible = (json or fault not in ONLY_JSON) and (stream or fault not in ONLY_STREAMS)
            return fault if possible else None
    return None
