"""Breakers of a fleet over one log: whatever is late, dies, starts again, is cut off, and however clocks differ."""

from collections.abc import Sequence
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from streamguard.clock import FakeClock
from streamguard.config import Breaker as BreakerSettings
from streamguard.events.fleet import BreakerChange
from streamguard.providers.breaker import Breaker, Claimed, Permit

SETTINGS = BreakerSettings(failures=2, open_seconds=5, probes=2, claim_wait=0.5, probe_seconds=15)
WORKERS = 3
ROUNDS = 50


class Skewed:
    """A worker's clock: the true one, and wall time off by `skew` seconds."""

    def __init__(self, true: FakeClock, skew: float) -> None:
        self._true = true
        self._skew_us = round(skew * 1e6)

    def now_us(self) -> int:
        return self._true.now_us() + self._skew_us

    def monotonic(self) -> float:
        return self._true.monotonic()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def fold(records: Sequence[BreakerChange]) -> BreakerChange | None:
    """What holds: the rule of `BreakerChange`, and nothing else."""
    held: BreakerChange | None = None
    for record in records:
        if held is None or record.version > held.version:
            held = record
    return held


class Log:
    """Records at offsets, of which compaction takes some away."""

    def __init__(self) -> None:
        self.records: dict[int, BreakerChange] = {}
        self.end = 0

    def append(self, record: BreakerChange) -> None:
        self.records[self.end] = record
        self.end += 1

    def compact(self, before: int) -> None:
        gone = [offset for offset in self.records if offset < before]
        for offset in gone[:-1]:
            del self.records[offset]

    @property
    def held(self) -> BreakerChange | None:
        return fold(list(self.records.values()))


class Worker:
    """One process: its breaker, what it has read, and what waits to be written: one under way, and the newest."""

    def __init__(self, name: str, clock: Skewed, log: Log) -> None:
        self.name, self.clock, self.log = name, clock, log
        self.breaker = Breaker(SETTINGS, clock, "p", "m", worker=name)
        self.read: list[BreakerChange] = []
        self.at = 0
        self.waiting: list[BreakerChange] = []
        self.calls: list[Permit] = []
        self.shared = False
        self.shut_until = 0.0  # by what it did and read itself
        self.read_at = 0.0  # when it read what holds
        self.alone_since_cut = False
        self.claims: list[tuple[float, BreakerChange]] = []
        self.catch_up(log.end)
        self.share()

    @property
    def closed(self) -> bool:
        return self.breaker.state == "closed"

    def share(self) -> None:
        self.shared = True
        self.breaker.share(self.say)

    def cut(self) -> None:
        self.shared = False
        self.waiting.clear()
        self.breaker.share(None)

    def say(self, change: BreakerChange) -> None:
        if change.state == "half_open" and change.worker == self.name:
            self._check_claim()
            self.claims.append((self.clock.monotonic(), change))
        self.waiting[1:] = [change]

    def flush(self) -> None:
        if self.waiting:
            self.log.append(self.waiting.pop(0))

    def catch_up(self, end: int) -> None:
        for offset in range(self.at, end):
            record = self.log.records.get(offset)
            if record is not None:
                before = fold(self.read)
                self.read.append(record)
                newer = before is None or record.version > before.version
                self.read_at = self.clock.monotonic() if newer else self.read_at
                if newer and record.worker != self.name:
                    self.shut_until = 0.0
                    if record.state == "open":
                        left = ((record.until or 0) - self.clock.now_us()) / 1e6
                        self.shut_until = self.clock.monotonic() + min(left, SETTINGS.open_seconds)
                self.breaker.apply(record)
        self.at = max(self.at, end)

    def ask(self) -> None:
        permit = self.breaker.permit()
        if not isinstance(permit, Permit):
            return
        assert self.clock.monotonic() >= self.shut_until, "open means that nothing passes"
        if self.breaker.state == "half_open":
            self._check_probe(permit)
        self.calls.append(permit)

    def end(self, number: int, ending: str) -> None:
        permit = self.calls.pop(number % len(self.calls))
        if ending == "success":
            self.breaker.success(permit, 0.1)
        elif ending == "release":
            self.breaker.release(permit)
        elif self.breaker.failure(permit, 0.1):
            self.shut_until = self.clock.monotonic() + SETTINGS.open_seconds

    def _check_claim(self) -> None:
        """A claim renews one's own; or what it follows is over by this clock, or has been known for as long as it may last."""
        held = fold(self.read)
        if held is None or held.worker == self.name or held.state == "closed" or not self.shared:
            return
        longest = SETTINGS.open_seconds if held.state == "open" else SETTINGS.probe_seconds
        over = self.clock.now_us() >= (held.until or 0) or self.clock.monotonic() >= self.read_at + longest
        assert over, "nobody claims what is another's"

    def _check_probe(self, permit: Permit) -> None:
        assert all(call.era != permit.era for call in self.calls), "one at a time"
        if not self.shared:
            return
        now, held = self.clock.monotonic(), fold(self.read)
        granted = held is not None and held.state == "half_open" and held.worker == self.name
        # A log that stays silent for as long as a claim lasts, or did while this worker was cut off, is given up
        silent = any(now >= at + SETTINGS.probe_seconds and claim not in self.read for at, claim in self.claims)
        assert granted or silent or self.alone_since_cut, "who tries has read that it is the one"


