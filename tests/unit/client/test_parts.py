"""The client's parts: who is given what, how far is looked back, what is imported."""

import asyncio
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

import streamguard.client
from streamguard.client import FakeWire, Unreachable, answered
from streamguard.client.requests import NewIds, new_id
from streamguard.client.searching import Searches
from streamguard.client.waiting import Name, Waiting
from streamguard.client.wire import CHUNKS, RESPONSES, Received
from streamguard.clock import FakeClock
from streamguard.events.chunk import Chunk
from streamguard.events.codec import encode
from streamguard.events.outcome import Response
from streamguard.events.request import Message, Request


def request(name: str, tenant: str = "acme", conversation: str | None = None) -> Request:
    return Request(
        request_id=name,
        tenant_id=tenant,
        user_id="u",
        conversation_id=conversation,
        messages=(Message(role="user", content="x"),),
    )


def received(one: Request, output: str = "yes", run: int = 1) -> Received:
    return Received(RESPONSES, one.conversation_key.encode(), encode(answered(one, output, run=run)))


def name(one: Request) -> Name:
    return Name(one.tenant_id, one.request_id)


# -- who waits ---------------------------------------------------------------------------------------------------------


async def test_of_one_conversation_each_request_gets_its_own() -> None:
    waiting, first, second = Waiting(), request("r-1", conversation="c"), request("r-2", conversation="c")
    with (
        waiting.expect(name(first), first.conversation_key) as one,
        waiting.expect(name(second), second.conversation_key) as two,
    ):
        waiting.take(received(second, "second"))
        waiting.take(received(first, "first"))
        came = [await one.next(), await two.next()]
    assert [response.output for response in came if isinstance(response, Response)] == ["first", "second"]
    assert len(waiting) == 0


async def test_who_does_not_know_the_conversation_is_found_by_its_tenant() -> None:
    waiting, one = Waiting(), request("r-1", conversation="c")
    with waiting.expect(name(one), None) as waiter:
        waiting.take(received(one))
        assert isinstance(await waiter.next(), Response)


def test_records_that_nobody_waits_for_are_not_even_read(caplog: pytest.LogCaptureFixture) -> None:
    waiting, mine = Waiting(), request("r-1", conversation="c")
    with waiting.expect(name(mine), mine.conversation_key):
        waiting.take(Received(RESPONSES, b"acme/other", b"no JSON: to decode this would be told in the log"))
        waiting.take(Received(RESPONSES, b"globex/c", b"no JSON"))
        assert caplog.text == ""
        waiting.take(Received(RESPONSES, b"acme/c", b"no JSON"))
        assert "undecodable" in caplog.text


async def test_a_record_that_cannot_be_read_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    waiting, mine = Waiting(), request("r-1")
    with waiting.expect(name(mine), mine.conversation_key) as waiter:
        waiting.take(Received(RESPONSES, mine.conversation_key.encode(), b'{"secret": "text"}'))
        waiting.take(received(mine))
        assert isinstance(await waiter.next(), Response)
    assert "invalid_record" in caplog.text
    assert "secret" not in caplog.text


async def test_one_failure_told_a_thousand_times_does_not_grow() -> None:
    waiting, mine = Waiting(), request("r-1")

    def frames() -> int:
        try:
            with waiting.expect(name(mine), mine.conversation_key):
                raise AssertionError
        except Unreachable as failure:
            return len(list(traceback.walk_tb(failure.__traceback__)))

    waiting.fail(Unreachable("gone"))
    assert {frames() for _ in range(1000)} == {frames()}


async def test_chunks_go_to_those_who_follow_them() -> None:
    waiting, mine = Waiting(), request("r-1")
    chunk = Chunk(request_id="r-1", tenant_id="acme", stream=1, seq=0, text="a")
    with (
        waiting.expect(name(mine), mine.conversation_key) as plain,
        waiting.expect(name(mine), mine.conversation_key, chunks=True) as following,
    ):
        waiting.take(Received(CHUNKS, mine.conversation_key.encode(), encode(chunk)))
        waiting.take(received(mine))
        assert isinstance(await plain.next(), Response)
        assert await following.next() == chunk


# -- looking back ------------------------------------------------------------------------------------------------------


class Past(FakeWire):
    """Two partitions of blocks, the newest first."""

    def __init__(self, *places: Sequence[Sequence[Received]]) -> None:
        super().__init__(lambda request: None)
        self._past = places
        self.blocks = 0
        self.fails = 0

    @property
    def places(self) -> int:
        return len(self._past)

    def place(self, key: str) -> int:
        return 0

    async def backwards(self, place: int, since_us: int) -> AsyncIterator[Sequence[Received]]:
        self.looked += 1
        if self.fails:
            self.fails -= 1
            raise Unreachable("no broker")
        for block in self._past[place]:
            self.blocks += 1
            await asyncio.sleep(0)
            yield block


