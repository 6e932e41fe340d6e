"""`streamguard tail`: the records of a topic as they come."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamguard import config
from streamguard.cli.pipes import quiet_pipe
from streamguard.cli.reached import must_reach
from streamguard.cli.tail_records import decoded, fits, line_of, tenant_of, written
from streamguard.cli.tail_showing import plain_lines
from streamguard.cli.worker import config_option
from streamguard.config import Kafka
from streamguard.errors import InputError
from streamguard.events.codec import RECORDS
from streamguard.intake.clients import is_retriable, received
from streamguard.intake.contract import Received
from streamguard.intake.damage import read_carefully
from streamguard.intake.rights import Rights
from streamguard.places import partitions_of
from streamguard.stream.topics import Topic, Topics

_START_SECONDS = 15.0
_AGAIN = 1.0


@click.command()
@click.argument("topic", default="responses")
@config_option
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest that Kafka keeps, not with the next one.")
@click.option(
    "--follow/--no-follow", default=True, help="--no-follow prints what is there from the beginning, and ends."
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after N records.")
@click.option("--tenant", metavar="ID", help="Only this tenant's.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Only those whose field is so, such as status=refused or head.user_id=u-17; repeatable, all must fit.",
)
@click.option("--text", is_flag=True, help="Show what users wrote and models answered; it is masked otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Whole records as JSON on a terminal too.")
def tail(
    topic: str,
    config_file: Path | None,
    from_beginning: bool,
    follow: bool,
    limit: int | None,
    tenant: str | None,
    filters: tuple[str, ...],
    text: bool,
    as_json: bool,
) -> None:
    """Print the records of TOPIC as they come: as lines of JSON, on a terminal what matters of each. TOPIC is one of the line's,
    without prefix.

    A line of JSON says where the record lies, since when, under which key and schema, and what it holds. Texts are masked without
    --text. Those of one partition come in order.

    \b
    Examples:
      streamguard tail responses --no-follow
      streamguard tail outcomes --no-follow --filter status=refused --limit 10
      streamguard tail requests --no-follow --tenant acme --text
    """
    for name in ("aiokafka", "streamguard"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told here, in one line
    kafka = config.load(config_file).kafka
    chosen, full = _topic(topic, kafka.prefix)
    wanted = _wanted(filters)
    plain = sys.stdout.isatty() and not as_json

    async def show() -> None:
        shown = 0
        await must_reach(kafka, Rights({full: frozenset(("READ",))}))
        async with aclosing(_records(kafka, full, from_beginning=from_beginning, follow=follow)) as records:
            async for one in records:
                record = decoded(RECORDS[chosen.record] if chosen.record else None, one)
                if tenant is not None and tenant_of(record, one.key) != tenant:
                    continue
                if wanted and not fits(line_of(one, topic, record, text=True), wanted):
                    continue
                line = line_of(one, chosen.name, record, text=text)
                for said in plain_lines(line, record, text=text) if plain else (written(line),):
                    click.echo(said)
                shown += 1
                if shown == limit:
                    return

    with quiet_pipe():
        try:
            asyncio.run(show())
        except KeyboardInterrupt:
            return


async def _records(kafka: Kafka, topic: str, *, from_beginning: bool, follow: bool) -> AsyncGenerator[Received]:
    """Raises InputError for what Kafka says at the start, and later for what waiting cannot mend; a broker that is away then is
    waited for."""
    consumer = AIOKafkaConsumer(
        **kafka.cluster().arguments,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        metadata_max_age_ms=30_000,
    )
    try:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await consumer.start()
                read_carefully(consumer)
                places = await partitions_of(consumer, topic)
                ends = await consumer.end_offsets(places)
                firsts = await consumer.beginning_offsets(places) if from_beginning or not follow else ends
        except (KafkaError, OSError, TimeoutError) as error:
            raise InputError(f"{topic} at {kafka.brokers} cannot be read ({type(error).__name__})") from None
        consumer.assign(places)
        for place, first in firsts.items():
            consumer.seek(place, first)
        todo = {place for place in places if firsts[place] < ends[place]}
        while follow or todo:
            try:
                batch = await consumer.getmany(*(() if follow else todo), timeout_ms=500)
            except KafkaError as error:
                if not is_retriable(error):
                    told = f"{topic} at {kafka.brokers} can no longer be read ({type(error).__name__})"
                    raise InputError(told) from None
                await asyncio.sleep(_AGAIN)
                continue
            for place, records in batch.items():
                for record in records:
                    if follow or record.offset < ends[place]:
                        yield received(record)
            if not follow:
                todo = await _unread(consumer, todo, ends)
    finally:
        await consumer.stop()


async def _unread(
    consumer: AIOKafkaConsumer, todo: set[TopicPartition], ends: Mapping[TopicPartition, int]
) -> set[TopicPartition]:
    return {place for place in todo if await consumer.position(place) < ends[place]}


def _topic(name: str, prefix: str) -> tuple[Topic, str]:
    topics = Topics.load(prefix)
    for topic in topics:
        if name in (topic.name, topics.full(topic.name)):
            return topic, topics.full(topic.name)
    raise InputError(f"there is no topic {name!r}; there are {', '.join(sorted(topic.name for topic in topics))}")


def _wanted(filters: tuple[str, ...]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for one in filters:
        field, equals, value = one.partition("=")
        if not equals or not field:
            raise InputError("--filter wants FIELD=VALUE, such as status=refused")
        wanted[field] = value
    return wanted
