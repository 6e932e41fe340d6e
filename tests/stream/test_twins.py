"""Two processes with one instance id on a real Kafka: the second is refused before it joins, and the first does not notice."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.crew import Crew, calls
from tests.support.kafka import KafkaNode
from tests.support.started import Start, ended

pytestmark = pytest.mark.slow

SESSION = 4.0


async def test_a_twin_is_refused_on_the_same_host_and_on_another_and_the_first_is_left_undisturbed(
    kafka: KafkaNode, tmp_path: Path, start: Start
) -> None:
    async with Crew(kafka, tmp_path, session=SESSION) as crew:
        crew.start("a")
        await crew.send(calls(1500, slow=0.0))
        await crew.called(10)
        first = crew.pids["a"]
        taken = f"InstanceTaken: {crew.group}: the instance a is taken by process {first} on here"
        twins = [start(crew.command("a")), start(crew.command("a", host="there", lock_dir=tmp_path / "there"))]
        (status, line), (other_status, other_line) = await asyncio.gather(*map(ended, twins))
        assert (status, other_status) == (2, 2)
        assert f"{taken}, which goes on: stop that one, or give this one a worker.instance of its own" in line
        assert f"{taken}, at 127.0.0.1, which goes on" in other_line
        await crew.drained()
        report = await crew.audit()
        assert crew.pids["a"] == first
        assert crew.log.count(" INFO took ") == 1
        assert "commit refused" not in crew.log
        crew.freeze("a")  # nobody can tell it from one that works: its lock is held
        status, line = await ended(start(crew.command("a")))
        assert status == 2
        assert taken in line
    report.assert_clean()
    assert report.repeated == 0


async def test_a_killed_worker_is_followed_at_once_though_its_member_is_still_in_the_group(
    kafka: KafkaNode, tmp_path: Path, start: Start
) -> None:
    async with Crew(kafka, tmp_path, session=25.0) as crew:
        worker = start(crew.command("a"))
        await crew.send(calls(300, slow=0.0))
        await crew.called(10)
        began = time.monotonic()
        for kill in range(2):  # of a chain of processes the group knows the first one's client id, the last one's note
            worker.kill()
            worker.wait()
            worker = start(crew.command("a"))
            await crew.called(100 + 60 * kill)
        assert time.monotonic() - began < 25  # before the session of the first has ended
        await crew.drained()
        report = await crew.audit()
    report.assert_clean()


async def test_one_that_slept_through_its_successors_start_leaves_and_the_successor_goes_on(
    kafka: KafkaNode, tmp_path: Path, start: Start
) -> None:
    """To the group a frozen process is a dead one, so another host's may take its place. Thawed, it must not take that back."""
    async with Crew(kafka, tmp_path, session=SESSION) as crew:
        sleeper = start(crew.command("a"))
        await crew.send(calls(600, slow=0.0))
        await crew.called(20)
        os.kill(sleeper.pid, signal.SIGSTOP)
        before = len(crew.calls)
        successor = start(crew.command("a", host="there", lock_dir=tmp_path / "there"))
        await crew.called(before + 50)
        os.kill(sleeper.pid, signal.SIGCONT)
        status, line = await ended(sleeper)
        assert status == 2
        assert f"the instance a is taken by process {successor.pid} on there" in line
        await crew.drained()
        report = await crew.audit()
        successor.terminate()
        _, log = await asyncio.to_thread(successor.communicate, timeout=15)
    report.assert_clean()
    assert successor.returncode == 0
    assert log.count(" INFO took ") == 1


async def test_of_two_that_start_at_the_same_moment_on_two_hosts_one_remains(
    kafka: KafkaNode, tmp_path: Path, start: Start
) -> None:
    async with Crew(kafka, tmp_path, session=SESSION) as crew:
        await crew.send(calls(400, slow=0.0))
        twins = [start(crew.command("a", host=f"host{n}", lock_dir=tmp_path / f"host{n}")) for n in range(2)]
        await crew.until(lambda: any(twin.poll() is not None for twin in twins), 60)
        host = next(n for n, twin in enumerate(twins) if twin.poll() is not None)
        status, line = await ended(twins[host])
        if status == 1:
            # Both had looked before either joined. Kafka lets the later one in, and aiokafka knows no word for what it tells the
            # other, which never gets partitions, gives up and is started again.
            assert "Stalled" in line
            again = start(crew.command("a", host=f"host{host}", lock_dir=tmp_path / f"host{host}"))
            status, line = await ended(again)
        assert status == 2, line
        assert "InstanceTaken" in line
        await crew.drained()
        report = await crew.audit()
        assert [twin.poll() for twin in twins].count(None) == 1
    assert report.lost == []
