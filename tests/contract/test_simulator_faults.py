"""What each fault looks like on the wire, whole and streamed, in both APIs, and what of it is charged."""

import socket
import struct
from typing import Any

import orjson
import pytest

from streamguard.clock import FakeClock
from streamguard.dev.simulator import DEFAULT_PRICES, Fault
from streamguard.dev.simulator.tokens import count, count_messages
from tests.support.simulated import ANTHROPIC, OPENAI, QUESTION, SYSTEM, Api, Client, Heard, simulated

APIS = pytest.mark.parametrize("api", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
INPUT = count_messages([("system", SYSTEM), ("user", QUESTION)])
LIMIT = 4 << 20


async def heard_and_booked(client: Client, api: Api, *, stream: bool, **how: Any) -> tuple[Heard, dict[str, Any]]:
    heard = await client.ask(api, api.body(stream=stream), **how)
    call = await client.last_call()
    assert call["streamed"] == stream
    return heard, call


def charged(call: dict[str, Any], api: Api, text: str) -> bool:
    """Whether exactly the prompt and this text are paid."""
    price = DEFAULT_PRICES[api.model]
    cost = INPUT * price.input + count(text) * price.output
    return (call["input_tokens"], call["output_tokens"], call["cost_nusd"]) == (INPUT, count(text), cost)


def uncharged(call: dict[str, Any]) -> bool:
    return (call["finished"], call["partial"], call["cost_nusd"]) == (False, False, 0)


@APIS
async def test_a_whole_stream_is_finished_and_charged(api: Api) -> None:
    async with simulated() as client:
        heard, call = await heard_and_booked(client, api, stream=True)
    assert heard.ended
    assert charged(call, api, api.text(heard.events))
    assert (call["finished"], call["partial"]) == (True, False)


@APIS
@BOTH_WAYS
@pytest.mark.parametrize(
    ("fault", "status", "openai", "anthropic"),
    [
        (Fault.RATE_LIMITED, 429, "rate_limit_exceeded", "rate_limit_error"),
        (Fault.RATE_LIMITED_SILENT, 429, "rate_limit_exceeded", "rate_limit_error"),
        (Fault.SERVER_ERROR, 500, "server_error", "api_error"),
        (Fault.UNAVAILABLE, 503, "service_unavailable", "api_error"),
        (Fault.OVERLOADED, 529, "overloaded", "overloaded_error"),
        (Fault.REVOKED_KEY, 401, "invalid_api_key", "authentication_error"),
        (Fault.CONTEXT_LENGTH, 400, "context_length_exceeded", "invalid_request_error"),
    ],
)
async def test_refusals_speak_each_apis_words_and_cost_nothing(
    fault: Fault, status: int, openai: str, anthropic: str, api: Api, stream: bool
) -> None:
    async with simulated(fault) as client:
        heard, call = await heard_and_booked(client, api, stream=stream)
    error = heard.json["error"]
    assert (heard.status, error["code"] if api is OPENAI else error["type"]) == (
        status,
        openai if api is OPENAI else anthropic,
    )
    assert (heard.headers.get("Retry-After") is not None) == (fault is Fault.RATE_LIMITED)
    assert uncharged(call)
    assert (call["status"], call["fault"]) == (status, fault)


@APIS
@BOTH_WAYS
async def test_a_hang_before_the_headers_costs_nothing(api: Api, stream: bool) -> None:
    async with simulated(Fault.HANG) as client:
        heard, call = await heard_and_booked(client, api, stream=stream, seconds=0.3)
    assert (heard.status, call["status"]) == (0, 499)
    assert uncharged(call)


@APIS
@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        (Fault.HANG_MID, False),
        (Fault.RESET, False),
        (Fault.HANG_MID, True),
        (Fault.RESET, True),
        (Fault.CUT_STREAM, True),
    ],
)
async def test_what_breaks_in_the_middle_is_charged_if_it_is_a_stream(fault: Fault, api: Api, stream: bool) -> None:
    async with simulated(fault, hang_seconds=0.1) as client:
        heard, call = await heard_and_booked(client, api, stream=stream)
    assert (heard.status, heard.ended, call["status"], call["finished"]) == (200, False, 200, False)
    assert heard.body
    assert (call["ended_at"] - call["begun_at"] >= 90_000) == (fault is Fault.HANG_MID)
    if not stream:
        assert uncharged(call)
        return
    said = api.text(heard.events)
    assert said
    assert call["partial"]
    assert charged(call, api, said)


@APIS
@pytest.mark.parametrize("fault", [Fault.STREAM_ERROR, Fault.GARBAGE])
async def test_a_stream_says_that_it_went_wrong_or_cannot_be_read(fault: Fault, api: Api) -> None:
    async with simulated(fault) as client:
        heard, call = await heard_and_booked(client, api, stream=True)
    assert heard.ended
    last = heard.body.decode().removesuffix("\n\n").rpartition("data: ")[2]
    if fault is Fault.STREAM_ERROR:
        error = orjson.loads(last)["error"]
        assert (error["code"] if api is OPENAI else error["type"]) in ("server_error", "overloaded_error")
    else:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(last)
    said = api.text(heard.events)
    assert said
    assert call["partial"]
    assert charged(call, api, said)


