"""Reads what a run left behind: topics, commits, rows. Topic by topic, and of each record only what the audit needs."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streamguard.intake.marks import Place
from streamguard.money import from_decimal
from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.planned import Identity, Planned
from streamguard.stream.sink import GROUP
from streamguard.stream.topics import DLQ_DECISIONS, Topics
from tests.chaos.audit_evidence import Evidence, Sent, SimulatorCall, sent
from tests.chaos.audit_records import Keeper, Kept
from tests.chaos.audit_rows import At, Row, Several, Stored, several
from tests.support.audit import Commit, read_each

_OF_NO_STEP = (DLQ_DECISIONS, "breakers", "cancellations")
"""Topics of which no record is the output of a step."""
_IDENTITY = "tenant_id, request_id, run"
_REQUESTS = f"{_IDENTITY}, status, reason, toString(cost)"
_CALLS = "position, call_id, provider_name, request_model, kind, status, toString(cost)"
_VERDICTS = "position, `check`, direction, action, code, content_hash"


def groups(prefix: str) -> list[str]:
    """The consumer groups of a line and its sink, for a `CommitLog`."""
    return [*(group_name(prefix, stage) for stage in FLOW), prefix + GROUP]


async def gather(
    brokers: str,
    topics: Topics,
    planned: Iterable[Planned | Sent],
    calls: Iterable[SimulatorCall | Mapping[str, Any]] | None = None,
    *,
    store: str | None = None,
    payload_store: str | None = None,
    commits: Iterable[Commit] = (),
    payloads: bool = True,
) -> Evidence:
    """Read everything. Call it when all is drained and nothing writes any more.

    `planned` are acknowledged records, `calls` the `detail` of the simulator's `/_sim/calls?detail=1`, `store` its address
    (`host:port`; `payload_store`: where texts have one of their own), `commits` what a `CommitLog` over `groups` has seen.
    Raises what the clients of broker and store raise.
    """
    keeper = Keeper(topics)
    records: dict[str, list[Kept]] = {topic.name: [] for topic in topics if topic.name not in _OF_NO_STEP}
    there = await _existing(brokers, [topics.full(name) for name in records])
    async for entry in read_each(brokers, there):
        records[topics.plain(entry.place.topic)].append(keeper.keep(entry))
    for found in records.values():
        found.sort(key=lambda one: (one.place, one.offset))
    ends, committed = await _offsets(brokers, topics, there)
    return Evidence(
        records=records,
        sent=sent(planned),
        ends=ends,
        committed=committed,
        commits=[
            Commit(
                _plain(topics, one.place),
                one.offset,
                {_plain(topics, place): mark for place, mark in one.marks.items()},
                one.seen_ms,
            )
            for one in commits
        ],
        calls=None if calls is None else [_call(one) for one in calls],
        stored=None if store is None else await _stored(store, payload_store or store, topics),
        payloads=payloads,
    )


def _call(call: SimulatorCall | Mapping[str, Any]) -> SimulatorCall:
    return call if isinstance(call, SimulatorCall) else SimulatorCall.read(call)


def _plain(topics: Topics, place: Place) -> Place:
    return Place(topics.plain(place.topic), place.partition)


async def _existing(brokers: str, names: Sequence[str]) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        return [name for name in names if name in there]
    finally:
        await admin.close()


async def _offsets(brokers: str, topics: Topics, names: Sequence[str]) -> tuple[dict[Place, int], dict[Place, int]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await consumer.start()
    await admin.start()
    try:
        described = await admin.describe_topics(list(names))
        places = [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]
        ends = {_plain(topics, Place(*tp)): end for tp, end in (await consumer.end_offsets(places)).items()}
        committed: dict[Place, int] = {}
        for group in groups(topics.prefix):
            for tp, saved in (await admin.list_consumer_group_offsets(group)).items():
                committed[_plain(topics, Place(*tp))] = saved.offset
        return ends, committed
    finally:
        await admin.close()
        await consumer.stop()


# -- the store ---------------------------------------------------------------------------------------------------------


async def _stored(outcomes: str, payloads: str, topics: Topics) -> Stored:
    async with httpx.AsyncClient(timeout=120.0, trust_env=False) as client:
        of_outcomes, of_payloads = _Reader(client, outcomes, topics), _Reader(client, payloads, topics)
        return Stored(
            requests=[
                Row(at, _identity(rest), rest[3], rest[4], _nusd(rest[5]))
                async for at, rest in of_outcomes.rows("requests", _REQUESTS)
            ],
            payloads=[Row(at, _identity(rest)) async for at, rest in of_payloads.rows("payloads", _IDENTITY)],
            calls=await of_outcomes.by_record("calls", _CALLS, "position, call_id"),
            verdicts=await of_outcomes.by_record("verdicts", _VERDICTS, "position, content_hash"),
        )


class _Reader:
    """The tables of one store, partition by partition, so that an answer stays small."""

    def __init__(self, client: httpx.AsyncClient, address: str, topics: Topics) -> None:
        self._client, self._url, self._topics = client, f"http://{address}/", topics

    async def rows(
        self, table: str, columns: str, order: str = "request_id"
    ) -> AsyncGenerator[tuple[At, Sequence[Any]]]:
        """Which record each row is of, and the columns."""
        for number in await self._ask(f"SELECT DISTINCT k_partition FROM {table} ORDER BY k_partition"):
            for row in await self._ask(
                f"SELECT k_topic, k_partition, k_offset, {columns} FROM {table} WHERE k_partition = {int(number[0])} "
                f"ORDER BY k_topic, k_offset, {order}"
            ):
                yield At(self._topics.plain(row[0]), int(row[1]), int(row[2])), row[3:]

    async def by_record(self, table: str, columns: str, order: str) -> dict[At, Several]:
        """All rows of each record as one. Columns begin with the position."""
        found: dict[At, Several] = {}
        last, lines = None, list[Sequence[object]]()
        async for at, rest in self.rows(table, columns, order):
            if at != last and last is not None:
                found[last], lines = several(lines), []
            last = at
            lines.append(_line(table, rest))
        return found if last is None else {**found, last: several(lines)}

    async def _ask(self, sql: str) -> list[Any]:
        answer = await self._client.post(
            self._url, params={"database": "streamguard"}, content=f"{sql} FORMAT JSONCompactEachRow".encode()
        )
        answer.raise_for_status()
        return [orjson.loads(line) for line in answer.content.splitlines()]


def _line(table: str, row: Sequence[Any]) -> Sequence[object]:
    return (int(row[0]), *row[1:-1], _nusd(row[-1]) if table == "calls" else row[-1])


def _identity(row: Sequence[Any]) -> Identity:
    return Identity(row[0], row[1], int(row[2]))


def _nusd(value: str | None) -> int | None:
    return None if value is None else from_decimal(Decimal(value))
