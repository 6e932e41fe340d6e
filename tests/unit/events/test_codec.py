"""Bytes to records and back, with errors that name fields and never what they hold."""

import orjson
import pytest

from streamguard.errors import InvalidRecord
from streamguard.events.base import carry
from streamguard.events.codec import RECORDS, decode, encode, schema_name
from streamguard.events.request import Request
from streamguard.events.stages import CacheEntry
from streamguard.resources import resource_dir
from streamguard.schemas import drifted

ASKED = {"request_id": "r", "tenant_id": "t", "user_id": "u", "messages": [{"role": "user", "content": "hello"}]}


def asked(**changes: object) -> bytes:
    return orjson.dumps({**ASKED, **changes})


def test_schema_names_are_spelled_with_dashes() -> None:
    assert schema_name(CacheEntry) == "streamguard.cache-entry/1"


def test_what_is_encoded_decodes_to_the_same() -> None:
    request = decode(Request, asked(metadata={"a": "b"}, response_format={"type": "json_object"}))

    assert decode(Request, encode(request)) == request


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    request = decode(Request, asked(messages=[{"role": "user", "content": parts}]))

    assert request.messages is not None
    assert request.messages[0].content == "ab"


@pytest.mark.parametrize("said", [None, 3, ["x"], {"a": 1}, True])
def test_what_is_no_text_is_none_of_the_parts(said: object) -> None:
    """The model would be asked `None`."""
    with pytest.raises(InvalidRecord, match="invalid_record"):
        decode(Request, asked(messages=[{"role": "user", "content": [{"type": "text", "text": said}]}]))


def test_unknown_fields_are_kept_and_passed_on() -> None:
    request = decode(Request, asked(colour="blue"))

    assert orjson.loads(encode(request))["colour"] == "blue"
    assert orjson.loads(encode(carry(request, Request, lane="batch")))["colour"] == "blue"


def test_a_head_takes_no_text_along_not_even_unknown_fields() -> None:
    head = decode(Request, asked(secretly="some text", context=[{"id": "d", "text": "words"}])).head()

    assert b"some text" not in encode(head)
    assert b"words" not in encode(head)
    assert b"hello" not in encode(head)


def test_another_major_version_is_refused() -> None:
    with pytest.raises(InvalidRecord) as caught:
        decode(Request, asked(), "streamguard.request/2")

    assert caught.value.code == "unknown_schema"


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff\xfe", b"nul"])
def test_bytes_that_are_no_json_are_undecodable(value: bytes | None) -> None:
    with pytest.raises(InvalidRecord) as caught:
        decode(Request, value)

    assert caught.value.code == "undecodable"


def test_errors_name_our_fields_and_none_of_the_senders_words() -> None:
    value = orjson.dumps({"request_id": "s3cret!!", "tenant_id": "t", "user_id": 5, "metadata": {"s3cret": 1}})

    with pytest.raises(InvalidRecord) as caught:
        decode(Request, value)

    assert caught.value.code == "invalid_record"
    assert "request_id (string_pattern_mismatch)" in caught.value.where
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": {"name": "p"}},
        {"messages": None},
        {"messages": []},
        {"request_id": "with space"},
        {"tenant_id": "a/b"},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "text", "json_schema": {"schema": {}}}},
        {"lane": "fast"},
        {"deadline": -1},
        {"deadline": 1 << 63},
        {"max_output_tokens": 0},
    ],
)
def test_what_breaks_a_rule_is_invalid(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidRecord, match="invalid_record"):
        decode(Request, asked(**changes))


def test_the_schemas_in_the_repository_are_those_of_the_records() -> None:
    assert drifted(resource_dir("schemas") / "events") == []
    assert len(list((resource_dir("schemas") / "events").glob("*.json"))) == len(RECORDS)