@APIS
@BOTH_WAYS
@pytest.mark.parametrize("fault", [Fault.EMPTY_BODY, Fault.HTML])
async def test_nothing_or_a_page_where_an_answer_should_be(fault: Fault, api: Api, stream: bool) -> None:
    async with simulated(fault) as client:
        heard, call = await heard_and_booked(client, api, stream=stream)
    assert (heard.status, heard.ended) == (200, True)
    if fault is Fault.HTML:
        assert heard.headers["content-type"].startswith("text/html")
        assert b"<!doctype" in heard.body
    else:
        assert heard.body == b""
    if not (fault is Fault.HTML and not stream):  # a whole answer that a page took the place of was given
        assert uncharged(call)


@APIS
async def test_half_of_a_json_text_as_if_it_were_all(api: Api) -> None:
    async with simulated(Fault.GARBAGE) as client:
        heard, call = await heard_and_booked(client, api, stream=False)
    assert heard.ended
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(heard.body)
    assert call["finished"]


@APIS
@BOTH_WAYS
async def test_an_answer_that_drips_is_whole_in_the_end(api: Api, stream: bool) -> None:
    async with simulated(Fault.SLOW_DRIP, drip_seconds=0.2) as client:
        heard, call = await heard_and_booked(client, api, stream=stream)
    assert heard.ended
    assert call["finished"]
    assert call["ended_at"] - call["begun_at"] >= 150_000
    assert heard.events if stream else heard.json


@APIS
async def test_who_leaves_a_dripping_stream_pays_for_what_came(api: Api) -> None:
    async with simulated(Fault.SLOW_DRIP, drip_seconds=60.0) as client:
        heard, call = await heard_and_booked(client, api, stream=True, most=1)
        _, whole = await heard_and_booked(client, api, stream=False, most=1)
    said = api.text(heard.events)
    assert said
    assert call["partial"]
    assert charged(call, api, said)
    assert uncharged(whole)


@APIS
@BOTH_WAYS
async def test_an_oversized_answer_goes_on_until_one_leaves(api: Api, stream: bool) -> None:
    async with simulated(Fault.OVERSIZED) as client:
        heard, call = await heard_and_booked(client, api, stream=stream, most=LIMIT)
    assert (heard.status, heard.ended, len(heard.body) >= LIMIT) == (200, False, True)
    assert "content-length" not in heard.headers
    if stream:
        assert call["partial"]
        assert charged(call, api, api.text(heard.events))
    else:
        assert uncharged(call)


@APIS
@BOTH_WAYS
async def test_usage_is_left_out_and_charged_all_the_same(api: Api, stream: bool) -> None:
    async with simulated(Fault.NO_USAGE) as client:
        heard, call = await heard_and_booked(client, api, stream=stream)
    assert b'"usage"' not in heard.body
    assert heard.ended
    assert call["finished"]
    assert call["output_tokens"] > 0


@APIS
@BOTH_WAYS
async def test_an_empty_answer_has_its_form(api: Api, stream: bool) -> None:
    async with simulated(Fault.EMPTY_ANSWER) as client:
        heard, call = await heard_and_booked(client, api, stream=stream)
    if stream:
        assert api.text(heard.events) == ""
        assert call["finished"]
    elif api is OPENAI:
        assert heard.json["choices"][0]["message"]["content"] == ""
    else:
        assert heard.json["content"] == []
    assert charged(call, api, "")


@APIS
async def test_who_leaves_between_two_pieces_pays_for_what_came(api: Api) -> None:
    async with simulated(first_token_ms=0, per_chunk_ms=5_000) as client:
        heard, call = await heard_and_booked(client, api, stream=True, most=1)
    said = api.text(heard.events)
    assert said
    assert not heard.ended
    assert call["partial"]
    assert charged(call, api, said)
    assert call["cost_nusd"] == client.simulator.ledger.report(detail=False)["cost_nusd"]


class Leaving(FakeClock):
    """Between two pieces of a stream the client resets its connection; the server notices when it writes on."""

    client: socket.socket | None = None

    async def sleep(self, seconds: float) -> None:
        if self.client is not None:
            self.client.close()


async def test_a_client_that_leaves_is_no_error_of_the_simulator(caplog: pytest.LogCaptureFixture) -> None:
    clock = Leaving()
    async with simulated(clock=clock, first_token_ms=0, per_chunk_ms=1) as client:
        host, _, port = client.simulator.address.partition(":")
        clock.client = socket.create_connection((host, int(port)))
        clock.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        body = orjson.dumps(OPENAI.body(stream=True))
        head = f"POST {OPENAI.path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        clock.client.sendall(head.encode() + body)
        await client.under_way(0, ended=1)
        call = await client.last_call()
    assert (call["finished"], call["partial"]) == (False, True)
    assert caplog.records == []
