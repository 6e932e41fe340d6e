"""What the questions of docs/analytics.md must answer: counted in Python over the requests themselves, without any SQL."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, TypeVar

from streamguard.events.booked import Telemetry
from streamguard.events.usage import Call

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Records = Sequence[Telemetry]
Row = tuple[Any, ...]


def dollars(nusd: Iterable[int | None]) -> Decimal | None:
    """The sum of what is known; NULL when nothing is."""
    known = [amount for amount in nusd if amount is not None]
    return Decimal(sum(known)) / 10**9 if known else None


def quantile(values: Iterable[float], level: float) -> float:
    """As ClickHouse's quantileExact."""
    ordered = sorted(values)
    return ordered[min(int(level * len(ordered)), len(ordered) - 1)]


def p50_p95_p99(values: Iterable[float]) -> list[float]:
    held = list(values)
    return [quantile(held, level) / 1000 for level in (0.5, 0.95, 0.99)]


def day(at_us: int) -> date:
    return datetime.fromtimestamp(at_us / 1e6, UTC).date()


def groups(items: Iterable[T], key: Callable[[T], K]) -> list[tuple[K, list[T]]]:
    """In the order of their keys; NULL after everything else."""
    found: dict[K, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return sorted(found.items(), key=lambda pair: _sortable(pair[0]))


def made(records: Records) -> list[Call]:
    """The calls that were made."""
    return [call for record in records for call in record.calls if call.status != "skipped"]


def cost_per_tenant_and_day(records: Records) -> list[Row]:
    return [
        (*key, len(them), dollars(each.cost_nusd for each in them), sum(each.cost_nusd is None for each in them))
        for key, them in groups(records, lambda record: (day(record.ended_at), record.tenant_id))
    ]


def cost_and_tokens_per_model(records: Records) -> list[Row]:
    return [
        (
            *key,
            len(calls),
            _sum(call.usage.input_tokens for call in calls if call.usage),
            _sum(call.usage.output_tokens for call in calls if call.usage),
            dollars(call.cost_nusd for call in calls),
            sum(call.cost_nusd is None for call in calls),
        )
        for key, calls in groups(made(records), lambda call: (call.provider, call.model))
    ]


def cost_per_feature_and_prompt(records: Records) -> list[Row]:
    return [
        (
            *key,
            len(them),
            cost := dollars(each.cost_nusd for each in them),
            cost / sum(each.cost_nusd is not None for each in them) if cost is not None else None,
        )
        for key, them in groups(records, lambda record: (record.feature, record.prompt_name or ""))
    ]


def most_expensive_users(records: Records) -> list[Row]:
    found = [
        (hashlib.sha256(user.encode()).hexdigest()[:12], tenant, len(them), dollars(each.cost_nusd for each in them))
        for (user, tenant), them in groups(records, lambda record: (record.user_id, record.tenant_id))
    ]
    return sorted(found, key=lambda row: (-(row[3] if row[3] is not None else Decimal(-1)), row[0]))[:10]


def month_end(records: Records) -> list[Row]:
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (month + timedelta(days=32)).replace(day=1)
    hours_left = round((end - now.replace(minute=0, second=0, microsecond=0)) / timedelta(hours=1))
    rows = list[Row]()
    for tenant, them in groups(records, lambda record: record.tenant_id):
        so_far = dollars(each.cost_nusd for each in them if each.ended_at >= month.timestamp() * 1e6) or Decimal(0)
        week = dollars(each.cost_nusd for each in them if each.ended_at >= (now - timedelta(days=7)).timestamp() * 1e6)
        a_day = ((week or Decimal(0)) / 7).quantize(Decimal("1e-9"), ROUND_DOWN)  # as Decimal(…, 9) divides
        rows.append((tenant, so_far, a_day, so_far + a_day * hours_left / 24))
    return rows


def estimated(records: Records) -> list[Row]:
    return [
        (
            model,
            sum(call.estimated for call in calls),
            len(calls),
            dollars(call.cost_nusd for call in calls if call.estimated),
            dollars(call.cost_nusd for call in calls),
        )
        for model, calls in groups(made(records), lambda call: call.model)
    ]


def cache_saves(records: Records) -> list[Row]:
    rows = list[Row]()
    for tenant, them in groups(records, lambda record: record.tenant_id):
        hits = sum(each.cache.status == "exact" for each in them)
        looked = [each for each in them if any(entry.stage == "lookup" for entry in each.trail)]
        asked = sum(each.cache.status in ("exact", "miss") for each in looked)
        saved = dollars(each.cache.saved_nusd for each in them)
        rows.append((tenant, hits, asked, hits / asked, saved, dollars(each.cost_nusd for each in them)))
    return rows


def tokens_per_day(records: Records) -> list[Row]:
    return [
        (
            when,
            sum(each.usage.input_tokens for each in them),
            sum(each.usage.cache_read_tokens for each in them),
            sum(each.usage.output_tokens for each in them),
            sum(each.usage.reasoning_tokens for each in them),
        )
        for when, them in groups(records, lambda record: day(record.ended_at))
    ]


def ends(records: Records) -> list[Row]:
    found = groups(records, lambda record: (str(record.status), str(record.reason or "")))
    return sorted(
        ((*key, len(them), len(them) / len(records)) for key, them in found), key=lambda row: (-row[2], row[0], row[1])
    )


def findings(records: Records) -> list[Row]:
    said = [(verdict, record) for record in records for verdict in record.verdicts if verdict.action != "pass"]
    return [
        (*key, len(them), len({(record.tenant_id, record.request_id, record.run) for _, record in them}))
        for key, them in groups(said, lambda pair: (pair[0].check, pair[0].direction, pair[0].action, pair[0].code))
    ]


def degraded(records: Records) -> list[Row]:
    answered = [record for record in records if record.status == "answered"]
    less = [record for record in answered if record.degraded]
    return [
        (*key, len(them), len(them) / len(answered))
        for key, them in groups(less, lambda record: (str(record.degraded), record.source))
    ]


def dead_letters(records: Records) -> list[Row]:
    inside = sum(record.reason == "internal" for record in records)
    return [(inside, inside / len(records), sum(record.run > 1 for record in records))]


def latency(records: Records) -> list[Row]:
    return [
        (source, len(them), p50_p95_p99(each.ended_at - each.received_at for each in them))
        for source, them in groups(records, lambda record: record.source)
    ]


def latency_by_stage(records: Records) -> list[Row]:
    entries = [entry for record in records for entry in record.trail]
    return [
        (stage, len(them), p50_p95_p99(entry.duration_us for entry in them))
        for stage, them in groups(entries, lambda entry: str(entry.stage))
    ]


def latency_by_model(records: Records) -> list[Row]:
    answered = [call for call in made(records) if call.status == "ok"]
    return [
        (*key, len(calls), p50_p95_p99(call.duration_us for call in calls))
        for key, calls in groups(answered, lambda call: (call.provider, call.model))
    ]


def first_tokens(records: Records) -> list[Row]:
    rows = list[Row]()
    streams = [
        call for call in made(records) if call.streamed and call.status == "ok" and call.first_token_us is not None
    ]
    for model, calls in groups(streams, lambda call: call.model):
        first = [call.first_token_us or 0 for call in calls]
        between = [call.between_tokens_us or 0 for call in calls]
        halves = quantile(first, 0.5) / 1000, quantile(first, 0.95) / 1000
        rows.append((model, len(calls), *halves, 1e6 / (sum(between) / len(between))))
    return rows


def streams_and_lanes(records: Records) -> list[Row]:
    answered = [record for record in records if record.status == "answered"]
    return [
        (*key, len(them), quantile((each.ended_at - each.received_at for each in them), 0.95) / 1000)
        for key, them in groups(answered, lambda record: (str(record.lane), record.stream))
    ]


def provider_failures(records: Records) -> list[Row]:
    calls = made(records)
    of_model = {key: len(them) for key, them in groups(calls, lambda call: (call.provider, call.model))}
    found = groups(calls, lambda call: (call.provider, call.model, call.error or "", call.http_status))
    return [(*key, len(them), len(them) / of_model[key[:2]]) for key, them in found]


def retries_and_fallbacks(records: Records) -> list[Row]:
    return [
        (*key, len(them), sum(call.status == "ok" for call in them), dollars(call.cost_nusd for call in them))
        for key, them in groups(made(records), lambda call: (str(call.kind), str(call.rung or "")))
    ]


def breakers(records: Records) -> list[Row]:
    def skipped(record: Telemetry) -> int:
        return sum(call.status == "skipped" for call in record.calls)

    def trips(record: Telemetry) -> int:
        return sum(call.tripped for call in record.calls if call.status != "skipped")

    met = [record for record in records if trips(record) or skipped(record)]
    return [
        (
            hour,
            sum(trips(each) for each in them),
            sum(skipped(each) for each in them),
            len(them),
            sum(each.status == "answered" for each in them),
        )
        for hour, them in groups(
            met,
            lambda record: datetime.fromtimestamp(record.ended_at // 3_600_000_000 * 3600, UTC).replace(tzinfo=None),
        )
    ]


def prompt_versions(records: Records) -> list[Row]:
    rows = list[Row]()
    rendered = [record for record in records if record.prompt_name]
    for key, them in groups(rendered, lambda record: (record.prompt_name or "", record.prompt_version or 0)):
        reasks = sum(call.kind == "reask" for each in them for call in each.calls if call.status != "skipped")
        priced = [each.cost_nusd for each in them if each.cost_nusd is not None]
        cost = dollars(priced)
        rows.append(
            (
                *key,
                len(them),
                sum(each.status == "answered" for each in them) / len(them),
                reasks / len(them),
                cost / len(priced) if cost is not None else None,
                quantile((each.ended_at - each.received_at for each in them), 0.95) / 1000,
            )
        )
    return rows


def slowest(records: Records) -> list[Row]:
    since = (datetime.now(UTC) - timedelta(days=1)).timestamp() * 1e6
    recent = [record for record in records if record.ended_at >= since]
    rows = [
        (
            record.tenant_id,
            record.request_id,
            record.run,
            (record.ended_at - record.received_at) / 1000,
            record.source,
            *(sum(call.kind in kinds for call in made([record])) for kinds in _KINDS),
        )
        for record in recent
    ]
    return sorted(rows, key=lambda row: (-row[3], row[0], row[1]))[:10]


def once(records: Records) -> list[Row]:
    places = groups(range(len(records)), lambda number: number % 4)
    return [("telemetry", place, len(them), len(them), 0, len(them) - 1) for place, them in places]


_KINDS = (("first", "retry", "fallback", "reask"), ("retry",), ("fallback",))


def _sum(numbers: Iterable[int]) -> int | None:
    held = list(numbers)
    return sum(held) if held else None


def _sortable(key: object) -> Any:
    if isinstance(key, tuple):
        parts: tuple[object, ...] = key
        return tuple(_sortable(part) for part in parts)
    return (key is None, "" if key is None else key)


COUNTS: dict[str, Callable[[Records], list[Row]]] = {
    "Cost per tenant and day": cost_per_tenant_and_day,
    "Cost and tokens per model": cost_and_tokens_per_model,
    "Cost per feature and prompt": cost_per_feature_and_prompt,
    "Most expensive users": most_expensive_users,
    "Where the month ends at this pace": month_end,
    "How much of the cost is estimated": estimated,
    "What the cache saves": cache_saves,
    "Tokens per day": tokens_per_day,
    "How requests end, and why": ends,
    "What the checks find": findings,
    "Answers that are less than asked for": degraded,
    "Requests that ended as dead letters": dead_letters,
    "Latency": latency,
    "Latency by stage": latency_by_stage,
    "Latency by model": latency_by_model,
    "Time to first token, and how fast a stream comes": first_tokens,
    "Streams and lanes": streams_and_lanes,
    "How providers fail": provider_failures,
    "What retries and fallbacks cost": retries_and_fallbacks,
    "What breakers do": breakers,
    "Versions of a prompt compared": prompt_versions,
    "The slowest requests": slowest,
    "Is everything here, once": once,
}
"""By the question's heading."""
