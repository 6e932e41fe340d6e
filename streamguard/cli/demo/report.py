"""The result of a run: figures, audit, and whether all books agree. Pure."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from streamguard.cli.demo.accounts import TOKENS_OFF, Accounts, Sides, compare
from streamguard.cli.demo.faults import Books
from streamguard.cli.demo.figures import Figures, percentile
from streamguard.cli.demo.stored import Stored
from streamguard.money import format_usd, to_decimal
from streamguard.stream.audiences import Audiences
from streamguard.stream.tally import Audit


@dataclass(frozen=True)
class Report:
    """`missing` names some of the lost; `sent` counts records; `latencies` are seconds from sending to the response.

    `traffic_seconds` go from the first record to the last end, `seconds` from start to report. `in_flight` is the bound on
    requests under way.
    """

    audit: Audit
    missing: list[str]
    figures: Figures
    books: Books
    stored: Stored
    latencies: list[float]
    sent: int
    seconds: float
    traffic_seconds: float
    in_flight: int
    audiences: Audiences = field(default_factory=Audiences)

    @cached_property
    def accounts(self) -> Accounts:
        """The calls that outcomes name against the provider's books."""
        return compare(self.figures.made, self.books.detail)

    def problems(self) -> list[str]:
        """What the audit does not accept; empty when all is well."""
        audit, cost, accounts = self.audit, self.figures.cost_nusd, self.accounts
        checks = [
            (audit.lost > 0, f"{audit.lost} requests were lost, among them {', '.join(self.missing)}"),
            (audit.twice > 0, f"{audit.twice} responses, outcomes or dead letters came twice"),
            (
                audit.responses != audit.outcomes,
                f"{audit.responses} requests have a response, but {audit.outcomes} an outcome",
            ),
            (
                not self.stored.rows == self.stored.requests == audit.outcomes,
                f"the store has {self.stored.rows} rows of {self.stored.requests} requests for {audit.outcomes} outcomes",
            ),
            (
                self.stored.cost_nusd != cost,
                f"outcomes cost {format_usd(cost)}, but {format_usd(self.stored.cost_nusd)} in the store",
            ),
            (
                accounts.exact.outcomes_nusd != accounts.exact.provider_nusd or accounts.unnamed.calls > 0,
                f"outcomes cost {_both(accounts.exact)} where usage was reported; {accounts.unnamed.calls} charged calls are in "
                "no outcome",
            ),
            (
                len(accounts.unlike) > 0,
                f"{len(accounts.unlike)} calls cost more or less than they may (estimates may miss {TOKENS_OFF} tokens), among "
                f"them {', '.join(accounts.unlike[:5])}",
            ),
            (
                accounts.outcomes_nusd != cost,
                f"outcomes cost {format_usd(cost)}, their calls {format_usd(accounts.outcomes_nusd)}",
            ),
            (
                self.audiences.waiting > 0,
                f"readers of {self.audiences.waiting} streams do not hold what the response says, among them "
                f"{', '.join('/'.join(name) for name in self.audiences.unlike()[:5])}",
            ),
            (self.books.paid_twice > 0, f"{self.books.paid_twice} finished calls were paid twice"),
        ]
        return [text for wrong, text in checks if wrong]

    def remarks(self) -> list[str]:
        """What is no failure of the audit, and yet worth a look."""
        audit, figures = self.audit, self.figures
        remarks = [f"{count} x {what}" for what, count in audit.unplanned.items()]
        if audit.inside:
            remarks.append(f"{audit.inside} records between the stages became dead letters; their requests failed")
        if figures.unknown_costs:
            remarks.append(f"{figures.unknown_costs} outcomes have no known cost")
        if audit.elsewhere:
            remarks.append(f"{audit.elsewhere} responses and outcomes belong to requests of somebody else")
        return remarks

    def to_json(self) -> dict[str, Any]:
        """Everything for machines. Dollars are numbers exact to nine places, `*_nusd` whole nano-dollars."""
        audit, figures = self.audit, self.figures
        return {
            "requests": audit.requests,
            "sent": self.sent,
            "repeated": audit.repeated,
            "responses": audit.responses,
            "dead_letters": audit.dead_letters,
            "lost": audit.lost,
            "duplicates": audit.twice,
            "outcomes": {status: figures.statuses[status] for status in ("answered", "refused", "failed", "escalated")},
            "reasons": dict(sorted(figures.reasons.items())),
            "degraded": dict(sorted(figures.degraded.items())),
            "cache": {
                **{status: figures.cache[status] for status in ("exact", "semantic", "miss", "off")},
                "saved_usd": _usd(figures.saved_nusd),
            },
            "cost_usd": _usd(figures.cost_nusd),
            "saved_usd": _usd(figures.saved_nusd),
            "latency_ms": _percentiles([each * 1e6 for each in self.latencies]),
            "stages_ms": {stage: _percentiles(times) for stage, times in figures.stages_us.items()},
            "seconds": round(self.seconds, 3),
            "traffic_seconds": round(self.traffic_seconds, 3),
            "in_flight": self.in_flight,
            "store_rows": self.stored.rows,
            "models": {
                name: {**asdict(model), "cost_usd": _usd(model.cost_nusd)}
                for name, model in sorted(figures.models.items())
            },
            "calls": {
                "made": figures.calls,
                "retries": figures.retries,
                "fallbacks": figures.fallbacks,
                "reasks": figures.reasks,
                "breaker_trips": figures.trips,
                "errors": dict(sorted(figures.errors.items())),
                "rungs": dict(sorted(figures.rungs.items())),
                "estimated": figures.estimated,
            },
            "streams": {
                "requests": self.audiences.requests,
                "shown": self.audiences.shown,
                "chunks": self.audiences.chunks,
                "restarted": self.audiences.restarted,
                "retracted": self.audiences.retracted,
                "unlike_their_response": self.audiences.waiting,
                "first_token_ms": _percentiles(figures.first_token_us),
                "first_text_ms": _percentiles([each * 1e6 for each in self.audiences.first_texts]),
            },
            "cancelled": figures.cancelled,
            "tool_calls": figures.tool_calls,
            "lanes_ms": {lane: _percentiles(times) for lane, times in sorted(figures.lanes_us.items())},
            "audit": {
                "passed": not self.problems(),
                "problems": self.problems(),
                "remarks": self.remarks(),
                "outcomes": audit.outcomes,
                "cost_nusd": {
                    "outcomes": figures.cost_nusd,
                    "store": self.stored.cost_nusd,
                    "provider": self.books.cost_nusd,
                },
                "accounts": {
                    sort: asdict(getattr(self.accounts, sort)) for sort in ("exact", "estimated", "cut", "unnamed")
                },
                "store": asdict(self.stored),
                "provider_calls": {
                    "made": self.books.calls,
                    "finished": self.books.finished,
                    "partial": self.books.partial,
                },
                "paid_twice": self.books.paid_twice,
            },
        }


def _both(sides: Sides) -> str:
    return f"{format_usd(sides.outcomes_nusd)}, but the provider counted {format_usd(sides.provider_nusd)}"


def _usd(nusd: int) -> float:
    return float(to_decimal(nusd))  # a float keeps fifteen digits: nine places are exact below a million dollars


def _percentiles(microseconds: list[int] | list[float]) -> dict[str, float]:
    return {
        name: round(percentile(microseconds, share) / 1000, 3)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
