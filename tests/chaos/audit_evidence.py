"""Everything an audit looks at, as it was read: nothing here judges."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from streamguard.intake.marks import Place
from streamguard.stream.planned import Identity, Planned
from tests.chaos.audit_records import Kept, digest
from tests.chaos.audit_rows import Stored
from tests.support.audit import Commit


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that the broker has acknowledged to whoever sent it: known by its identity, or else by its bytes."""

    identity: Identity | None
    digest: bytes
    topic: str = "requests"
    cancelled: bool = False
    """Whoever sent it said afterwards that nobody waits for it any more."""

    @classmethod
    def of(cls, planned: Planned) -> Self:
        cancelled = planned.cancel_after is not None
        return cls(planned.identity, digest(planned.key, planned.value), cancelled=cancelled)

    @classmethod
    def raw(cls, key: bytes | None, value: bytes | None, topic: str = "requests") -> Self:
        """Bytes of anybody's, also in a topic between the stages."""
        return cls(None, digest(key, value), topic)


@dataclass(frozen=True, slots=True)
class SimulatorCall:
    """A call in the simulator's own log. Times in milliseconds since 1970, None where the log has none.

    `key` is the idempotency key, `call_id` what the caller named this try. `finished`: its answer was written to the end, so it
    is paid; of a stream that broke off (`partial`) what was written of it is.
    """

    seq: int
    key: str
    call_id: str
    finished: bool
    cost_nusd: int
    begun_ms: float | None = None
    ended_ms: float | None = None
    partial: bool = False

    @classmethod
    def read(cls, call: Mapping[str, Any]) -> Self:
        """From an entry of `GET /_sim/calls?detail=1`."""
        begun, ended = (None if (at := call.get(name)) is None else at / 1000 for name in ("begun_at", "ended_at"))
        return cls(
            seq=call["seq"],
            key=call["idempotency_key"] or "",
            call_id=call["request_id"] or "",
            finished=call["finished"],
            cost_nusd=call["cost_nusd"],
            begun_ms=begun,
            ended_ms=ended,
            partial=call.get("partial", False),
        )

    @property
    def identity(self) -> Identity | None:
        """Whose call it is: the key is `tenant/request/run/n`. None for a key that is not the line's."""
        tenant, _, rest = self.key.partition("/")
        parts = rest.rsplit("/", 2)
        return Identity(tenant, parts[0], int(parts[1])) if len(parts) == 3 and parts[1].isdigit() else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left behind. Topics are named without prefix throughout.

    `records` holds every topic of the line, each in order of partitions and offsets. `ends` are the offsets behind the last
    records, `committed` what the groups had committed when all was drained (-1: nothing), by the partition they read.
    `commits` is what was seen of that during the run. `calls` None: the simulator's log is not known. `stored` None: there was
    no store. `payloads` tells whether settle is to keep texts (`privacy.payloads`).
    """

    records: Mapping[str, Sequence[Kept]]
    sent: Sequence[Sent]
    ends: Mapping[Place, int] = field(default_factory=dict[Place, int])
    committed: Mapping[Place, int] = field(default_factory=dict[Place, int])
    commits: Sequence[Commit] = ()
    calls: Sequence[SimulatorCall] | None = None
    stored: Stored | None = None
    payloads: bool = True


def sent(planned: Iterable[Planned | Sent]) -> list[Sent]:
    """What a driver has sent, as evidence."""
    return [one if isinstance(one, Sent) else Sent.of(one) for one in planned]
