"""The audit behind a run: everything that was read, held against everything that was promised. See `examine`.

evidence = await gather(brokers, topics, sent, calls, store=address, commits=log.seen)
findings = examine(evidence)
assert findings.ok, findings.summary()
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from streamguard.intake.marks import Place
from streamguard.stream.topics import DEAD_LETTERS
from tests.chaos.audit_calls import Books, balance
from tests.chaos.audit_commits import too_far, undrained
from tests.chaos.audit_ends import by_identity, ends, unsent
from tests.chaos.audit_evidence import Evidence, Sent, SimulatorCall, sent
from tests.chaos.audit_order import calls_out_of_order, out_of_order
from tests.chaos.audit_reading import gather
from tests.chaos.audit_records import Letter
from tests.chaos.audit_rows import At, Booked, Expected, unequal
from tests.chaos.audit_shown import cancelled, readers
from tests.chaos.audit_steps import Line, steps

__all__ = ["Evidence", "Findings", "Sent", "SimulatorCall", "examine", "gather", "sent"]

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """What an audit found. The lists must be empty, each entry names its place; the numbers are told.

    `requests` are different ones that could be read. `repeated_calls` are calls that were under way when a worker died or lost
    its partitions, and were made again or given up; they cost `repeated_nusd` beside `cost_nusd`, that of all outcomes.
    `unheard_calls` are named by their outcomes as failed, and were answered when nobody listened any more. `estimated_calls` are
    those whose cost was counted here, `estimated_nusd`: their provider has `charged_nusd` for them, and for streams that it broke
    off unheard. `streams` are requests that wanted their answer in pieces, `cancelled` those that ended so. `shown` are readers
    who in the end do not hold what the response says. `void` records were
    written by a deposed owner and count for nobody. `unchecked` names what there was no evidence for.
    """

    requests: int
    outcomes: int
    dead_letters: int
    model_calls: int
    repeated_calls: int
    cost_nusd: int
    repeated_nusd: int
    unheard_calls: int
    unheard_nusd: int
    estimated_calls: int
    estimated_nusd: int
    charged_nusd: int
    streams: int
    cancelled: int
    void: int
    lost: list[str]
    twice: list[str]
    order: list[str]
    committed_too_far: list[str]
    undrained: list[str]
    paid_twice: list[str]
    rows: list[str]
    open_reservations: list[str]
    shown: list[str]
    wrong: list[str]
    unchecked: list[str]

    @property
    def ok(self) -> bool:
        """Whether all that was checked holds."""
        return not self.found

    @property
    def found(self) -> Mapping[str, list[str]]:
        """What must not be, by kind; kinds of which there is none are left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value for name, value in values.items() if isinstance(value, list) and value and name != "unchecked"
        }

    def summary(self) -> dict[str, Any]:
        """Numbers, the count of each kind of finding, and the first few of each."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        counts = {name: len(value) if isinstance(value, list) else value for name, value in values.items()}
        shown = {name: value[:SHOWN] for name, value in self.found.items()}
        return {**counts, "unchecked": self.unchecked, "ok": self.ok, "first": shown}


def examine(evidence: Evidence) -> Findings:
    """Hold the evidence against what was promised. Pure; takes seconds for 20,000 requests."""
    line = Line(evidence)
    found = by_identity(line)
    books = balance(found, evidence.calls)
    lost, twice, wrong = steps(line)
    lost_ends, twice_ends, wrong_ends, still_open = ends(line, found)
    order = out_of_order(line) + calls_out_of_order(
        line, evidence.calls or (), frozenset(books.booked - books.estimated)
    )
    streams, shown = readers(line)
    ended, unasked = cancelled(line)
    return Findings(
        requests=len({one.identity for one in line.records("requests") if one.identity is not None}),
        outcomes=len(line.records("outcomes")),
        dead_letters=len(line.records(DEAD_LETTERS)),
        model_calls=len(evidence.calls or ()),
        repeated_calls=len(books.repeated),
        cost_nusd=books.cost_nusd,
        repeated_nusd=sum(call.cost_nusd for call in books.repeated),
        unheard_calls=len(books.unheard),
        unheard_nusd=sum(call.cost_nusd for call in books.unheard),
        estimated_calls=books.estimated_calls,
        estimated_nusd=books.estimated_nusd,
        charged_nusd=books.charged_nusd,
        streams=streams,
        cancelled=ended,
        void=len(line.void),
        lost=unsent(line) + lost + lost_ends,
        twice=twice + twice_ends,
        order=order,
        committed_too_far=too_far(line),
        undrained=undrained(line),
        paid_twice=books.paid_twice,
        rows=_rows(line),
        open_reservations=still_open,
        shown=shown,
        wrong=_gaps(evidence) + wrong + wrong_ends + unasked + books.wrong + _sums(books, evidence),
        unchecked=_unchecked(evidence),
    )


def _rows(line: Line) -> list[str]:
    if line.evidence.stored is None:
        return []
    buried = {
        one.fact.at for one in line.records(DEAD_LETTERS) if isinstance(one.fact, Letter) and one.fact.stage == "sink"
    }
    expected = [
        Expected(At(*one.place, one.offset), one.identity, one.fact if isinstance(one.fact, Booked) else None)
        for topic in ("telemetry", "payloads")
        for one in line.records(topic)
        if one.identity is not None and one.name not in buried
    ]
    return unequal(expected, line.evidence.stored)


def _gaps(evidence: Evidence) -> list[str]:
    """Offsets that are missing within a partition: nothing here writes transactions or compacts so soon."""
    counts: Counter[Place] = Counter()
    for records in evidence.records.values():
        for one in records:
            counts[one.place] += one.span
    return [
        f"{'/'.join(map(str, place))} ends at {end} and holds {counts[place]} records"
        for place, end in evidence.ends.items()
        if counts[place] != end
    ]


def _sums(books: Books, evidence: Evidence) -> list[str]:
    """The provider's own books must hold what was booked, what was repeated, what nobody heard or read to its end, and nothing
    else."""
    if evidence.calls is None:
        return []
    paid = sum(call.cost_nusd for call in evidence.calls if call.identity is not None)
    beside = sum(call.cost_nusd for call in (*books.repeated, *books.unheard)) + books.charged_nusd
    if paid == books.cost_nusd - books.estimated_nusd + beside:
        return []
    return [
        f"the simulator was paid {paid} nusd, the outcomes hold {books.cost_nusd}, of it estimated {books.estimated_nusd}, and "
        f"repeated, unheard and broken calls cost {beside}"
    ]


def _unchecked(evidence: Evidence) -> list[str]:
    missing = {
        "calls": evidence.calls is None,
        "times of calls": bool(evidence.calls) and all(call.begun_ms is None for call in evidence.calls or ()),
        "rows": evidence.stored is None,
        "commits during the run": not evidence.commits,
        "commits at the end": not evidence.ends,
    }
    return [name for name, is_missing in missing.items() if is_missing]
