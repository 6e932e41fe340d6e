"""Who writes: made-up tenants with their users, and the requests that they send."""

from collections.abc import Mapping
from itertools import cycle, islice
from random import Random
from typing import Any
from zlib import crc32

from streamguard.cli.demo import invented
from streamguard.cli.demo.material import Material, Tenant
from streamguard.events.codec import encode
from streamguard.events.reason import Reason
from streamguard.events.request import Request
from streamguard.stream.planned import End, Identity, Planned

USERS_AT_LEAST = 264
REQUESTS_A_USER = 8
"""On average, so that ordinary users stay far below twenty a minute however fast the demo runs."""


class Customers:
    """Writes requests: counts their ids, takes the users in turn, fills the slots. Random, but all from one seed."""

    def __init__(self, material: Material, count: int, rng: Random, lot: str = "") -> None:
        self.material = material
        self.rng = rng
        self._lot = lot
        self._number = 0
        self._serial = 0
        self._tenants = cycle(material.tenants)
        users = max(USERS_AT_LEAST, count // REQUESTS_A_USER)
        each = -(-users // len(material.tenants))
        self._users = {tenant.id: cycle(rng.sample(range(each), each)) for tenant in material.tenants}
        self._used: dict[str, set[str]] = {}

    def tenant(self) -> Tenant:
        """Each in turn."""
        return next(self._tenants)

    def users(self, tenant: Tenant, count: int) -> list[str]:
        return [f"user-{self._lot}{number:04}" for number in islice(self._users[tenant.id], count)]

    def values(self, tenant: Tenant) -> dict[str, str]:
        """A value for each slot."""
        name = self.rng.choice(self.material.names)
        return invented.slots(self.rng, product=self.rng.choice(tenant.products), name=name)

    def fill(self, text: str, tenant: Tenant) -> str:
        """The text with its slots filled."""
        return text.format_map(self.values(tenant))

    def ticket(self, tenant: Tenant) -> str:
        """A ticket that nobody of this tenant wrote before, so that a refusal or an answer is its own.

        The cache would otherwise answer some of what is meant to reach a model.
        """
        used = self._used.setdefault(tenant.id, set())
        text = self.fill(self.rng.choice(self.material.tickets), tenant)
        if text in used:
            self._serial += 1
            text = f"{text} (ticket {self._serial})"
        used.add(text)
        return text

    def send(
        self,
        kind: str,
        fields: Mapping[str, Any],
        *,
        tenant: Tenant,
        user: str | None = None,
        end: End = "outcome",
        reason: Reason | None = None,
        misplaced: bool = False,
        cancel_after: float | None = None,
    ) -> Planned:
        """A valid request; `fields` come over what every request has. The user is the tenant's next, unless given."""
        self._number += 1
        user = user or self.users(tenant, 1)[0]
        request = Request.model_validate(
            {
                "request_id": f"req-{self._lot}{self._number:06}",
                "tenant_id": tenant.id,
                "user_id": user,
                "feature": "support",
                "client_ip": _address(tenant, user),
                "metadata": {"kind": kind},
                **fields,
            }
        )
        return Planned(
            kind=kind,
            key=tenant.id.encode(),
            value=encode(request),
            end=end,
            identity=Identity(tenant.id, request.request_id),
            reason=reason,
            misplaced=misplaced,
            streamed=request.stream,
            cancel_after=cancel_after,
        )

    def reads_along(self, share: float) -> dict[str, bool]:
        """The field of a request that wants its answer in pieces, for this share of them."""
        return {"stream": True} if self.rng.random() < share else {}

    def next_number(self) -> int:
        """For records that are no valid requests, so that even their bytes differ."""
        self._number += 1
        return self._number


def _address(tenant: Tenant, user: str) -> str:
    """An address of its own for each user, out of the range kept for documentation."""
    place = crc32(f"{tenant.id}/{user}".encode())
    return f"2001:db8::{place >> 16:x}:{place & 0xFFFF:x}"


def say(text: str) -> dict[str, Any]:
    """The fields of a request with one message."""
    return {"messages": [{"role": "user", "content": text}]}


def ask_support(question: str) -> dict[str, Any]:
    """The fields of a request that names the prompt `support`."""
    return {"prompt": {"name": "support", "variables": {"question": question}}}
