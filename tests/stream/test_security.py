"""Real Kafka that encrypts, asks who is there and lets each user do only what it needs; a store behind TLS with a user.

What waiting cannot mend is one line that names the key, and status 2; a broker that restarts is no such thing.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from streamguard.analytics.clickhouse import Connection
from streamguard.cli.embedded_line.settings import Addresses, line_settings
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.clock import FakeClock
from streamguard.config import Cluster, load, parse
from streamguard.dev.simulator import Latency, Simulator, SimulatorSettings
from streamguard.dev.store import EmbeddedStore, StoreSettings
from streamguard.intake.errors import KafkaRefuses, RightsMissing
from streamguard.intake.reaching import reachable
from streamguard.intake.rights import Rights
from streamguard.processes import die_with_parent
from streamguard.stream.needs import letters_needs, service_needs, sink_needs, worker_needs
from streamguard.stream.topic_admin import create_missing
from streamguard.stream.topics import Topics
from tests.support.kafka import ROOT, create_topics
from tests.support.secured import PASSWORD, SecuredKafka, fitting
from tests.support.secured_store import SecuredStore
from tests.support.unavailable import or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TOPICS = Topics.load("secured.")
PARTITIONS = 2
SECONDS = 40.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    broker = SecuredKafka(tmp_path_factory.mktemp("secured"))
    or_skip(broker.start)
    yield broker
    broker.stop()


def cluster(section: Mapping[str, Any]) -> Cluster:
    return parse({"kafka": section}, source="a test").kafka.cluster()


class Command:
    """`streamguard …` as a process, with what it says."""

    def __init__(self, folder: Path, name: str, arguments: Sequence[str], settings: Mapping[str, Any]) -> None:
        file = folder / f"{name}.toml"
        file.write_text(to_toml({"policy": {"key": "k"}, **settings}))
        self.name, self._log = name, folder / f"{name}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamguard", *arguments, "--config", str(file)],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                preexec_fn=die_with_parent(),
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    async def ended(self, seconds: float = SECONDS) -> tuple[int, str]:
        """Status and standard output."""
        out, _ = await asyncio.to_thread(self.process.communicate, timeout=seconds)
        return self.process.returncode, out.decode()


class Run(Protocol):
    """Starts `streamguard ARGUMENTS --config NAME.toml`, with these settings in that file."""

    def __call__(self, name: str, *arguments: str, settings: Mapping[str, Any]) -> Command: ...


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started: list[Command] = []

    def begin(name: str, *arguments: str, settings: Mapping[str, Any]) -> Command:
        started.append(Command(tmp_path, name, arguments, settings))
        return started[-1]

    yield begin
    for command in started:
        command.process.kill()
        command.process.communicate()


def settings(
    section: Mapping[str, Any], simulator: str = "127.0.0.1:1", changes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    told = line_settings(Addresses(broker="", store="127.0.0.1:1", simulator=simulator), TOPICS.prefix, embedded=False)
    told["kafka"] = {**told["kafka"], "session": 4.0, "stall": 15.0, **section}
    return {**told, **(changes or {})}


# -- what is wrong, told in one line ---------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "password": (
        {"sasl_password": "wrong"},
        "does not let the user 'worker' in with SCRAM-SHA-512: look at kafka.sasl_username",
    ),
    "password of PLAIN": (
        {"sasl_password": "wrong", "sasl_mechanism": "PLAIN"},
        "does not let the user 'worker' in with PLAIN",
    ),
    "user": ({"sasl_username": "nobody"}, "does not let the user 'nobody' in"),
    "mechanism": ({"sasl_mechanism": "SCRAM-SHA-256"}, "only with PLAIN, SCRAM-SHA-512: look at kafka.sasl_mechanism"),
    "authority": (
        {"ssl_ca_file": "ELSEWHERE"},
        "is not to be trusted (unable to get local issuer certificate): look at kafka.ssl_ca",
    ),
    "name": ({"brokers": "127.0.0.1:PORT"}, "is not for that name: look at kafka.brokers"),
    "plain before TLS": (
        {"security_protocol": "PLAINTEXT"},
        "wants TLS there: kafka.security_protocol is PLAINTEXT and should be SSL or",
    ),
    "no user": (
        {"security_protocol": "SSL"},
        "wants a user to log in there: kafka.security_protocol is SSL and should be SASL_SSL",
    ),
    "TLS before plain": (
        {"brokers": "PLAINTEXT"},
        "does not encrypt there: kafka.security_protocol is SASL_SSL and should be PLAIN",
    ),
    "a user before none": (
        {"brokers": "PLAINTEXT", "security_protocol": "SASL_PLAINTEXT"},
        "wants no user to log in there: kafka.security_protocol is SASL_PLAINTEXT and should be PLAINTEXT",
    ),
    "no certificate": (
        {"brokers": "SSL", "security_protocol": "SSL"},
        "or that we have none (SSLV3_ALERT_BAD_CERTIFICATE): look at kafka.ssl_cert_file",
    ),
    "nor a user": (
        {"brokers": "SASL_PLAINTEXT", "security_protocol": "PLAINTEXT"},
        "wants a user to log in there: kafka.security_protocol is PLAINTEXT and should be SASL_PLAINTEXT",
    ),
}


def mistaken(kafka: SecuredKafka, changes: Mapping[str, Any]) -> dict[str, Any]:
    right = kafka.section()
    named = {
        "PLAINTEXT": kafka.operator,
        "SSL": kafka.listener("SSL"),
        "SASL_PLAINTEXT": kafka.listener("SASL_PLAINTEXT"),
        "127.0.0.1:PORT": right["brokers"].replace("localhost", "127.0.0.1"),
        "ELSEWHERE": str(kafka.elsewhere.file),
    }
    told = {
        key: named.get(value, value) if key in ("brokers", "ssl_ca_file") else value for key, value in changes.items()
    }
    return fitting({**right, **told})


@pytest.mark.parametrize("kind", WRONG)
async def test_what_waiting_cannot_mend_is_found_out(kafka: SecuredKafka, kind: str) -> None:
    changes, words = WRONG[kind]
    with pytest.raises(KafkaRefuses) as caught:
        await reachable(cluster(mistaken(kafka, changes)), clock=FakeClock())
    assert words in str(caught.value)
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_the_right_ones_are_let_in(kafka: SecuredKafka) -> None:
    for section in (
        kafka.section(),
        kafka.section(sasl_mechanism="PLAIN"),
        kafka.section(ssl_check_hostname=False),
        kafka.certificate("worker"),
        {"brokers": kafka.operator},
        fitting(
            {**kafka.section(), "brokers": kafka.listener("SASL_PLAINTEXT"), "security_protocol": "SASL_PLAINTEXT"}
        ),
    ):
        await reachable(cluster(section), clock=FakeClock())


async def test_a_certificate_of_a_stranger_is_refused(kafka: SecuredKafka) -> None:
    with pytest.raises(KafkaRefuses, match=r"SSLV3_ALERT_CERTIFICATE_UNKNOWN\): look at kafka\.ssl_cert_file"):
        await reachable(cluster(kafka.certificate("worker", kafka.elsewhere)), clock=FakeClock())


async def test_commands_end_with_one_line_and_status_2(kafka: SecuredKafka, run: Run) -> None:
    wrong = {
        name: settings(mistaken(kafka, WRONG[name][0]))
        for name in ("password", "authority", "plain before TLS", "TLS before plain")
    }
    commands = [run(name, "worker", "--processes", "3", settings=told) for name, told in wrong.items()]
    commands += [
        run("sink", "sink", settings=wrong["password"]),
        run("dlq", "dlq", "list", settings=wrong["password"]),
        run("alone", "worker", "--number", "0", settings=wrong["password"]),
        run("no rights", "worker", settings=settings(kafka.section("stranger"))),
        run("no file", "worker", settings=settings({**kafka.section(), "ssl_ca_file": "/nowhere"})),
    ]
    words = {name: WRONG[name][1] for name in wrong} | {
        "no rights": f"does not let the user 'stranger' do what is needed: READ {TOPICS.full('admission-journal')}",
        "no file": "kafka.ssl_ca_file: /nowhere cannot be read",
    }
    for command in commands:
        status, out = await command.ended()
        assert (status, out) == (2, ""), f"{command.name}: {command.said}"
        complaints = [line for line in command.said.splitlines() if '"level":"info"' not in line]
        assert len(complaints) == 1, f"{command.name}: {command.said}"
        assert words.get(command.name, WRONG["password"][1]) in command.said
        assert PASSWORD not in command.said
        assert "Traceback" not in command.said


async def test_a_reader_whose_right_is_taken_away_is_told_so_and_does_not_wait_for_ever(
    kafka: SecuredKafka, run: Run
) -> None:
    topic, section = "followed.responses", {**kafka.certificate("follower"), "prefix": "followed."}
    await create_topics(kafka.operator, [topic], 1, 1)
    kafka.allow("follower", {topic: ["READ"]}, {})
    await until_allowed(cluster(section), Rights({topic: frozenset(["READ"])}))
    async with AIOKafkaProducer(bootstrap_servers=kafka.operator) as producer:
        await producer.send_and_wait(topic, b"{}")
    follower = run("tail", "tail", "responses", "--from-beginning", settings=settings(section))
    assert follower.process.stdout is not None
    first = await asyncio.to_thread(follower.process.stdout.readline)  # from here on it follows
    kafka.forbid("follower")
    status, rest = await follower.ended()
    assert (orjson.loads(first)["offset"], rest, status) == (0, "", 2)
    assert follower.said.count("\n") == 1
    assert f"{topic} at {section['brokers']} can no longer be read (TopicAuthorizationFailedError)" in follower.said


async def test_lacking_rights_are_named_all_at_once(kafka: SecuredKafka) -> None:
    await create_topics(kafka.operator, ["in", "out"], 1, 1)
    read, write = Rights({"in": frozenset(["READ"])}), Rights({"out": frozenset(["WRITE"])})
    wanted = read | write | Rights(groups=frozenset(["members"]))
    user = cluster(kafka.certificate("newcomer"))
    with pytest.raises(RightsMissing, match="do what is needed: READ in; WRITE out; READ of the group members"):
        await reachable(user, wanted, clock=FakeClock())
    kafka.allow("newcomer", {"in": ["READ"], "out": ["READ"]}, {"members": ["READ"]})
    await until_allowed(user, read | Rights(groups=wanted.groups))
    with pytest.raises(RightsMissing, match=r"do what is needed: WRITE out\."):
        await reachable(user, wanted, clock=FakeClock())
    kafka.allow("newcomer", {"out": ["WRITE"]}, {})
    await until_allowed(user, wanted)


async def until_allowed(user: Cluster, wanted: Rights) -> None:
    """A broker learns of new ACLs a moment after they were accepted."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await reachable(user, wanted)
            except RightsMissing:
                await asyncio.sleep(0.05)


