"""What a client promises, over a line in memory and on a clock that jumps."""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from streamguard.client import (
    Client,
    Closed,
    FakeWire,
    NotAnswered,
    NotSent,
    Request,
    Response,
    Told,
    Unreachable,
    answered,
)
from streamguard.client.fake import Answer
from streamguard.events.chunk import Chunk
from tests.support.virtual_time import VirtualClock, in_virtual_time


class World:
    """A client, its line, and the time."""

    def __init__(self, answer: Answer = lambda request: f"about {request.user_id}", **settings: Any) -> None:
        self.clock = VirtualClock()
        self.wire = FakeWire(answer)
        self.client = Client("", wire=self.wire, clock=self.clock, **settings)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        async def entered() -> None:
            async with self.client:
                await main

        in_virtual_time(self.clock, entered())

    def request(self, user: str = "u-1", **fields: Any) -> Request:
        return self.client.request(tenant_id="acme", user_id=user, messages="Where is my parcel?", **fields)

    @property
    def cancelled(self) -> list[str]:
        return [one.request_id for one in self.wire.cancellations]


def silent(_: Request) -> None:
    return None


async def shown(client: Client, request: Request, **how: Any) -> tuple[str, Response]:
    """What a reader holds who does as it is told, and the response."""
    text = ""
    async with aclosing(client.stream(request, **how)) as events:
        async for event in events:
            if isinstance(event, Response):
                return text, event
            text = text + event.text if event.kind in ("text", "final") else ""
    raise AssertionError("no response")


def test_each_of_many_gets_its_own_response() -> None:
    world = World()

    async def main() -> None:
        requests = [world.request(f"u-{number}") for number in range(200)]
        responses = await asyncio.gather(*map(world.client.ask, requests))
        assert [one.request_id for one in responses] == [one.request_id for one in requests]
        assert [one.output for one in responses] == [f"about u-{number}" for number in range(200)]

    world.run(main())


def test_a_refusal_is_a_response() -> None:
    world = World(lambda request: answered(request, None, status="refused", reason="prompt_injection"))

    async def main() -> None:
        response = await world.client.ask(world.request())
        assert (response.status, response.reason) == ("refused", "prompt_injection")

    world.run(main())


def test_nobody_pays_for_an_answer_that_nobody_waits_for() -> None:
    world = World(silent)

    async def main() -> None:
        request = world.request()
        with pytest.raises(NotAnswered, match=request.request_id):
            await world.client.ask(request, timeout=3)
        assert world.clock.seconds == 3
        [sent] = world.wire.requests
        assert sent.deadline == VirtualClock().now_us() + 3_000_000
        await asyncio.sleep(0.1)
        assert world.cancelled == [request.request_id]

    world.run(main())


def test_an_error_of_time_is_a_timeout_error() -> None:
    world = World(silent)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await world.client.ask(world.request())
        assert world.clock.seconds == 30

    world.run(main())


def test_a_deadline_of_the_service_stands() -> None:
    world = World()

    async def main() -> None:
        await world.client.ask(world.request(deadline=7))
        assert world.wire.requests[0].deadline == 7

    world.run(main())


