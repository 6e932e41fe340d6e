"""`streamguard broker`, `store` and `simulator` as processes: one line when ready, a clean end, one line for mistakes."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

STREAMGUARD = (sys.executable, "-m", "streamguard")


@asynccontextmanager
async def running(*arguments: str) -> AsyncGenerator[str]:
    """The address of a part started as a process. It must end with status 0 on SIGTERM, having said nothing more."""
    process = await asyncio.create_subprocess_exec(*STREAMGUARD, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("listening on 127.0.0.1:")
        yield line.removeprefix("listening on ").strip()
        process.send_signal(signal.SIGTERM)
        rest, _ = await asyncio.wait_for(process.communicate(), 15)
        assert (process.returncode, rest) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_broker_has_the_lines_topics_under_their_prefix() -> None:
    arguments = ("--prefix", "try.", "--partitions", "3", "--topic", "mine:2")
    async with running("broker", *arguments) as address, AIOKafkaProducer(bootstrap_servers=address) as producer:
        assert await producer.partitions_for("try.requests") == {0, 1, 2}
        assert await producer.partitions_for("mine") == {0, 1}


async def test_the_simulator_takes_faults_and_says_where_it_is(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    arguments = ("--latency-ms", "0", "--fault", "openai/gpt-4o:unavailable=1", "--ready-file", str(ready))
    async with running("simulator", *arguments) as address, httpx.AsyncClient() as client:
        assert ready.read_text() == address + "\n"
        for model, status in [("gpt-4o", 503), ("gpt-4o-mini", 200)]:
            asked = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
            response = await client.post(f"http://{address}/openai/v1/chat/completions", json=asked)
            assert response.status_code == status


async def test_a_calm_stop_does_not_wait_for_a_hanging_call() -> None:
    async with running("simulator", "--fault", "hang=1") as address, httpx.AsyncClient() as client:
        asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
        call = asyncio.create_task(client.post(f"http://{address}/v1/chat/completions", json=asked, timeout=10))
        async with asyncio.timeout(5):
            while (await client.get(f"http://{address}/_sim/calls")).json()["in_flight"] == 0:
                await asyncio.sleep(0.01)
    with pytest.raises(httpx.HTTPError):
        await call


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("simulator", "--fault", "meteor=1"), "unknown fault 'meteor'; there are: rate_limited,"),
        (("simulator", "--fault", "hang=often"), "'often' is no share between 0 and 1"),
        (("broker", "--topic", "mine:none"), "'mine:none' is not NAME or NAME:PARTITIONS"),
        (("store", "--path", "/proc/nowhere"), "the store's path cannot be used"),
    ],
)
async def test_a_mistake_is_one_line_and_status_2(arguments: tuple[str, ...], said: str) -> None:
    process = await asyncio.create_subprocess_exec(*STREAMGUARD, *arguments, stderr=asyncio.subprocess.PIPE)
    _, words = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert said in words.decode()
    assert words.count(b"\n") == 1


async def test_a_taken_port_is_one_line_too() -> None:
    async with running("simulator") as address:
        port = address.rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(
            *STREAMGUARD, "simulator", "--port", port, stderr=asyncio.subprocess.PIPE
        )
        _, words = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b"cannot listen" in words
    assert words.count(b"\n") == 1


@pytest.mark.parametrize(("part", "library"), [("broker", "confluent_kafka"), ("store", "chdb")])
async def test_a_missing_extra_says_what_to_install(part: str, library: str, tmp_path: Path) -> None:
    program = (
        f"import importlib.util as u, sys; sys.modules[{library!r}] = None; real = u.find_spec;"
        f"u.find_spec = lambda name, *a: None if name == {library!r} else real(name, *a);"
        "from streamguard.cli import main; main()"
    )
    arguments = ("store", "--path", str(tmp_path / "s")) if part == "store" else ("broker",)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, words = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b"pip install 'streamguard[embedded]'" in words
    assert words.count(b"\n") == 1