# -- the whole line --------------------------------------------------------------------------------------------------------


class Service:
    """Asks and reads the answers, over TLS, with a user that may do just that."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
        self._producer, self._consumer = producer, consumer

    @classmethod
    @asynccontextmanager
    async def connected(cls, where: Cluster) -> AsyncGenerator["Service"]:
        producer = AIOKafkaProducer(**where.arguments, acks="all")
        consumer = AIOKafkaConsumer(TOPICS.full("responses"), **where.arguments, auto_offset_reset="earliest")
        async with producer, consumer:
            yield cls(producer, consumer)

    async def send(self, request: Mapping[str, Any]) -> None:
        await self._producer.send_and_wait(TOPICS.full("requests"), orjson.dumps(request), key=b"acme")

    async def answered(self, *names: str) -> None:
        """Ask one question each, and wait for all answers."""
        for name in names:
            message = {"role": "user", "content": f"Where is my parcel {name}?"}
            await self.send(
                {
                    "tenant_id": "acme",
                    "request_id": name,
                    "user_id": "ann",
                    "messages": [message],
                }
            )
        missing = set(names)
        async with asyncio.timeout(SECONDS):
            while missing:
                record = orjson.loads((await self._consumer.getone()).value or b"{}")
                assert record["status"] == "answered"
                missing.discard(record["request_id"])


async def test_the_line_runs_with_users_that_may_do_just_what_they_need(
    kafka: SecuredKafka, run: Run, tmp_path: Path
) -> None:
    await create_missing(Cluster(kafka.operator), TOPICS, partitions=PARTITIONS)
    needs = {
        "worker": worker_needs(TOPICS),
        "sink": sink_needs(TOPICS),
        "dlq": letters_needs(TOPICS, deciding=True),
        "service": service_needs(TOPICS),
    }
    for user, rights in needs.items():
        kafka.allow(user, rights.topics, {group: ["READ"] for group in rights.groups})
    tls = kafka.authority.serving("store")
    async with (
        Simulator(SimulatorSettings(seed=1, latency=Latency(1.0))) as simulator,
        EmbeddedStore(StoreSettings(path=tmp_path / "store")) as store,
        SecuredStore(store.address, {"writer": PASSWORD}, tls=tls) as door,
    ):
        login = {"url": door.url, "username": "writer", "password": PASSWORD, "ca_file": str(kafka.authority.file)}
        shared = {"clickhouse": {**login, "flush_seconds": 0.3}}
        worker = run("worker", "worker", settings=settings(kafka.section(), simulator.address, shared))
        sink = run("sink", "sink", settings=settings({**kafka.section("sink"), "stall": 6.0}, changes=shared))
        async with Service.connected(cluster(kafka.section("service"))) as service:
            await service.answered("one", "two")
            await until_booked(tmp_path / "sink.toml", 2)
            await letters_are_replayed(kafka, service, run)
            await the_broker_restarts(kafka)
            await service.answered("three", "four")
            await until_booked(tmp_path / "sink.toml", 4)
        assert worker.process.poll() is sink.process.poll() is None
        await users_are_forgotten(kafka, worker, sink)


async def until_booked(file: Path, count: int) -> None:
    """Until the store has so many answers, asked over TLS with the sink's user."""
    config = load(file).clickhouse
    connection = Connection(config, config.url)
    question = "SELECT count() FROM requests WHERE status = 'answered'"
    try:
        async with asyncio.timeout(SECONDS):
            while (await asyncio.to_thread(connection.rows, question))[0][0] != count:
                await asyncio.sleep(0.2)
    finally:
        connection.close()


