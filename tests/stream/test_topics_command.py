"""`streamguard topics` on a real Kafka: every kind of difference is planted and found, what can be mended is, and nothing else is
touched; and on the embedded broker, which knows less."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from click.testing import CliRunner

from streamguard.cli import main
from streamguard.config import Cluster, plain_environment
from streamguard.dev.broker import EmbeddedBroker
from streamguard.stream.topic_admin import TopicAdmin
from streamguard.stream.topic_rules import FoundCluster
from streamguard.stream.topics import Topics
from tests.support.kafka import ROOT, KafkaNode, create_topics, unique

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Ended:
    status: int
    lines: list[str]
    errors: list[str]

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.lines]


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    """The command silences logs of its process, which here is that of the tests."""
    loggers = [logging.getLogger(name) for name in ("aiokafka", "streamguard")]
    levels = [one.level for one in loggers]
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


async def ask(brokers: str, prefix: str, *arguments: str, **settings: str) -> Ended:
    """Run the command in this process, which saves a second each time. One at a time: it takes the standard output."""
    told = {"STREAMGUARD_KAFKA__BROKERS": brokers, "STREAMGUARD_KAFKA__PREFIX": prefix, **settings}
    result = await asyncio.to_thread(CliRunner().invoke, main, ["topics", *arguments], env=told)
    return Ended(result.exit_code, result.stdout.splitlines(), result.stderr.splitlines())


async def ask_apart(brokers: str, prefix: str, *arguments: str) -> Ended:
    """Run the command as a person would, in a process of its own."""
    told = {"STREAMGUARD_KAFKA__BROKERS": brokers, "STREAMGUARD_KAFKA__PREFIX": prefix}
    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "streamguard", "topics", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=plain_environment() | told,
    )
    return Ended(process.returncode, process.stdout.splitlines(), process.stderr.splitlines())


async def found(brokers: str, names: Iterable[str]) -> FoundCluster:
    async with TopicAdmin(Cluster(brokers)) as admin:
        return await admin.look(list(names))


async def test_each_kind_of_difference_is_found_and_mended_where_that_takes_nothing_away(kafka: KafkaNode) -> None:
    prefix = unique("t") + "-"
    topics = Topics.load(prefix)
    brokers = kafka.brokers
    wrong = {
        "responses": {"retention.ms": "60000"},
        "settlements": {"retention.bytes": "104857600"},
        "cache-entries": {"cleanup.policy": "delete"},
        "outcomes": {"message.timestamp.type": "CreateTime"},
        "dead-letters": {"max.message.bytes": "1000"},
        "breakers": {"segment.ms": "604800000"},
        "guarded": {"min.insync.replicas": "3"},
        "payloads": {"retention.ms": "-1"},
    }
    for name, configs in wrong.items():
        plain = {key: value for key, value in topics[name].configs.items() if key not in configs}
        # one that the line knows nothing of must stay as it is
        await create_topics(brokers, [topics.full(name)], 3, 1, {**plain, **configs, "compression.type": "lz4"})
    await create_topics(brokers, [topics.full("admitted")], 5, 1, topics["admitted"].configs)
    await create_topics(brokers, [f"{prefix}strange"], 1, 1)
    async with asyncio.timeout(20):
        while f"{prefix}strange" not in (await found(brokers, [])).topics:  # the broker learns of it a moment later
            await asyncio.sleep(0.05)

    checked = await ask(brokers, prefix, "check", "--replication", "2", "--json")
    assert checked.status == 1
    seen = {(one["topic"].removeprefix(prefix), one["kind"], one["key"]): one for one in checked.fields}
    for (name, key), (wanted, has) in {
        ("responses", "retention.ms"): ("604800000", "60000"),
        ("settlements", "retention.bytes"): ("-1", "104857600"),
        ("cache-entries", "cleanup.policy"): ("compact,delete", "delete"),
        ("outcomes", "message.timestamp.type"): ("LogAppendTime", "CreateTime"),
        ("dead-letters", "max.message.bytes"): ("2097152", "1000"),
        ("breakers", "segment.ms"): ("3600000", "604800000"),
        ("guarded", "min.insync.replicas"): ("1", "3"),
    }.items():
        one = seen.pop((name, "config", key))
        assert (one["wanted"], one["found"], one["mended"], one["serious"]) == (wanted, has, True, True)
    longer = seen.pop(("payloads", "config", "retention.ms"))
    assert (longer["found"], longer["mended"], longer["serious"]) == ("-1", False, False)
    grown = seen.pop(("admitted", "partitions", "partitions"))
    assert (grown["wanted"], grown["found"], grown["mended"], grown["serious"]) == ("3", "5", False, True)
    strange = seen.pop(("strange", "unknown", "topic"))
    assert not strange["serious"]
    there = {*wrong, "admitted"}
    assert {name for name, kind, _ in seen if kind == "replication"} == there
    assert {name for name, kind, _ in seen if kind == "missing"} == {one.name for one in topics} - there
    assert {kind for _, kind, _ in seen} == {"replication", "missing"}

    before = await found(brokers, [topics.full(name) for name in there])
    dry = await ask(brokers, prefix, "apply", "--dry-run")
    assert await found(brokers, [topics.full(name) for name in there]) == before
    done = await ask(brokers, prefix, "apply", "--json")
    assert done.status == 1  # the topic that has grown is left
    assert len(done.lines) == len(dry.lines) == len(list(topics)) - len(there) + 7
    (left,) = done.errors
    assert f"{prefix}admitted: partitions: wanted 3, found 5; workers refuse to run" in left
    assert (await ask(brokers, prefix, "apply")).lines == ["nothing to do"]

    after = await found(brokers, [topics.full(topic.name) for topic in topics])
    for topic in topics:
        here = after.topics[topics.full(topic.name)]
        count = {"breakers": 3, "admitted": 5, "cancellations": topic.partitions}.get(topic.name, 3)
        assert len(here.partitions) == count, topic.name
        wanted = topic.configs | ({"retention.ms": "-1"} if topic.name == "payloads" else {})
        configs = here.configs or {}
        assert {key: configs[key] for key in wanted} == wanted
    assert await setting(brokers, topics.full("responses"), "compression.type") == "lz4"


async def test_apply_twice_at_once_then_check_is_clean(kafka: KafkaNode) -> None:
    prefix = unique("t") + "-"
    one, two = await asyncio.gather(*(ask_apart(kafka.brokers, prefix, "apply", "--partitions", "2") for _ in range(2)))
    assert (one.status, two.status) == (0, 0), one.errors + two.errors
    created = [line.split(":")[0] for line in one.lines + two.lines if "created" in line]
    assert sorted(created) == sorted(prefix + topic.name for topic in Topics.load())  # each by one of them
    checked = await ask(kafka.brokers, prefix, "check")
    assert checked.status == 0
    assert checked.lines[-1] == f"{len(created)} topics, 0 differences, of which `topics apply` mends 0"
    listed = await ask(kafka.brokers, prefix, "list", "--json")
    by_name = {line["topic"].removeprefix(prefix): line for line in listed.fields}
    assert by_name["requests"]["found"]["partitions"] == 2
    assert by_name["requests"]["found"]["retention.ms"] == by_name["requests"]["wanted"]["retention.ms"]
    assert by_name["requests"]["records"] == 0
    # another count would move keys; a broker that is not there can have no copy
    more = await ask(kafka.brokers, prefix, "apply", "--partitions", "4")
    assert (more.status, len(more.errors)) == (2, 1)
    assert "the topics of this set have 2" in more.errors[0]
    copies = await ask(kafka.brokers, unique("t") + "-", "apply", "--replication", "3")
    assert (copies.status, len(copies.errors)) == (2, 1)
    assert "InvalidReplicationFactorError" in copies.errors[0]


async def test_what_a_broker_refuses_hides_nothing_of_what_was_done(kafka: KafkaNode) -> None:
    # 216 and the longer names do not fit into the 249 characters that Kafka takes of one
    prefix = unique("t" * 227) + "-"
    names = [prefix + topic.name for topic in Topics.load()]
    fitting = [name for name in names if len(name) <= 249]
    assert 0 < len(fitting) < len(names)
    one = await ask(kafka.brokers, prefix, "apply", "--partitions", "1")
    assert one.status == 2
    assert sorted(line.split(":")[0] for line in one.lines if "created" in line) == sorted(fitting)
    refused = [line.removeprefix("streamguard: ").split(": not created, InvalidTopic")[0] for line in one.errors]
    assert {name for names in refused for name in names.split(", ")} == set(names) - set(fitting)


async def test_a_grown_set_that_the_configuration_knows_of_is_a_note(kafka: KafkaNode) -> None:
    prefix = unique("t") + "-"
    assert (await ask(kafka.brokers, prefix, "apply", "--partitions", "2")).status == 0
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    await admin.start()
    await admin.create_partitions({f"{prefix}requests": NewPartitions(total_count=3)})
    await admin.close()
    async with asyncio.timeout(20):
        while (await ask(kafka.brokers, prefix, "check")).status != 1:  # the broker learns of it a moment later
            await asyncio.sleep(0.05)
    told = await ask(kafka.brokers, prefix, "check", STREAMGUARD_KAFKA__PARTITIONS="2")
    assert told.status == 0
    assert told.lines[0].startswith(f"note: {prefix}requests: partitions: wanted 2, found 3")


def test_the_embedded_broker_has_its_topics_and_tells_little_of_them() -> None:
    with EmbeddedBroker(topics={topic.name: 4 for topic in Topics.load()}) as broker:
        listed, checked, applied, missing = (
            asyncio.run(ask(broker.address, prefix, what))
            for prefix, what in (("", "list"), ("", "check"), ("", "apply"), ("other-", "apply"))
        )
    assert (listed.status, checked.status, applied.status) == (0, 0, 0)
    assert len(listed.lines) == 1 + len(list(Topics.load()))
    assert "wants" not in "".join(listed.lines)
    assert "not checked" in checked.errors[0]
    assert applied.lines == ["nothing to do"]
    assert missing.status == 2
    assert "the embedded one is told its topics when it starts" in missing.errors[-1]


async def test_brokers_that_are_not_there_are_one_line() -> None:
    ended = await ask("127.0.0.1:1", "", "check")
    assert (ended.status, ended.lines, len(ended.errors)) == (2, [], 1)
    assert "127.0.0.1:1" in ended.errors[0]


async def setting(brokers: str, topic: str, key: str) -> str:
    """Any setting of a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: ""})])
    finally:
        await admin.close()
    (resource,) = cast("Any", answer).resources
    (entry,) = resource[4]
    return entry[1]