class Fleet(RuleBasedStateMachine):
    """The log loses nothing that matters, and nobody is cut off: all that the rules promise holds."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.log = Log()
        self.starts = count()
        self.workers = [self.started(skew) for skew in (0.0, 2.0, -2.0)]

    def started(self, skew: float) -> Worker:
        return Worker(f"w{next(self.starts)}", Skewed(self.clock, skew), self.log)

    @rule(number=st.integers(0, WORKERS - 1))
    def ask(self, number: int) -> None:
        self.workers[number].ask()

    @rule(number=st.integers(0, WORKERS - 1))
    def fail(self, number: int) -> None:
        """As calls end when a provider is down."""
        worker = self.workers[number]
        for _ in range(SETTINGS.failures):
            worker.ask()
            if worker.calls:
                worker.end(len(worker.calls) - 1, "failure")

    @rule(
        number=st.integers(0, WORKERS - 1),
        which=st.integers(0, 9),
        how=st.sampled_from(["success", "failure", "release"]),
    )
    def end(self, number: int, which: int, how: str) -> None:
        if self.workers[number].calls:
            self.workers[number].end(which, how)

    @rule(number=st.integers(0, WORKERS - 1))
    def flush(self, number: int) -> None:
        if self.workers[number].shared:
            self.workers[number].flush()

    @rule(number=st.integers(0, WORKERS - 1), records=st.integers(1, 4))
    def read(self, number: int, records: int) -> None:
        worker = self.workers[number]
        if worker.shared:
            worker.catch_up(min(self.log.end, worker.at + records))

    @rule()
    def prompt(self) -> None:
        """What everybody wrote is there, and is read, as on a good day."""
        for worker in self.workers:
            while worker.shared and worker.waiting:
                worker.flush()
        for worker in self.workers:
            if worker.shared:
                worker.catch_up(self.log.end)

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 5.0, 7.0, 15.0, 19.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(number=st.integers(0, WORKERS - 1), skew=st.floats(-2, 2))
    def die_and_start(self, number: int, skew: float) -> None:
        self.workers[number] = self.started(skew)

    @rule(back=st.integers(0, 3))
    def compact(self, back: int) -> None:
        """As far as a record that holds."""
        offsets = sorted(self.log.records)
        for at in reversed(range(max(0, len(offsets) - back))):
            record = self.log.records[offsets[at]]
            if fold([self.log.records[one] for one in offsets[: at + 1]]) is record:
                self.log.compact(offsets[at] + 1)
                return

    def drain(self) -> None:
        """Everything is written and read, until nobody has more to say."""
        for _ in range(ROUNDS):
            if not any(worker.waiting or worker.at < self.log.end for worker in self.workers):
                return
            self.prompt()
        raise AssertionError("they talk for ever")

    @rule()
    def drained_they_agree(self) -> None:
        self.drain()
        held = self.log.held
        states = [worker.breaker.state for worker in self.workers]
        assert states == [held.state if held else "closed"] * WORKERS
        assert sum(worker.breaker.mine for worker in self.workers) <= 1

    def recover(self, worker: Worker) -> None:
        """Whatever happened, it can be tried again, and closes when that goes well."""
        for _ in range(ROUNDS):
            if worker.closed:
                return
            self.clock.advance(SETTINGS.probe_seconds + 5.0)
            worker.calls.clear()
            worker.ask()
            self.drain()
            worker.ask()
            while worker.calls and not worker.closed:
                worker.end(0, "success")
                worker.ask()
            self.drain()
        raise AssertionError("it never closes again")

    def teardown(self) -> None:
        self.drained_they_agree()
        for worker in self.workers:
            self.recover(worker)
        assert {worker.breaker.state for worker in self.workers} == {"closed"}


class TornFleet(Fleet):
    """Workers are cut off from the log and come back, and compaction leaves records that never held: more than one may try then,
    but all agree once a few more changes were made, and it can always be tried again."""

    @rule(number=st.integers(0, WORKERS - 1))
    def cut(self, number: int) -> None:
        if self.workers[number].shared:
            self.workers[number].cut()
            self.workers[number].alone_since_cut = True

    @rule(number=st.integers(0, WORKERS - 1))
    def back(self, number: int) -> None:
        if not self.workers[number].shared:
            self.workers[number].share()

    @rule(back=st.integers(0, 3))
    def compact(self, back: int) -> None:
        self.log.compact(max(0, self.log.end - back))

    @rule()
    def drained_they_agree(self) -> None:
        for worker in self.workers:
            if not worker.shared:
                worker.share()
        self.drain()

    @rule(number=st.integers(0, WORKERS - 1))
    def cut_off_nobody_is_waited_for(self, number: int) -> None:
        worker = self.workers[number]
        if not worker.shared:
            answer = worker.breaker.permit()
            assert not isinstance(answer, Claimed)
            if answer is not None:
                worker.calls.append(answer)


TestFleet = Fleet.TestCase
TestFleet.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
TestTornFleet = TornFleet.TestCase
TestTornFleet.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