def searches(wire: Past) -> Searches:
    return Searches(wire, FakeClock(), 3600)


async def test_the_newest_run_is_found_and_nothing_older_is_read() -> None:
    one, other = request("r-1"), request("r-2")
    wire = Past([[received(other)], [received(one, "old", 1), received(one, "new", 2)], [received(one, "older", 1)]])
    found = await searches(wire).find(name(one), one.conversation_key)
    assert found is not None
    assert (found.output, found.run, wire.blocks) == ("new", 2, 2)


async def test_what_is_not_there_is_not_found() -> None:
    one, other = request("r-1"), request("r-1", tenant="globex")
    assert await searches(Past([[received(other)], []])).find(name(one), one.conversation_key) is None


async def test_without_the_conversation_all_partitions_are_looked_through() -> None:
    one = request("r-1", conversation="c")
    wire = Past([[received(request("r-2"))]], [[received(one, "here")]])
    found = await searches(wire).find(name(one), None)
    assert found is not None
    assert found.output == "here"


async def test_many_who_look_share_a_reading() -> None:
    many = [request(f"r-{number}") for number in range(50)]
    wire = Past([[received(one, one.request_id) for one in many]])
    looking = searches(wire)
    found = await asyncio.gather(*(looking.find(name(one), one.conversation_key) for one in many))
    assert [one.output for one in found if one] == [one.request_id for one in many]
    assert wire.looked == 1


async def test_who_comes_while_it_reads_is_served_by_the_next_reading() -> None:
    first, late = request("r-1"), request("r-2")
    wire = Past([[received(late, "late")], [received(first, "first")]])
    looking = searches(wire)
    finding = asyncio.create_task(looking.find(name(first), first.conversation_key))
    while not wire.blocks:
        await asyncio.sleep(0)
    found = await looking.find(name(late), late.conversation_key)
    assert found is not None
    assert found.output == "late"
    assert (await finding) is not None
    assert wire.looked == 2


async def test_nothing_more_is_read_once_nobody_looks_any_more() -> None:
    one = request("r-1")
    wire = Past([[received(request("r-2"))]] * 1000)
    finding = asyncio.create_task(searches(wire).find(name(one), one.conversation_key))
    while wire.blocks < 3:
        await asyncio.sleep(0)
    finding.cancel()
    await asyncio.gather(finding, return_exceptions=True)
    read = wire.blocks
    for _ in range(50):
        await asyncio.sleep(0)
    assert wire.blocks <= read + 1


async def test_what_is_found_in_one_partition_waits_for_no_other() -> None:
    one = request("r-1", conversation="c")
    wire = Past([[received(one, "here")]], [[received(request("r-2"))]] * 1_000_000)
    async with asyncio.timeout(5):
        found = await searches(wire).find(name(one), None)
    assert found is not None
    assert found.output == "here"
    assert wire.blocks < 100


async def test_a_broker_that_is_away_is_asked_again() -> None:
    one = request("r-1")
    wire = Past([[received(one)]])
    wire.fails = 2
    assert await searches(wire).find(name(one), one.conversation_key) is not None
    assert wire.looked == 3


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_id(1_800_000_000_000_000 + 1000 * number) for number in range(1000)]
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)
    one = UUID(ids[0])
    assert (one.version, one.variant, one.int >> 80) == (7, "specified in RFC 4122", 1_800_000_000_000)


def test_an_id_is_new_until_it_is_sent_and_only_the_latest_are_remembered() -> None:
    ids = NewIds()
    for number in range(10_001):
        ids.add(str(number))
    assert [ids.sent("0"), ids.sent("1"), ids.sent("1"), ids.sent("foreign")] == [False, True, False, False]


def test_the_face_is_what_it_says() -> None:
    assert sorted(streamguard.client.__all__) == streamguard.client.__all__
    assert all(hasattr(streamguard.client, one) for one in streamguard.client.__all__)


def test_a_service_loads_neither_the_stages_nor_faust_nor_the_configuration() -> None:
    program = "import sys, streamguard.client; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    loaded = set(done.stdout.split())
    heavy = {"faust", "numpy", "httpx", "prometheus_client"}
    heavy |= {f"streamguard.{room}" for room in ("config", "stages", "stream", "intake", "checks", "providers")}
    assert not heavy & loaded
    assert "streamguard.client" in loaded
