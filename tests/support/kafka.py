"""A real Apache Kafka for tests: one KRaft node on free ports, its jars fetched once through Maven (`tests/pom.xml`).

`KafkaNode` is told to start, die and come back by tests of faults; what it stored survives that. Nothing outlives the
process that started it: the broker is killed with its parent, however the parent ends.
"""

import atexit
import fcntl
import hashlib
import os
import secrets
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamguard.processes import die_with_parent

ROOT = Path(__file__).parents[2]
POM = ROOT / "tests" / "pom.xml"
CACHE = ROOT / ".cache" / "kafka"
CLUSTER_ID = "c3RyZWFtZ3VhcmR0ZXN0cw"
START_SECONDS = 90.0
_ENDED_BY_SIGTERM = 143
_LOGGING = [
    f"-Dorg.slf4j.simpleLogger.{key}={value}"
    for key, value in (("defaultLogLevel", "warn"), ("showDateTime", "true"), ("dateTimeFormat", "HH:mm:ss.SSS"))
]


class KafkaUnavailable(Exception):
    """This machine cannot run Kafka, and the message says why: no Java, no Maven, or the jars cannot be fetched."""


def jars() -> Path:
    """The directory of the broker's jars; fetched on first use (about 8 s). Raises `KafkaUnavailable`."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise KafkaUnavailable(f"{tool} is not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    version = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    directory, complete = CACHE / version, CACHE / f"{version}.complete"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may come here at once
        if not complete.exists():
            fetched = subprocess.run(
                ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={directory}"],
                capture_output=True,
                text=True,
                check=False,
            )
            if fetched.returncode:
                raise KafkaUnavailable(f"Maven cannot fetch Kafka's jars: {(fetched.stdout + fetched.stderr)[-400:]}")
            complete.touch()
    return directory


def _classes(library: Path) -> Path:
    """Where the classes that a broker loads are kept as Java can map them into memory: half the CPU of a start."""
    java = hashlib.sha256(os.path.realpath(shutil.which("java") or "").encode()).hexdigest()[:8]
    return library.with_name(f"{library.name}-{java}.jsa")


class KafkaNode:
    """One broker. `start` formats and starts it in `directory`, `kill` is SIGKILL, `stop` an orderly end, and after
    either `start` brings it back on the same port with what it stored. All of them block. Start it in the main thread: the
    broker ends with the thread that started it.

    A node of a cluster gets its number, its port and `settings` that replace those of a node alone. `heap` is in MB.
    `format_with` are further arguments of the storage tool, such as users to begin with.
    """

    def __init__(
        self,
        directory: Path,
        *,
        number: int = 1,
        port: int | None = None,
        settings: Mapping[str, str | int] | None = None,
        heap: int = 512,
        format_with: Sequence[str] = (),
    ) -> None:
        found, controller = free_ports(2)
        self._directory = directory
        self._port = port or found
        self._heap = heap
        self._format_with = tuple(format_with)
        self._config = directory / "server.properties"
        self._settings = _settings(directory, number, self._port, controller) | dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._writes: Path | None = None
        self.number = number

    @property
    def brokers(self) -> str:
        """The address for clients: `host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's process id. Raises `RuntimeError` when it does not run."""
        if self._process is None:
            raise RuntimeError("the broker is not running")
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started and neither killed nor stopped since."""
        return self._process is not None

    def start(self) -> None:
        """Return when the broker answers. Raises `KafkaUnavailable`, with the end of its log, when it does not."""
        self.launch()
        self.await_answer()

    def launch(self) -> None:
        """Begin to start it, for those who start several side by side; `await_answer` is the rest. Raises
        `KafkaUnavailable`."""
        library = jars()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._config.write_text("".join(f"{key}={value}\n" for key, value in self._settings.items()))
        java = ["java", "-Xms64m", f"-Xmx{self._heap}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        java += ["-cp", f"{library}/*", *_LOGGING]
        classes, self._writes = _classes(library), None
        written = list[str]()
        if classes.exists():
            java.append(f"-XX:SharedArchiveFile={classes}")
        else:
            self._writes = classes.with_name(f"{uuid4().hex[:8]}.part")
            written = [f"-XX:ArchiveClassesAtExit={self._writes}"]
        steps = [f"exec {shlex.join([*java, *written, 'kafka.Kafka', str(self._config)])}"]
        if not (self._directory / "log" / "meta.properties").exists():
            tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._config), *self._format_with]
            steps.insert(0, shlex.join([*java, *tool]))
        with (self._directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", " && ".join(steps)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # Ctrl-C in a terminal ends the tests, and they end the broker
                preexec_fn=die_with_parent(),
            )
        atexit.register(self.kill)

    def await_answer(self) -> None:
        """The second half of `start`."""
        process = self._process
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self._port):
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaUnavailable(
                    f"the broker does not start: {(self._directory / 'broker.log').read_text()[-600:]}"
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut: no goodbye. Does nothing when it does not run."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """An orderly end, at most 15 s (60 s the first time on a machine). Does nothing when it does not run."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.kill)
        if process.poll() is None:
            for one in (how, signal.SIGCONT):  # a frozen one hears of its end when it wakes
                os.killpg(process.pid, one)
        try:
            process.wait(15 if self._writes is None else 60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._writes is not None and self._writes.exists():
            if process.returncode == _ENDED_BY_SIGTERM:
                self._writes.replace(_classes(jars()))
            self._writes.unlink(missing_ok=True)

    async def create(
        self, topics: Sequence[str], *, partitions: int = 4, configs: Mapping[str, str] | None = None
    ) -> None:
        """Create topics. Raises aiokafka's errors, also for one that exists."""
        await create_topics(self.brokers, topics, partitions, 1, configs)


async def create_topics(
    brokers: str, topics: Sequence[str], partitions: int, replication: int, configs: Mapping[str, str] | None = None
) -> None:
    """Create topics. Raises aiokafka's errors, also for one that exists."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        new = [NewTopic(name, partitions, replication, topic_configs=dict(configs or {})) for name in topics]
        await admin.create_topics(new)
    finally:
        await admin.close()


def unique(name: str) -> str:
    """A name for a topic or group that no other test uses."""
    return f"{name}-{uuid4().hex[:8]}"


def _settings(directory: Path, number: int, port: int, controller: int) -> dict[str, str | int]:
    return {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": f"{number}@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(directory / "log"),
        "log.message.timestamp.type": "LogAppendTime",
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 3000,  # a killed broker may come back only when its old session has ended
        "broker.heartbeat.interval.ms": 500,
        "group.min.session.timeout.ms": 500,  # tests of frozen workers should not have to wait long
        "log.cleaner.dedupe.buffer.size": 8 << 20,
        "log.retention.hours": -1,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }


def free_ports(count: int) -> list[int]:
    """Kafka must know its ports before it starts, so they are found and let go again. They lie below those that the kernel
    gives to outgoing connections, which would take the port of a broker while it is down."""
    sockets = list[socket.socket]()
    try:
        while len(sockets) < count:
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", 10_000 + secrets.randbelow(22_000)))
            except OSError:
                one.close()
            else:
                sockets.append(one)
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _answers(port: int) -> bool:
    """Whether a broker replies to an ApiVersions request; the port alone opens before it serves."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


def required() -> bool:
    """Whether a missing Kafka is a failure, not a reason to skip."""
    return os.environ.get("CI", "").lower() == "true"
