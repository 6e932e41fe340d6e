"""Money: each model call that an outcome names against the simulator's own books, and what the books hold beyond them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streamguard.stream.planned import Identity
from tests.chaos.audit_ends import ByIdentity
from tests.chaos.audit_evidence import SimulatorCall
from tests.chaos.audit_order import TOLERANCE_MS
from tests.chaos.audit_records import Kept, Made, Told


@dataclass
class Books:
    """`booked` are the numbers of calls that an outcome names by their answer. Beside these the simulator was paid for:

    `repeated`, calls that no outcome names: under way when a worker died or lost its partitions; and `unheard`, calls that an
    outcome names as failed, whose answers were written when nobody read them any more (a time-out, a cut connection).

    Of `estimated` calls (their numbers; of `booked` too) an outcome holds a cost that was counted here: the provider told none,
    or the stream broke. They are `estimated_calls` for `estimated_nusd`; the provider's own count of these, and of streams of
    which it charged a part that nobody read, is `charged_nusd`.
    """

    booked: set[int] = field(default_factory=set[int])
    repeated: list[SimulatorCall] = field(default_factory=list[SimulatorCall])
    unheard: list[SimulatorCall] = field(default_factory=list[SimulatorCall])
    estimated: set[int] = field(default_factory=set[int])
    estimated_calls: int = 0
    estimated_nusd: int = 0
    charged_nusd: int = 0
    cost_nusd: int = 0
    """Of all outcomes together."""
    paid_twice: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])


def balance(found: ByIdentity, calls: Sequence[SimulatorCall] | None) -> Books:
    """Hold the outcomes against the simulator's log; without one, only against themselves."""
    books = Books()
    by_id: defaultdict[str, list[SimulatorCall]] = defaultdict(list)
    for call in calls or ():
        by_id[call.call_id].append(call)
    counts = Counter(one.seq for one in calls or ())
    books.wrong += [f"the simulator's log has call {seq} {count} times" for seq, count in counts.items() if count > 1]
    failed: defaultdict[str, list[tuple[Kept, Made]]] = defaultdict(list)
    for by_topic in found.values():
        for outcome in by_topic.get("outcomes", ()):
            if isinstance(outcome.fact, Told):
                books.wrong += _total(outcome, outcome.fact)
                books.cost_nusd += outcome.fact.cost_nusd or 0
                for made in outcome.fact.calls if calls is not None else ():
                    if made.estimated:
                        books.estimated_calls += 1
                        books.estimated_nusd += made.cost_nusd or 0
                    if made.response_id is not None:
                        _book(books, outcome, made, by_id.get(made.call_id, ()))
                    elif made.status != "skipped":
                        failed[made.call_id].append((outcome, made))
    for call_id in {*by_id, *failed}:
        _left(books, by_id.get(call_id, ()), failed.get(call_id, ()))
    for call_id, there in by_id.items():
        # Of calls that nobody listened to in the end, the simulator may read late when it is busy.
        unheard = sum(not made.told for _, made in failed.get(call_id, ()))
        late = [told for call in there if (told := _late(found, call)) is not None]
        books.paid_twice += late[unheard:]
    return books


def _total(outcome: Kept, told: Told) -> list[str]:
    unknown = any(call.cost_nusd is None and call.status == "ok" for call in told.calls)
    total = None if unknown else sum(call.cost_nusd or 0 for call in told.calls)
    if told.cost_nusd in (total, None):  # of a request that failed inside a stage nobody can tell what it cost
        return []
    return [f"{outcome} costs {told.cost_nusd} nusd, its calls {total}"]


def _book(books: Books, outcome: Kept, made: Made, there: Sequence[SimulatorCall]) -> None:
    """Find the very call: an answer names it."""
    seq = (made.response_id or "").rpartition("-")[2]
    call = next((one for one in there if str(one.seq) == seq), None)
    if call is None:
        books.wrong.append(f"{outcome} names the answer {made.response_id} of {made.call_id}, which was not given")
        return
    if call.seq in books.booked:
        books.paid_twice.append(f"{outcome} books the call {made.call_id} ({call.seq}), which was booked before")
    books.booked.add(call.seq)
    if made.estimated:
        books.estimated.add(call.seq)
        books.charged_nusd += call.cost_nusd
        return
    if not call.finished or call.cost_nusd != made.cost_nusd:
        paid = call.cost_nusd if call.finished else "nothing, unfinished"
        books.wrong.append(f"{outcome} books {made.cost_nusd} nusd for {made.call_id}, the simulator {paid}")


def _left(books: Books, there: Sequence[SimulatorCall], failed: Sequence[tuple[Kept, Made]]) -> None:
    """Calls of one name that were not booked: those that failed, then those that nobody names.

    Nothing tells which of several it was that failed, so what was not paid comes first; and of those who failed, first those
    that were told so, since nobody is told that and pays.
    """
    left = sorted((one for one in there if one.seq not in books.booked), key=lambda one: (one.finished, one.seq))
    for outcome, made in sorted(failed, key=lambda one: not one[1].told):
        if not left:
            if made.told:  # else it need not have arrived: nobody listened, or nobody read it
                books.wrong.append(f"{outcome} names the call {made.call_id}, which the simulator does not know")
            continue
        call = left.pop(0)
        if call.finished and made.told:
            books.wrong.append(
                f"{outcome} was told that {made.call_id} failed, the simulator was paid {call.cost_nusd}"
            )
        elif call.finished:
            books.unheard.append(call)
        else:
            books.charged_nusd += call.cost_nusd
    books.repeated += [call for call in left if call.identity is not None]


def _late(found: ByIdentity, call: SimulatorCall) -> str | None:
    """A call that began when the broker had stored the completion of its request."""
    if call.begun_ms is None or (identity := call.identity) is None:
        return None
    stored = _stored_ms(found.get(identity, {}))
    if stored is None or call.begun_ms <= stored + TOLERANCE_MS:
        return None
    return f"the call {call.call_id} ({call.seq}) of {_name(identity)} began {call.begun_ms - stored:.0f} ms after its completion"


def _stored_ms(by_topic: Mapping[str, Sequence[Kept]]) -> int | None:
    for topic in ("completions", "outcomes"):
        if records := by_topic.get(topic):
            return min(one.timestamp for one in records)
    return None


def _name(identity: Identity) -> str:
    return "/".join(map(str, identity))