def test_a_trace_travels_with_the_request() -> None:
    world, trace = World(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def main() -> None:
        await world.client.ask(world.request(), traceparent=trace)
        await world.client.ask(world.request())
        assert world.wire.traces == [trace, None]

    world.run(main())


def test_a_task_that_is_cancelled_stops_its_request() -> None:
    world = World(silent)

    async def main() -> None:
        request = world.request()
        task = asyncio.create_task(world.client.ask(request))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        assert world.cancelled == [request.request_id]

    world.run(main())


def test_what_is_to_be_kept_goes_on_and_is_collected_by_asking_again() -> None:
    world = World(silent, keep=True)

    async def main() -> None:
        request = world.request()
        with pytest.raises(NotAnswered):
            await world.client.ask(request, timeout=3)
        assert world.wire.requests[0].deadline is None
        world.wire.say(answered(request, "late"))
        response = await world.client.ask(request)
        assert response.output == "late"
        assert world.clock.seconds == pytest.approx(3)
        assert world.cancelled == []

    world.run(main())


def test_asked_again_by_another_client_the_first_answer_is_found() -> None:
    """As after a crash between sending and the answer."""
    calls: list[str] = []

    def once(request: Request) -> str:
        calls.append(request.request_id)
        return "the first answer"

    first = World(once)
    request = first.request()

    async def send_and_crash() -> None:
        await first.client.send(request)

    first.run(send_and_crash())
    second = World()
    second.wire = first.wire
    second.client = Client("", wire=first.wire, clock=second.clock)

    async def main() -> None:
        assert (await second.client.ask(request)).output == "the first answer"
        assert (await second.client.response("acme", request.request_id)).output == "the first answer"

    second.run(main())
    assert calls == [request.request_id]


def test_nothing_is_read_back_for_ids_that_are_certainly_new() -> None:
    world = World(silent)

    async def main() -> None:
        world.wire.looked = 0
        for again, looks in ((None, 0), (False, 0), (None, 1), (True, 1)):
            request = world.request() if looks == 0 else world.request(request_id=f"order-{again}")
            with pytest.raises(NotAnswered):
                await world.client.ask(request, again=again, timeout=1)
            assert world.wire.looked == looks, (again, looks)
            world.wire.looked = 0

    world.run(main())


def test_an_id_is_new_only_once() -> None:
    world = World(silent)

    async def main() -> None:
        request = world.request()
        for looks in (0, 1):
            world.wire.looked = 0
            with pytest.raises(NotAnswered):
                await world.client.ask(request, timeout=1, keep=True)
            assert world.wire.looked == looks

    world.run(main())


def test_two_who_ask_the_same_get_the_same() -> None:
    world = World(silent)

    async def main() -> None:
        request = world.request()
        both = asyncio.gather(world.client.ask(request), world.client.ask(request))
        await asyncio.sleep(1)
        world.wire.say(answered(request, "once"))
        world.wire.say(answered(request, "once"))  # a redelivery
        assert [one.output for one in await both] == ["once", "once"]

    world.run(main())


def test_who_gives_up_takes_the_answer_from_nobody_else_who_waits_for_it() -> None:
    world = World(silent)

    async def main() -> None:
        request = world.request()
        patient = asyncio.create_task(world.client.ask(request, timeout=20))
        await asyncio.sleep(0.1)
        with pytest.raises(NotAnswered):
            await world.client.ask(request, timeout=1)
        await asyncio.sleep(0.1)
        assert world.cancelled == []
        with pytest.raises(NotAnswered):
            await patient
        await asyncio.sleep(0.1)
        assert world.cancelled == [request.request_id]

    world.run(main())


def test_another_tenants_request_of_that_id_is_another() -> None:
    world = World(silent)

    async def main() -> None:
        request = world.request(request_id="r-1")
        other = world.client.request(tenant_id="globex", user_id="u", messages="x", request_id="r-1")
        asking = asyncio.create_task(world.client.ask(request))
        await asyncio.sleep(1)
        world.wire.say(answered(other, "not yours"))
        await asyncio.sleep(1)
        assert not asking.done()
        world.wire.say(answered(request, "yours"))
        assert (await asking).output == "yours"

    world.run(main())


def test_a_stream_tells_what_to_show_and_ends_with_the_response() -> None:
    def pieces(request: Request) -> list[Chunk | Response]:
        part = {"request_id": request.request_id, "tenant_id": request.tenant_id, "stream": 1}
        chunks = [Chunk.model_validate({**part, "seq": n, "text": text}) for n, text in enumerate(("Hel", "lo", "!"))]
        return [*chunks[:2], answered(request, "Hello!"), chunks[2]]  # two topics: the last piece may come later

    world = World(pieces)

    async def main() -> None:
        text, response = await shown(world.client, world.request())
        assert (text, response.output) == ("Hello!", "Hello!")
        assert world.wire.requests[0].stream
        assert world.wire.followers == 0

    world.run(main())


def test_an_answer_without_chunks_is_told_whole() -> None:
    world = World()

    async def main() -> None:
        events = [event async for event in world.client.stream(world.request())]
        assert events[:-1] == [Told("text", "about u-1"), Told("final")]
        assert isinstance(events[-1], Response)

    world.run(main())


def test_whoever_leaves_a_stream_gives_it_up() -> None:
    def begun(request: Request) -> list[Chunk | Response]:
        return [Chunk(request_id=request.request_id, tenant_id=request.tenant_id, stream=1, seq=0, text="He")]

    world = World(begun)

    async def main() -> None:
        request = world.request()
        async with aclosing(world.client.stream(request)) as events:
            async for event in events:
                assert event == Told("text", "He")
                break
        await asyncio.sleep(0.1)
        assert world.cancelled == [request.request_id]
        assert world.wire.followers == 0

    world.run(main())


def test_whoever_leaves_a_stream_that_has_ended_stops_nothing() -> None:
    world = World()

    async def main() -> None:
        await shown(world.client, world.request())
        await asyncio.sleep(0.1)
        assert world.cancelled == []

    world.run(main())


def test_a_request_that_kafka_does_not_take_is_not_sent() -> None:
    world = World()
    world.wire.refuse = "MessageSizeTooLargeError"

    async def main() -> None:
        request = world.request()
        with pytest.raises(NotSent) as raised:
            await world.client.ask(request)
        assert raised.value.cause == "MessageSizeTooLargeError"
        assert "parcel" not in str(raised.value)

    world.run(main())


def test_who_waits_is_told_when_nothing_comes_any_more() -> None:
    world = World(silent)

    async def main() -> None:
        asking = asyncio.create_task(world.client.ask(world.request()))
        await asyncio.sleep(1)
        world.wire.fail(Unreachable("responses cannot be read any more"))
        with pytest.raises(Unreachable):
            await asking
        with pytest.raises(Unreachable):
            await world.client.ask(world.request())
        assert world.clock.seconds == pytest.approx(1)

    world.run(main())


async def test_a_client_that_is_not_open_says_so() -> None:
    client = Client("", wire=FakeWire(lambda request: "x"))
    request = client.request(tenant_id="acme", user_id="u", messages="x")
    for asking in (client.ask(request), client.send(request), client.cancel("acme", "r"), client.response("acme", "r")):
        with pytest.raises(Closed):
            await asking
    async with client:
        waiting = asyncio.create_task(client.response("acme", "r-never"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with pytest.raises(Closed):
        await waiting
