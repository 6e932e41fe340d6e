"""`streamguard topics`: are a line's topics there, and as they should be? And making them so."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from aiokafka.errors import KafkaError

from streamguard import config
from streamguard.cli.reached import must_reach
from streamguard.cli.topics_showing import difference_fields, difference_line, list_lines, topic_fields
from streamguard.cli.worker import config_option
from streamguard.config import Cluster, Kafka
from streamguard.errors import InputError
from streamguard.intake.rights import Rights
from streamguard.stream.topic_admin import Changed, TopicAdmin
from streamguard.stream.topic_rules import (
    Difference,
    FoundCluster,
    Layout,
    differences,
    layout_of,
    partitions_of,
    to_create,
    to_set,
)
from streamguard.stream.topics import Topics

R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
replication_option = click.option(
    "--replication",
    type=click.IntRange(1, 32767),
    metavar="N",
    help="Copies of each partition; default: 3, or as many as there are brokers.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def topics() -> None:
    """See the topics of a line on its cluster, find what differs from what they should be, and mend it.

    What they should be stands in topics/*.toml: partitions, how long records are kept, timestamps by the broker. With three
    brokers each partition has three copies, and two must have a record before it is acknowledged.

    \b
    Examples:
      streamguard topics list
      streamguard topics check
      streamguard topics apply --dry-run
    """


@dataclass(frozen=True)
class Line:
    """The line whose topics are meant."""

    kafka: Kafka
    cluster: Cluster
    topics: Topics

    @classmethod
    def load(cls, file: Path | None) -> "Line":
        """Raises ConfigError."""
        for name in ("aiokafka", "streamguard"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told here, in one line
        kafka = config.load(file).kafka
        return cls(kafka, kafka.cluster(), Topics.load(kafka.prefix))

    @property
    def told(self) -> int | None:
        """The count that the topics were made with, where the operator tells it."""
        return self.kafka.partitions

    @property
    def names(self) -> list[str]:
        """On the cluster."""
        return [self.topics.full(topic.name) for topic in self.topics]

    def layout(self, found: FoundCluster, replication: int | None, partitions: int | None = None) -> Layout:
        """Raises InputError for a count of partitions that topics of this set do not have."""
        layout = layout_of(self.topics, found, told=self.told, partitions=partitions, replication=replication)
        if partitions is not None and layout.partitions != partitions:
            raise InputError(
                f"--partitions {partitions}: the topics of this set have {layout.partitions}, and keys would move; "
                "docs/delivery.md tells how to come to more partitions"
            )
        return layout

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run it, if Kafka lets us in. Raises InputError and Refusal for what Kafka says."""

        async def reached() -> R:
            try:
                await must_reach(self.kafka, Rights())
            except BaseException:
                work.close()
                raise
            return await work

        try:
            return asyncio.run(reached())
        except (KafkaError, ConnectionError, TimeoutError) as error:
            raise InputError(f"{self.cluster.brokers}: Kafka failed ({type(error).__name__})") from None


@topics.command("list")
@config_option
@replication_option
@json_option
def list_command(config_file: Path | None, replication: int | None, as_json: bool) -> None:
    """List the line's topics: what the cluster has, and what is wanted where that is something else.

    RECORDS is the span of offsets: about how many records are kept. What a broker does not tell is shown as -.

    \b
    Examples:
      streamguard topics list
      streamguard topics list --json
    """
    line = Line.load(config_file)
    found, records = line.run(_look_and_count(line))
    layout = line.layout(found, replication)
    fields = [topic_fields(topic, line.topics, found, layout, records) for topic in line.topics]
    for text in map(orjson.dumps, fields) if as_json else list_lines(fields):
        click.echo(text)


@topics.command("check")
@config_option
@replication_option
@json_option
def check_command(config_file: Path | None, replication: int | None, as_json: bool) -> None:
    """Report how the cluster's topics differ from what they should be, a line each, and whether `topics apply` mends it.

    What is only worth knowing is a note. Ends with status 1 when there are differences, with 0 when there are none or only notes.

    \b
    Examples:
      streamguard topics check
      streamguard topics check --json
    """
    line = Line.load(config_file)
    found = line.run(_look(line))
    wrong = differences(line.topics, found, line.layout(found, replication), told=line.told)
    for one in wrong:
        click.echo(orjson.dumps(difference_fields(one)) if as_json else difference_line(one))
    serious = sum(one.serious for one in wrong)
    _tell_unchecked(found)
    if not as_json:
        mended = sum(one.mended for one in wrong)
        click.echo(f"{len(line.names)} topics, {serious} differences, of which `topics apply` mends {mended}")
    sys.exit(1 if serious else 0)


@topics.command("apply")
@config_option
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Of a new set's topics; default: what topics/*.toml say. Topics that exist keep theirs.",
)
@replication_option
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@json_option
def apply_command(
    config_file: Path | None, partitions: int | None, replication: int | None, dry_run: bool, as_json: bool
) -> None:
    """Create topics that are missing and set what differs; asks nothing, and tells what it did.

    Nothing is deleted or shortened, no limit lowered, and no partition added to a topic that exists: keys would move. A second
    time there is nothing left to do. What it cannot mend is told; it ends with status 1 when that is a count of partitions with
    which workers refuse to run, and with 2 when a broker refuses something.

    \b
    Examples:
      streamguard topics apply --dry-run
      streamguard topics apply
    """
    line = Line.load(config_file)
    told = 0

    def tell(one: dict[str, Any]) -> None:  # at once: what was done is done, whatever Kafka refuses next
        nonlocal told
        told += 1
        click.echo(orjson.dumps({"done": not dry_run, **one}) if as_json else _done_line(one, dry_run))

    left, refused = line.run(_apply(line, partitions, replication, dry_run=dry_run, tell=tell))
    if not told and not refused and not as_json:
        click.echo("nothing to do")
    for text in (*refused, *map(difference_line, left)):
        click.echo(f"streamguard: {text}", err=True)
    sys.exit(2 if refused else 1 if any(one.kind == "partitions" for one in left) else 0)


async def _look(line: Line) -> FoundCluster:
    async with TopicAdmin(line.cluster) as admin:
        return await admin.look(line.names)


async def _look_and_count(line: Line) -> tuple[FoundCluster, dict[str, int]]:
    async with TopicAdmin(line.cluster) as admin:
        found = await admin.look(line.names)
        led = {
            name: len(found.topics[name].partitions)
            for name in line.names
            if name in found.topics and all(one.led for one in found.topics[name].partitions)
        }
        return found, await admin.records(led)


async def _apply(
    line: Line,
    partitions: int | None,
    replication: int | None,
    *,
    dry_run: bool,
    tell: Callable[[dict[str, Any]], None],
) -> tuple[list[Difference], list[str]]:
    """The differences that are left and cannot be mended, and what a broker refused. `tell` is called with all that was done."""
    refused: list[str] = []
    async with TopicAdmin(line.cluster) as admin:
        found = await admin.look(line.names)
        _tell_unchecked(found)
        layout = line.layout(found, replication, partitions)
        wrong = differences(line.topics, found, layout, told=line.told)
        if missing := to_create(line.topics, wrong):
            names = [line.topics.full(topic.name) for topic in missing]
            made = Changed(names) if dry_run else await admin.create(line.topics, missing, layout)
            for topic, name in zip(missing, names, strict=True):
                if name in made.done:
                    copies = {"partitions": partitions_of(topic, layout), "replication": layout.replication}
                    tell({"topic": name, **copies})
            refused += made.lines("created")
            if not dry_run:  # what the cluster gave them may differ too
                found = await admin.look(line.names)
                wrong = differences(line.topics, found, layout, told=line.told)
        changes = to_set(wrong)
        made = Changed(list(changes)) if dry_run else await admin.change(changes)
        for one in wrong:
            if one.topic in made.done and one.key in changes[one.topic]:
                tell({"topic": one.topic, "key": one.key, "value": one.wanted, "before": one.found})
        return [one for one in wrong if one.serious and not one.mended], refused + made.lines("set")


def _done_line(one: dict[str, Any], dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    if "key" in one:
        return f"{one['topic']}: {one['key']} {would}set to {one['value']}, was {one['before']}"
    return f"{one['topic']}: {would}created, partitions: {one['partitions']}, copies of each: {one['replication']}"


def _tell_unchecked(found: FoundCluster) -> None:
    if not found.tells:
        click.echo(
            "streamguard: this broker tells neither settings nor copies of topics, as the embedded one: not checked",
            err=True,
        )
