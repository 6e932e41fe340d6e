"""Which calls go wrong, and how: by rule, share and seed, so that the same run goes wrong in the same way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from streamguard.clock import Clock
from streamguard.dev.simulator.settings import Fault, FaultRule

_NEEDS_JSON = frozenset({Fault.BROKEN_JSON, Fault.FENCED_JSON, Fault.WRONG_SCHEMA})
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Outage:
    """Every call of `provider` and `model` (`*` is any) meets `fault` until the clock's monotonic `until`, in seconds."""

    provider: str
    model: str
    fault: Fault
    until: float


class Faults:
    """Decides for each call. Pure but for the counts of what was used up and the clock that ends outages."""

    def __init__(self, rules: Iterable[FaultRule], clock: Clock) -> None:
        self._clock = clock
        self.rules: tuple[FaultRule, ...] = ()
        self._left: list[int | None] = []
        self._outages: list[Outage] = []
        self.replace(rules)

    def replace(self, rules: Iterable[FaultRule]) -> None:
        """Put other rules in place of all. The first one that fits a call decides for it."""
        self.rules = tuple(rules)
        self._left = [rule.times for rule in self.rules]

    def begin_outage(self, provider: str, model: str, fault: Fault, seconds: float) -> None:
        """From now on for `seconds`; further outages go beside it."""
        self._outages.append(Outage(provider, model, fault, self._clock.monotonic() + seconds))

    def end_outages(self) -> None:
        """From now on there is none. Calls that hang already go on doing so."""
        self._outages.clear()

    def outages(self) -> tuple[Outage, ...]:
        """Those that last."""
        now = self._clock.monotonic()
        self._outages = [outage for outage in self._outages if outage.until > now]
        return tuple(self._outages)

    def of_call(self, provider: str, model: str, dice: Random, *, json: bool, stream: bool) -> Fault | None:
        """The fault of one call; None when it goes well. Rolls `dice` once, whatever the rules are."""
        roll = dice.random()
        if self._outages:
            for outage in self.outages():
                if outage.provider in (_ANY, provider) and outage.model in (_ANY, model):
                    return outage.fault
        for number, rule in enumerate(self.rules):
            if rule.provider not in (_ANY, provider) or rule.model not in (_ANY, model):
                continue
            left = self._left[number]
            if left == 0:
                continue
            fault = _by_share(rule.rates, roll, json=json, stream=stream)
            if fault is not None and left is not None:
                self._left[number] = left - 1
            return fault
        return None


def _by_share(rates: Mapping[Fault, float], roll: float, *, json: bool, stream: bool) -> Fault | None:
    reached = 0.0
    for fault, rate in rates.items():
        reached += rate
        if roll < reached:
            possible = (json or fault not in _NEEDS_JSON) and (stream or fault is not Fault.CUT_STREAM)
            return fault if possible else None
    return None
