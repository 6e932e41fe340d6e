"""What `streamguard tail` shows of a record on a terminal."""

import orjson

from streamguard.cli.tail_records import decoded, line_of
from streamguard.cli.tail_showing import plain_lines
from streamguard.events.base import Record
from streamguard.events.codec import encode
from streamguard.events.outcome import Provenance, Response, Timings
from streamguard.events.request import Request
from streamguard.events.stages import CacheUse
from streamguard.intake.contract import Received

AT = "2026-01-02T03:04:05.678Z"


def shown(
    topic: str, value: bytes, kind: type[Record] | None, *, key: bytes = b"acme", text: bool = False, **headers: bytes
) -> list[str]:
    given = tuple((name.replace("_", "."), one) for name, one in headers.items())
    received = Received(topic, 0, 7, 1_767_323_045_678, key, value, given)
    record = decoded(kind, received)
    return plain_lines(line_of(received, topic, record, text=text), record, text=text)


def response(output: str) -> bytes:
    return encode(
        Response(
            request_id="r-1",
            tenant_id="acme",
            run=1,
            status="answered",
            output=output,
            provider="openai",
            model="gpt-4o",
            cost_nusd=1_112_500,
            timings=Timings(total_us=288_186),
            cache=CacheUse(status="miss"),
            provenance=Provenance(policy_version="1", content_hash="", key_id="k", signature=""),
        )
    )


def test_what_came_of_a_request_is_a_line() -> None:
    line = f"{AT} · responses/0/7 · acme/r-1 · answered · openai/gpt-4o · 288 ms · cost $0.0011125"
    schema, value = b"streamguard.response/1", response("On Monday.")
    assert shown("responses", value, Response, key=b"acme/r-1", schema=schema) == [line]
    told = shown("responses", value, Response, key=b"acme/r-1", text=True, schema=schema)
    assert told == [line, "On Monday."]


def test_what_was_said_does_not_steer_the_terminal() -> None:
    lines = shown(
        "responses", response("a\x1b[2Jb\nc"), Response, key=b"acme/r-1", text=True, schema=b"streamguard.response/1"
    )
    assert lines[1] == "a\\x1b[2Jb\nc"


def test_other_records_show_their_plain_fields_and_no_text_unless_told() -> None:
    value = encode(
        Request.model_validate(
            {
                "request_id": "r-1",
                "tenant_id": "acme",
                "user_id": "u-1",
                "messages": [{"role": "user", "content": "Where is my parcel?"}],
            }
        )
    )
    [line] = shown("requests", value, Request, schema=b"streamguard.request/1")
    assert line.startswith(f"{AT} · requests/0/7 · acme · request_id r-1 · user_id u-1 · ")
    assert "hidden" not in line
    assert "parcel" not in line
    assert shown("requests", value, Request, text=True, schema=b"streamguard.request/1")[1:] == [
        "user: Where is my parcel?"
    ]


def test_a_dead_letter_and_what_cannot_be_read() -> None:
    [letter] = shown("dead-letters", b"\xff", None, dlq_code=b"undecodable", dlq_stage=b"admit")
    assert letter.endswith(" · acme · dlq.code undecodable · dlq.stage admit · undecoded bytes · bytes 1")
    [broken] = shown("requests", b"{", Request, schema=b"streamguard.request/1")
    assert broken.endswith(" · acme · undecoded undecodable · bytes 1")


def test_no_text_of_users_in_what_stands_for_it() -> None:
    value = orjson.dumps({"request_id": "r-1", "tenant_id": "acme", "user_id": "u", "messages": "secret words"})
    [line] = shown("requests", value, Request, schema=b"streamguard.request/1")
    assert "secret" not in line
