"""A simulated provider that knows idempotency keys."""

import asyncio

import pytest

from streamguard.dev.simulator import Fault
from tests.support.simulated import ANTHROPIC, OPENAI, Api, simulated

APIS = pytest.mark.parametrize("api", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])


@APIS
async def test_a_key_that_comes_again_brings_the_same_answer_and_is_charged_once(api: Api) -> None:
    async with simulated(idempotent=True) as client:
        first = await client.ask(api, api.body(), key="a")
        paid = (await client.last_call())["cost_nusd"]
        second = await client.ask(api, api.body(), key="a")
        again = await client.last_call()
        other = await client.ask(api, api.body(), key="b")
        unnamed = await client.ask(api, api.body())
        report = client.simulator.ledger.report(detail=True)
    assert first.body == second.body
    assert first.json["id"] not in (other.json["id"], unnamed.json["id"])
    assert (again["finished"], again["repeated"], again["cost_nusd"]) == (True, True, 0)
    assert [call["repeated"] for call in report["detail"]] == [False, True, False, False]
    assert paid > 0
    assert [call["cost_nusd"] > 0 for call in report["detail"]] == [True, False, True, True]


@APIS
async def test_an_answer_that_was_cut_is_asked_for_again_and_charged_in_full_once(api: Api) -> None:
    for stream, fault in ((False, Fault.RESET), (True, Fault.RESET), (True, Fault.STREAM_ERROR)):
        async with simulated(fault, times=1, idempotent=True) as client:
            await client.ask(api, api.body(stream=stream), key="a")
            cut = await client.last_call()
            whole = await client.ask(api, api.body(stream=stream), key="a")
            rest = await client.last_call()
            await client.ask(api, api.body(stream=stream), key="b")
            plain = await client.last_call()
        assert whole.ended
        assert (cut["finished"], rest["finished"], rest["repeated"]) == (False, True, True)
        assert (cut["cost_nusd"] > 0) == stream
        usage = whole.json["usage"] if not stream else None
        if usage is not None:
            assert rest["output_tokens"] == usage.get("completion_tokens", usage.get("output_tokens"))
        else:
            assert rest["input_tokens"] == 0  # which the broken stream has paid
            assert cut["input_tokens"] == plain["input_tokens"]


async def test_what_was_refused_is_asked_anew() -> None:
    async with simulated(Fault.UNAVAILABLE, times=1, idempotent=True) as client:
        assert (await client.ask(OPENAI, OPENAI.body(), key="a")).status == 503
        assert (await client.ask(OPENAI, OPENAI.body(), key="a")).status == 200
        assert not (await client.last_call())["repeated"]


async def test_a_key_belongs_to_one_body_and_one_call_at_a_time() -> None:
    async with simulated(Fault.HANG_MID, times=1, idempotent=True) as client:
        hanging = asyncio.create_task(client.ask(OPENAI, OPENAI.body(), key="a"))
        await client.under_way(1)
        assert (await client.ask(OPENAI, OPENAI.body(), key="a")).status == 409
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        await client.under_way(0)
        assert (await client.ask(OPENAI, OPENAI.body("Another?"), key="a")).status == 422
        assert (await client.ask(OPENAI, OPENAI.body(), key="a")).status == 200
        assert client.simulator.ledger.report(detail=False)["finished"] == 1


async def test_by_default_a_key_says_nothing() -> None:
    async with simulated() as client:
        first = await client.ask(OPENAI, OPENAI.body(), key="a")
        second = await client.ask(OPENAI, OPENAI.body(), key="a")
        report = client.simulator.ledger.report(detail=True)
    assert first.json["id"] != second.json["id"]
    assert all(call["cost_nusd"] > 0 for call in report["detail"])
