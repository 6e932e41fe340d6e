"""`streamguard dev` as people use it: what it says, what it mends, what it keeps, and that it leaves nothing running."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamguard import config
from tests.support.dev_line import Dev, dev_command, launch_dev, start_dev, stop_dev

pytest.importorskip("confluent_kafka")
pytest.importorskip("chdb")
pytestmark = pytest.mark.slow

SECONDS = 30.0
GOOD, BAD = [f"parcel-{number}" for number in range(9)], [f"order-{number}" for number in range(4)]
_ENDED = re.compile(r"ended ([\d,]+) \(([\d,]+) answered, ([\d,]+) refused")


class Service:
    """Sends requests and waits for the responses, as a service does that knows `dev.env` alone."""

    def __init__(self, dev: Dev) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=dev.kafka, acks="all")
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=dev.kafka, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100
        )
        self._arrived: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def of(cls, dev: Dev) -> "AsyncGenerator[Service]":
        service = cls(dev)
        async with service._producer, service._consumer:
            service._consumer.assign([TopicPartition("responses", number) for number in range(4)])
            yield service

    async def raw(self, value: bytes, key: bytes = b"tests") -> None:
        await self._producer.send_and_wait("requests", value, key=key)

    async def ask(self, name: str, **fields: Any) -> None:
        request = {
            "request_id": name,
            "tenant_id": "dev-tests",
            "user_id": f"user-of-{name}",
            "feature": "chat",
            "messages": [{"role": "user", "content": f"When does {name} arrive?"}],
            **fields,
        }
        await self.raw(orjson.dumps(request), b"dev-tests")

    async def ends(self, names: Sequence[str]) -> Mapping[str, str]:
        """The status of each of these requests, once all have ended."""
        async with asyncio.timeout(SECONDS):
            while not set(names) <= self._arrived.keys():
                for records in (await self._consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        response = orjson.loads(record.value or b"{}")
                        self._arrived[response["request_id"]] = response["status"]
        return {name: self._arrived[name] for name in names}


def rows(url: str, sql: str) -> str:
    answer = httpx.get(url, params={"query": sql, "database": "streamguard"}, trust_env=False, timeout=10.0)
    return answer.raise_for_status().text.strip()


async def until(dev: Dev, holds: Callable[[str], bool]) -> str:
    """What dev has printed, once this holds for it."""
    begun = time.monotonic()
    while not holds(printed := dev.printed.read_text()):
        assert dev.process.poll() is None, printed
        assert time.monotonic() - begun < SECONDS, printed
        await asyncio.sleep(0.05)
    return printed


def told(printed: str) -> tuple[int, int, int]:
    """Requests ended, answered and refused, summed over all lines of state."""
    found = _ENDED.findall(printed)
    ended, answered, refused = (sum(int(match[place].replace(",", "")) for match in found) for place in range(3))
    return ended, answered, refused


def children(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def kill(dev: Dev, *words: str) -> None:
    """SIGKILL for the process of dev whose command line holds these words."""
    next(child for child in children(dev.process) if set(words) <= set(child.cmdline())).kill()


def assert_gone(processes: Sequence[psutil.Process]) -> None:
    assert processes
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == [], "left running"


@pytest.mark.timeout(240)
async def test_it_tells_true_numbers_mends_what_dies_and_keeps_its_rows(tmp_path: Path) -> None:
    dev = start_dev(tmp_path, "--every", "0.5")
    try:
        async with Service.of(dev) as service:
            for name in GOOD:
                await service.ask(name)
            for name in BAD:
                await service.ask(name, consent={"processing": False})
            await service.raw(b"no json")
            ends = await service.ends([*GOOD, *BAD])
            assert [ends[name] for name in (*GOOD, *BAD)] == ["answered"] * 9 + ["refused"] * 4
            printed = await until(
                dev, lambda printed: told(printed)[0] >= 13 and "under way 0 · dead letters 1 " in printed
            )
            assert told(printed) == (13, 9, 4)
            assert max(int(count) for count in re.findall(r"under way (\d+)", printed)) <= 14
            costs = sum(float(cost) for cost in re.findall(r"\$([\d.]+)", printed))
            assert costs == pytest.approx(float(rows(dev.clickhouse, "SELECT sum(cost) FROM requests")), abs=1e-9)
            assert costs > 0

            kill(dev, "worker")
            await until(dev, lambda printed: "process worker-0 ended with signal SIGKILL: starting it again" in printed)
            kill(dev, "store", "streamguard-dev/store")
            await service.ask("after")
            assert await service.ends(["after"]) == {"after": "answered"}
            printed = await until(dev, lambda printed: told(printed)[0] >= 14)
            assert told(printed) == (14, 10, 4)
            assert "restarts 2 " in printed.splitlines()[-1]
            assert rows(dev.clickhouse, "SELECT count() FROM requests") == "14"
            assert int(rows(dev.payloads, "SELECT count() FROM payloads")) > 0
        running = children(dev.process)
        dev.process.send_signal(signal.SIGINT)
        assert dev.process.wait(SECONDS) == 0
        assert_gone(running)
        assert not (dev.folder / "dev.env").exists()
        await goes_on(tmp_path)
    finally:
        stop_dev(dev)


async def goes_on(directory: Path) -> None:
    """A second run in the folder, with fourteen requests in its store, and a variable that would lead it astray."""
    elsewhere = {"STREAMGUARD_KAFKA__PREFIX": "elsewhere."}
    dev = start_dev(directory, "--every", "0.5", "--processes", "2", environment=elsewhere)
    try:
        assert "STREAMGUARD_KAFKA__PREFIX of the environment set nothing here" in dev.printed.read_text()
        assert "kept from before: 14 requests" in dev.printed.read_text()
        async with Service.of(dev) as service:
            for name in (*GOOD, *BAD):  # they come to lie where others lay before
                await service.ask(name)
            await service.ends([*GOOD, *BAD])
        assert told(await until(dev, lambda printed: told(printed)[0] >= 13))[0] == 13
        assert rows(dev.clickhouse, "SELECT count() FROM requests") == "27"

        second = subprocess.run(dev_command(), cwd=directory, capture_output=True, text=True, check=False, timeout=30)
        assert (second.returncode, second.stdout) == (2, "")
        assert "another dev is running in it" in second.stderr
        assert len(second.stderr.splitlines()) == 1

        running = children(dev.process)
        kill(dev, "broker")
        assert dev.process.wait(SECONDS) == 1
        *_, last = dev.printed.read_text().splitlines()
        assert "process broker ended with signal SIGKILL; what it held is gone" in last
        assert_gone(running)
    finally:
        stop_dev(dev)


async def test_nothing_outlives_a_dev_that_is_stopped_while_it_starts_or_killed(tmp_path: Path) -> None:
    old = tmp_path / "streamguard-dev" / "store" / "old"
    old.parent.mkdir(parents=True)
    old.touch()
    (tmp_path / "streamguard-dev" / ".streamguard-dev").touch()
    for number, status, fresh in ((signal.SIGINT, 0, ()), (signal.SIGKILL, -signal.SIGKILL, ("--fresh",))):
        process = launch_dev(tmp_path, *fresh)
        try:
            began = await children_of(process, "worker")
            assert len(began) >= 5
            assert old.exists() == (not fresh)
            process.send_signal(number)
            assert process.wait(SECONDS) == status
            assert_gone(began)
        finally:
            process.kill()


async def children_of(process: "subprocess.Popen[bytes]", command: str) -> list[psutil.Process]:
    """All its children, once there is one that runs this command."""
    begun = time.monotonic()
    while time.monotonic() - begun < SECONDS:
        found = children(process)
        with suppress(psutil.Error):
            if any(command in child.cmdline() for child in found):
                return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {command} was started")


def test_commands_that_follow_its_environment_reach_it_and_read_only(dev: Dev) -> None:
    sql = "SELECT count() FROM requests"
    asked = [sys.executable, "-P", "-m", "streamguard", "query", "--json", sql]
    told = subprocess.run(asked, env=dev.environment, capture_output=True, text=True, check=False, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")
    for url, table in ((dev.clickhouse, "requests"), (dev.payloads, "payloads")):
        refused = httpx.post(
            url, params={"database": "streamguard"}, content=f"TRUNCATE TABLE {table}", trust_env=False
        )
        assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert dev.config.stat().st_mode & 0o077 == 0, "others can read keys"
    configured = config.load(dev.config).clickhouse
    assert (configured.read_url, configured.payloads_read_url) == (dev.clickhouse, dev.payloads)
    assert configured.url not in dev.env.values()
    assert httpx.get(f"{dev.simulator}/_sim/calls", trust_env=False).is_success
