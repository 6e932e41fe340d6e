"""The kinds of hostile records, and how one of each is made of a good request."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import orjson

from tests.support.raw_records import Raw, batch

LARGEST_BATCH = 1_048_588
"""What a broker takes unless told otherwise, in bytes: 1 MiB and 12 for the frame of old."""

Request = dict[str, Any]
Maker = Callable[[Request, random.Random], Raw]
Headers = tuple[tuple[bytes, bytes | None], ...]

SCHEMA = "streamguard.request/1"
_SCHEMA = (b"schema", SCHEMA.encode())
_NOT_UTF8 = b"\xff\xfe\x80name"
_TOO_LONG_AGO = 1
_IN_A_CENTURY = 4_954_521_600_000


class Ends(StrEnum):
    """Where a record on the topic `requests` must end."""

    OUTCOME = "outcome"
    """It can be read and names its request: one outcome, whatever its status."""
    DEAD_LETTER = "dead letter"
    BROKER = "refused by the broker"


def _raw(request: Request, *headers: tuple[bytes, bytes | None], **changes: Any) -> Raw:
    """A good record of a request, but for what is given."""
    return replace(
        Raw(request["tenant_id"].encode(), orjson.dumps(request), (_SCHEMA, *headers)),
        **changes,
    )


def _unread(value: bytes | None) -> Maker:
    return lambda request, draw: _raw(request, value=value)


def _field(**changes: Any) -> Maker:
    """A request with other fields."""
    return lambda request, draw: _raw(request, value=orjson.dumps({**request, **changes}))


def _extra(json: bytes) -> Maker:
    """A request with an unknown field that holds this JSON, as it is."""
    return _field_of_json(json, name=b"unknown")


def _field_of_json(json: bytes, *, name: bytes = b"feature") -> Maker:
    """A request with one more field of ours that holds this JSON, as it is."""
    return lambda request, draw: _raw(request, value=orjson.dumps(request)[:-1] + b',"' + name + b'":' + json + b"}")


def _twice(request: Request) -> bytes:
    """Each field twice: the last one counts."""
    return b'{"feature":"other",' + orjson.dumps(request)[1:-1] + b',"feature":"default"}'


def _headed(*headers: tuple[bytes, bytes | None]) -> Maker:
    return lambda request, draw: _raw(request, *headers)


def _schema(value: bytes) -> Maker:
    return lambda request, draw: _raw(request, headers=((b"schema", value),))


def _of_size(size: int) -> Maker:
    """A request whose value has so many bytes."""

    def maker(request: Request, draw: random.Random) -> Raw:
        return _raw(request, value=_padded(request, size))

    return maker


def _of_batch(size: int, *, readable: bool = True) -> Maker:
    """A request whose whole batch has so many bytes."""

    def maker(request: Request, draw: random.Random) -> Raw:
        about = size - 1000
        value = _padded(request, about + size - len(batch(_raw(request, value=_padded(request, about)))))
        return _raw(request, value=value if readable else b"{" + value[1:-1] + b",")

    return maker


def _padded(request: Request, size: int) -> bytes:
    [message] = request["messages"]
    short = orjson.dumps({**request, "messages": [{**message, "content": ""}]})
    return orjson.dumps({**request, "messages": [{**message, "content": "z" * (size - len(short))}]})


def _noise(request: Request, draw: random.Random) -> Raw:
    return _raw(request, value=draw.randbytes(draw.randrange(1, 2000)))


def _cut(request: Request, draw: random.Random) -> Raw:
    value = orjson.dumps(request)
    return _raw(request, value=value[: draw.randrange(1, len(value))])


def _flood(request: Request, draw: random.Random) -> Raw:
    return _raw(request, *((b"h%d" % number, b"value") for number in range(5000)))


KINDS: Mapping[str, tuple[Ends, Maker]] = MappingProxyType(
    {
        # -- the value cannot be read ----------------------------------------------------------------------------------
        "no value": (Ends.DEAD_LETTER, _unread(None)),
        "empty value": (Ends.DEAD_LETTER, _unread(b"")),
        "noise": (Ends.DEAD_LETTER, _noise),
        "cut JSON": (Ends.DEAD_LETTER, _cut),
        "another JSON type": (Ends.DEAD_LETTER, _unread(b"[1, null]")),
        "JSON null": (Ends.DEAD_LETTER, _unread(b"null")),
        "invalid UTF-8 in a string": (Ends.DEAD_LETTER, _unread(b'{"request_id": "\xff\xfe"}')),
        "lone surrogate": (Ends.DEAD_LETTER, _field_of_json(b'"\\ud800"')),
        "nested too deeply": (Ends.DEAD_LETTER, _unread(b"[" * 200_000)),
        "a megabyte of noise": (Ends.DEAD_LETTER, _of_batch(LARGEST_BATCH, readable=False)),
        # -- it can, but is no request ---------------------------------------------------------------------------------
        "another major version": (Ends.DEAD_LETTER, _schema(b"streamguard.request/2")),
        "another record's schema": (Ends.DEAD_LETTER, _schema(b"streamguard.outcome/1")),
        "schema that is not UTF-8": (Ends.DEAD_LETTER, _schema(_NOT_UTF8)),
        "fields missing": (Ends.DEAD_LETTER, _unread(b'{"request_id": "garbage"}')),
        "id with a line break": (Ends.DEAD_LETTER, _field(request_id="garbage\nWARNING all is lost")),
        "id of ten thousand letters": (Ends.DEAD_LETTER, _field(request_id="g" * 10_000)),
        "huge number in a field": (Ends.DEAD_LETTER, _field_of_json(b"1" + b"0" * 400, name=b"deadline")),
        "negative deadline": (Ends.DEAD_LETTER, _field(deadline=-1)),
        "unknown lane": (Ends.DEAD_LETTER, _field(lane="express")),
        "header name that is not UTF-8": (Ends.DEAD_LETTER, _headed((_NOT_UTF8, b"value"))),
        "placed, and yet misplaced": (Ends.DEAD_LETTER, _headed((b"placed", b"1"))),
        # -- a good request in a strange record ------------------------------------------------------------------------
        "no key": (Ends.OUTCOME, lambda request, draw: _raw(request, key=None)),
        "key that is not UTF-8": (Ends.OUTCOME, lambda request, draw: _raw(request, key=_NOT_UTF8)),
        "key of 100 kB": (Ends.OUTCOME, lambda request, draw: _raw(request, key=b"k" * 100_000)),
        "empty header name": (Ends.OUTCOME, _headed((b"", b"value"))),
        "header value that is not UTF-8": (
            Ends.OUTCOME,
            _headed((b"traceparent", _NOT_UTF8), (b"deadline", _NOT_UTF8)),
        ),
        "header without a value": (Ends.OUTCOME, _headed((b"traceparent", None), (b"placed", None), (b"x", None))),
        "header of 400 kB": (Ends.OUTCOME, _headed((b"x", b"v" * 400_000))),
        "5,000 headers": (Ends.OUTCOME, _flood),
        "forged src and of": (Ends.OUTCOME, _headed((b"src", b"requests/0/0/0"), (b"of", b"admitted"))),
        "src and of that are not UTF-8": (Ends.OUTCOME, _headed((b"src", _NOT_UTF8), (b"of", _NOT_UTF8))),
        "forged epoch": (Ends.OUTCOME, _headed((b"epoch", b"9" * 40), _SCHEMA)),
        "no timestamp": (Ends.OUTCOME, lambda request, draw: _raw(request, timestamp=-1)),
        "timestamp of 1970": (Ends.OUTCOME, lambda request, draw: _raw(request, timestamp=_TOO_LONG_AGO)),
        "timestamp of the next century": (Ends.OUTCOME, lambda request, draw: _raw(request, timestamp=_IN_A_CENTURY)),
        "compressed": (Ends.OUTCOME, lambda request, draw: _raw(request, compressed=True)),
        "another's partition": (Ends.OUTCOME, _headed()),
        # -- a good request with strange contents ----------------------------------------------------------------------
        "unknown fields": (Ends.OUTCOME, _extra(b'{"a":[1,null,{"b":"c"}]}')),
        "unknown field nested deeply": (Ends.OUTCOME, _extra(b"[" * 150 + b"]" * 150)),
        "unknown field with a huge number": (Ends.OUTCOME, _extra(b"1" + b"0" * 400)),
        "unknown field beyond all floats": (Ends.OUTCOME, _extra(b"[1e999,-1e999,1e-999]")),
        "repeated fields": (Ends.OUTCOME, lambda request, draw: _raw(request, value=_twice(request))),
        "just below a megabyte": (Ends.OUTCOME, _of_size(999_999)),
        "a megabyte": (Ends.OUTCOME, _of_size(1_000_000)),
        "just above a megabyte": (Ends.OUTCOME, _of_size(1_000_001)),
        "as large as brokers take": (Ends.OUTCOME, _of_batch(LARGEST_BATCH)),
        # -- what no broker takes --------------------------------------------------------------------------------------
        "larger than brokers take": (Ends.BROKER, _of_batch(LARGEST_BATCH + 1)),
        "compressed and cut": (Ends.BROKER, lambda request, draw: _raw(request, compressed=True, kept=0.6)),
        "wrong checksum": (Ends.BROKER, lambda request, draw: _raw(request, checksum=False)),
    }
)
