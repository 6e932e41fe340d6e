"""What the owner of a tenants' partition remembers: who was seen, and how often whom it let in.

All of it is derived from the decisions in the admission journal, and only from these: `apply` is the one way in, both
when a decision was just made and when the journal is read back.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal

from streamguard.config import Limits
from streamguard.events.booked import JournalEntry
from streamguard.events.reason import Reason
from streamguard.events.stages import Decision, Reservation
from streamguard.limits.rate import RateLimit

HOUR_US = 3_600_000_000
_RESERVATIONS = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """The decision on a request id, and the record (`src`) it was made for.

    There is one for each request of a day, so it holds the decision's parts: with whole records it took four times the memory.
    """

    src: str
    action: Literal["admit", "refuse"]
    reason: Reason | None
    retry_after_us: int | None
    at: int
    partition: int
    epoch: int
    reservation: Reservation | None

    @classmethod
    def of(cls, src: str, decision: Decision, reservation: Reservation | None) -> "Seen":
        """`reservation` is the decision's, or an equal one that others share."""
        return cls(
            src,
            decision.action,
            decision.reason,
            decision.retry_after_us,
            decision.at,
            decision.partition,
            decision.epoch,
            reservation,
        )

    @property
    def decision(self) -> Decision:
        """The decision as it was made."""
        return Decision(
            action=self.action,
            reason=self.reason,
            retry_after_us=self.retry_after_us,
            at=self.at,
            partition=self.partition,
            epoch=self.epoch,
            reservation=self.reservation,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """Over a rate; `retry_after_us` until it would be within."""

    reason: Reason
    retry_after_us: int


class Admission:
    """The state of one partition. Time is what the caller says, and never goes back."""

    def __init__(self, limits: Limits) -> None:
        self._users = RateLimit(limits.user_per_minute)
        self._addresses = RateLimit(limits.ip_per_minute)
        self._seen: OrderedDict[tuple[str, str, int], Seen] = OrderedDict()
        self._reservations: dict[Reservation, Reservation] = {}
        self._remember_us = round(limits.seen_hours * HOUR_US)
        self.last_us = 0

    def now(self, record_us: int, clock_us: int) -> int:
        """The time of a decision: never before the last one, and not ahead of our own clock by a sender's fault.

        A record without a timestamp (Kafka says -1) is taken to be of this moment.
        """
        return max(self.last_us, min(record_us, clock_us) if record_us > 0 else clock_us)

    def seen(self, tenant_id: str, request_id: str, run: int) -> Seen | None:
        """The decision on that id, if it was made within the stated time."""
        return self._seen.get((tenant_id, request_id, run))

    def over_rate(self, tenant_id: str, user_id: str, client_ip: str | None, now_us: int) -> Refused | None:
        """Whether the user or the address has no request left; charges nothing."""
        if wait := self._users.wait_us(f"{tenant_id}/{user_id}", now_us):
            return Refused(Reason.RATE_LIMITED_USER, wait)
        if client_ip and (wait := self._addresses.wait_us(f"{tenant_id}/{one_address(client_ip)}", now_us)):
            return Refused(Reason.RATE_LIMITED_IP, wait)
        return None

    def apply(self, entry: JournalEntry) -> None:
        """Enter a decision of the journal: remember the id and, when it was let in, charge user and address. Idempotent."""
        decision = entry.decision
        if decision is None or entry.tenant_id is None or entry.request_id is None:
            return
        name = (entry.tenant_id, entry.request_id, entry.run or 1)
        self.last_us = max(self.last_us, decision.at)
        self._forget()
        if name in self._seen:
            return
        self._seen[name] = Seen.of(entry.src or "", decision, self._shared(decision.reservation))
        if decision.action == "admit":
            self._users.charge(f"{entry.tenant_id}/{entry.user_id}", decision.at)
            if entry.client_ip:
                self._addresses.charge(f"{entry.tenant_id}/{one_address(entry.client_ip)}", decision.at)

    def __len__(self) -> int:
        return len(self._seen)

    def _shared(self, reservation: Reservation | None) -> Reservation | None:
        """An equal reservation that was seen before: requests ask for few different ones."""
        if reservation is None:
            return None
        if len(self._reservations) > _RESERVATIONS:
            self._reservations.clear()
        return self._reservations.setdefault(reservation, reservation)

    def _forget(self) -> None:
        limit = self.last_us - self._remember_us
        while self._seen and next(iter(self._seen.values())).at < limit:
            self._seen.popitem(last=False)


@lru_cache(maxsize=4096)
def one_address(text: str) -> str:
    """The one way to write an address: IPv6 knows many, each with a rate of its own otherwise. What is none stays as it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return str(getattr(address, "ipv4_mapped", None) or address)