async def letters_are_replayed(kafka: SecuredKafka, service: Service, run: Run) -> None:
    """By somebody who is known by a certificate. What is wrong with it has not changed, so it comes back."""
    await service.send({"tenant_id": "acme", "request_id": "no request"})
    told = settings(kafka.certificate("dlq"))
    async with asyncio.timeout(SECONDS):
        while "1" not in (listed := (await run("list", "dlq", "list", settings=told).ended())[1]):
            await asyncio.sleep(0.2)
    assert "invalid" in listed
    replay = run("replay", "dlq", "replay", "--yes", settings=told)
    status, out = await replay.ended()
    assert (status, "1" in out) == (0, True), out + replay.said


async def the_broker_restarts(kafka: SecuredKafka) -> None:
    """Whoever asks meanwhile hears that nobody is there, or is let in; never that he is refused."""
    restarting = asyncio.create_task(asyncio.to_thread(kafka.restart))
    user, waited, seen = cluster(kafka.section()), FakeClock(), set[str]()
    while not restarting.done():
        try:
            await reachable(user, clock=waited)
        except KafkaConnectionError:
            seen.add("away")
        else:
            seen.add("there")
        await asyncio.sleep(0.02)
    await restarting
    assert "away" in seen
    assert waited.slept == []


async def users_are_forgotten(kafka: SecuredKafka, *commands: Command) -> None:
    """Connections that stand go on; when they end, so does each process, with a line. It ran, so it is started anew: its file may
    hold another password by then. Whoever is refused as it starts ends with status 2, and his supervisor with it."""
    kafka.forget("worker")
    kafka.forget("sink")
    await asyncio.to_thread(kafka.restart)
    for command in commands:
        status, _ = await command.ended()
        assert status == {"worker": 2, "sink": 1}[command.name], command.said
        assert ("starting it again" in command.said) == (command.name == "worker")
        assert "look at kafka.sasl_username and kafka.sasl_password" in command.said
        assert PASSWORD not in command.said
