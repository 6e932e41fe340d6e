"""Reads what a run left behind: topics, commits, rows. Topic by topic, and of each record only what the audit needs."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
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
from streamguard.stream.topics import Topics
from tests.chaos.audit_evidence import Evidence, Sent, SimulatorCall, sent
from tests.chaos.audit_records import Keeper, Kept
from tests.chaos.audit_rows import At, Row, Several, Stored, several
from tests.support.audit import Commit, read_each

_REQUESTS = "k_topic, k_partition, k_offset, tenant_id, request_id, run, status, reason, toString(cost)"
_PAYLOADS = "k_topic, k_partition, k_offset, tenant_id, request_id, run"
_CALLS = (
    "k_topic, k_partition, k_offset, position, call_id, provider_name, request_model, kind, status, toString(cost)",
    "k_topic, k_partition, k_offset, position, call_id",
)
_VERDICTS = (
    "k_topic, k_partition, k_offset, position, `check`, direction, action, code, content_hash",
    "k_topic, k_partition, k_offset, position",
)


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
    records: dict[str, list[Kept]] = {topic.name: [] for topic in topics}
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
        stored=None if store is None else await _stored(store, payload_store or store),
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


async def _stored(outcomes: str, payloads: str) -> Stored:
    async with httpx.AsyncClient(timeout=120.0, trust_env=False) as client:
        return Stored(
            requests=[
                Row(_at(row), _identity(row), row[6], row[7], _nusd(row[8]))
                async for row in _rows(client, outcomes, "requests", _REQUESTS)
            ],
            payloads=[Row(_at(row), _identity(row)) async for row in _rows(client, payloads, "payloads", _PAYLOADS)],
            calls=await _by_record(client, outcomes, "calls", *_CALLS, money=True),
            verdicts=await _by_record(client, outcomes, "verdicts", *_VERDICTS),
        )


async def _by_record(
    client: httpx.AsyncClient, address: str, table: str, columns: str, order: str, *, money: bool = False
) -> dict[At, Several]:
    lines = [
        (_at(row), (int(row[3]), *row[4:-1], _nusd(row[-1]) if money else row[-1]))
        async for row in _rows(client, address, table, columns, order)
    ]
    return {at: several(values for _, values in rows) for at, rows in groupby(lines, key=lambda line: line[0])}


async def _rows(
    client: httpx.AsyncClient, address: str, table: str, columns: str, order: str = "k_topic, k_partition, k_offset"
) -> AsyncGenerator[Any]:
    """Partition by partition, so that an answer stays small."""
    for number in await _ask(client, address, f"SELECT DISTINCT k_partition FROM {table} ORDER BY k_partition"):
        for row in await _ask(
            client, address, f"SELECT {columns} FROM {table} WHERE k_partition = {int(number[0])} ORDER BY {order}"
        ):
            yield row


async def _ask(client: httpx.AsyncClient, address: str, sql: str) -> list[Any]:
    answer = await client.post(
        f"http://{address}/", params={"database": "streamguard"}, content=f"{sql} FORMAT JSONCompactEachRow".encode()
    )
    answer.raise_for_status()
    return [orjson.loads(line) for line in answer.content.splitlines()]


def _at(row: Sequence[Any]) -> At:
    return At(row[0], int(row[1]), int(row[2]))


def _identity(row: Sequence[Any]) -> Identity:
    return Identity(row[3], row[4], int(row[5]))


def _nusd(value: str | None) -> int | None:
    return None if value is None else from_decimal(Decimal(value))
