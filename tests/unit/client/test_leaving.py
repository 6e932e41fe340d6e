"""What is left behind by those who leave: a client, or a stream at any moment."""

import asyncio
from contextlib import aclosing

import pytest

from streamguard.client import Client, Closed, FakeWire


async def test_a_client_that_was_left_can_be_entered_again() -> None:
    client = Client("", wire=FakeWire(lambda request: f"about {request.user_id}"))
    for user in ("u-1", "u-2"):
        async with client:
            request = client.request(tenant_id="acme", user_id=user, messages="x")
            assert (await client.ask(request)).output == f"about {user}"
        with pytest.raises(Closed):
            await client.ask(request)


class SlowWire(FakeWire):
    """Follows chunks after three turns of the event loop, whoever calls it off meanwhile."""

    async def follow_chunks(self) -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                continue
        await super().follow_chunks()


@pytest.mark.parametrize("kind", [FakeWire, SlowWire])
@pytest.mark.parametrize("turns", range(10))
async def test_whoever_is_called_off_at_any_moment_follows_chunks_no_longer(kind: type[FakeWire], turns: int) -> None:
    wire = kind(lambda request: None)
    async with Client("", wire=wire) as client:

        async def read() -> None:
            request = client.request(tenant_id="acme", user_id="u", messages="x")
            async with aclosing(client.stream(request)) as events:
                async for _ in events:
                    pass

        reading = asyncio.create_task(read())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        for _ in range(10):
            await asyncio.sleep(0)
        assert wire.followers == 0
