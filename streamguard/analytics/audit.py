"""The question behind the whole promise: is every record in the store, once, with its cost?"""

from dataclasses import dataclass
from decimal import Decimal

from streamguard.analytics.migrations import Session
from streamguard.money import from_decimal

_PLACES = """SELECT k_topic, k_partition, count() AS rows, uniqExact(k_offset) AS offsets, min(k_offset) AS first,
    max(k_offset) AS last FROM requests GROUP BY k_topic, k_partition ORDER BY k_topic, k_partition"""
_TOTALS = """SELECT count(), uniqExact(tenant_id, request_id, run), uniqExact(k_topic, k_partition, k_offset), sum(cost),
    countIf(cost IS NULL) FROM requests"""
_CALLS = """SELECT count(), uniqExact(k_topic, k_partition, k_offset, position),
    sumIf(cost, status != 'skipped') FROM calls"""
_TEXTS = (
    "SELECT count(), uniqExact(k_topic, k_partition, k_offset), uniqExact(tenant_id, request_id, run) FROM payloads"
)
_VERDICTS = "SELECT count(), uniqExact(k_topic, k_partition, k_offset, position) FROM verdicts"


@dataclass(frozen=True, slots=True)
class Partition:
    """What the store has of one partition; offsets may have natural gaps."""

    topic: str
    partition: int
    rows: int
    offsets: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The store's own account. Money in nano-dollars, over the costs that are known."""

    rows: int
    requests: int
    """Different requests, by tenant, id and pass."""
    duplicates: int
    """Rows of `requests` beyond the first of the same record."""
    cost_nusd: int
    cost_unknown: int
    """Requests whose cost is not in the sum."""
    calls: int
    calls_cost_nusd: int
    verdicts: int
    duplicate_calls: int
    duplicate_verdicts: int
    partitions: tuple[Partition, ...]

    @property
    def once(self) -> bool:
        """Nothing is there twice, in any table."""
        return self.duplicates == self.duplicate_calls == self.duplicate_verdicts == 0 and self.rows == self.requests


def audit(session: Session) -> Audit:
    """Ask the store of outcomes. Blocks; raises what the session raises."""
    rows, requests, records, cost, unknown = session.rows(_TOTALS)[0]
    calls, different_calls, calls_cost = session.rows(_CALLS)[0]
    verdicts, different_verdicts = session.rows(_VERDICTS)[0]
    return Audit(
        rows=_int(rows),
        requests=_int(requests),
        duplicates=_int(rows) - _int(records),
        cost_nusd=_nusd(cost),
        cost_unknown=_int(unknown),
        calls=_int(calls),
        calls_cost_nusd=_nusd(calls_cost),
        verdicts=_int(verdicts),
        duplicate_calls=_int(calls) - _int(different_calls),
        duplicate_verdicts=_int(verdicts) - _int(different_verdicts),
        partitions=tuple(
            Partition(str(topic), _int(partition), _int(count), _int(offsets), _int(first), _int(last))
            for topic, partition, count, offsets, first, last in session.rows(_PLACES)
        ),
    )


@dataclass(frozen=True, slots=True)
class Texts:
    """The account of the store of texts: its rows, of how many records and of how many different requests they are."""

    rows: int
    records: int
    requests: int

    @property
    def once(self) -> bool:
        """Nothing is there twice."""
        return self.rows == self.records == self.requests


def audit_texts(session: Session) -> Texts:
    """Ask the store of texts, which may be the same. Blocks; raises what the session raises."""
    rows, records, requests = session.rows(_TEXTS)[0]
    return Texts(_int(rows), _int(records), _int(requests))


def _int(value: object) -> int:
    return int(str(value))


def _nusd(value: object) -> int:
    return 0 if value is None else from_decimal(Decimal(str(value)))
