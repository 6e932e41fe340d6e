"""Native as newer clients ask for it over HTTP (`client_protocol_version`): clickhouse-go, and with it Grafana's plugin.

The embedded engine writes Native as revision 0 does. Since revision 51903 a block begins with its info, and since 54454 a byte
after each column's type says whether its serialization is of a special kind; here it never is. To put that byte in, one has to
know where each column ends, so the types are read here. Source: ClickHouse's NativeWriter and the serializations it calls.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from streamguard.dev.store.errors import NOT_IMPLEMENTED, EngineError

SINCE = 54454
"""Revisions from here on are served; clients of older ones that ask for a block's info look whether it came."""
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"  # no overflow rows, no bucket
_ORDINARY = b"\x00"
_CALL = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)
_NAMED = re.compile(r"(?:\w+|`(?:\\.|[^`\\])*`) (?=[A-Z])")

# fmt: off
_WIDTHS = {
    "Nothing": 1, "Bool": 1, "UInt8": 1, "Int8": 1, "Enum8": 1, "UInt16": 2, "Int16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
    "UInt32": 4, "Int32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "Time": 4, "IPv4": 4, "UInt64": 8, "Int64": 8,
    "Float64": 8, "DateTime64": 8, "Time64": 8, "UInt128": 16, "Int128": 16, "UUID": 16, "IPv6": 16, "UInt256": 32, "Int256": 32,
}
# fmt: on
_INDEX_WIDTHS = (1, 2, 4, 8)


class _Type(NamedTuple):
    """How a type lies in a block: where its prefix ends and, of so many rows, where its data ends."""

    prefix: Callable[[bytes, int], int]
    data: Callable[[bytes, int, int], int]


def with_info(native: bytes) -> bytes:
    """Blocks of revision 0 as blocks of revision `SINCE`. Raises `EngineError` for types whose form is not known here."""
    pieces = list[bytes]()
    position = 0
    while position < len(native):
        pieces.append(_BLOCK_INFO)
        begun = position
        columns, position = _number(native, position)
        rows, position = _number(native, position)
        for _ in range(columns):
            _, position = _string(native, position)
            name, position = _string(native, position)
            pieces += (native[begun:position], _ORDINARY)
            begun = position
            if rows:
                kind = _type(name.decode())
                position = kind.data(native, kind.prefix(native, position), rows)
                pieces.append(native[begun:position])
                begun = position
        pieces.append(native[begun:position])
    return b"".join(pieces)


@lru_cache(maxsize=1000)
def _type(name: str) -> _Type:
    found = _CALL.fullmatch(name)
    word, inside = (found[1], found[2] or "") if found else (name, "")
    if word in _WIDTHS or word.startswith("Interval"):
        return _fixed(_WIDTHS.get(word, 8))
    match word:
        case "String":
            return _Type(_no_prefix, _strings)
        case "FixedString":
            return _fixed(int(inside))
        case "Decimal":
            digits = int(inside.partition(",")[0])
            return _fixed(next(width for most, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if digits <= most))
        case "Nullable":
            return _nullable(_type(inside))
        case "Array":
            return _array(_type(inside))
        case "Nested" | "Map":
            return _array(_tuple(inside))
        case "Tuple":
            return _tuple(inside)
        case "LowCardinality":
            return _low_cardinality(_type(inside[9:-1] if inside.startswith("Nullable(") else inside))
        case "SimpleAggregateFunction":
            return _type(_split(inside)[1])
        case _:
            words = f"Code: 48. DB::Exception: {word} is not sent in this form of Native: cast it to String. (NOT_IMPLEMENTED)"
            raise EngineError(NOT_IMPLEMENTED, words)


def _fixed(width: int) -> _Type:
    def data(_: bytes, at: int, rows: int) -> int:
        return at + width * rows

    return _Type(_no_prefix, data)


def _nullable(nested: _Type) -> _Type:
    def data(native: bytes, at: int, rows: int) -> int:
        return nested.data(native, at + rows, rows)

    return _Type(nested.prefix, data)


def _array(nested: _Type) -> _Type:
    def data(native: bytes, at: int, rows: int) -> int:
        at += 8 * rows
        inside = int.from_bytes(native[at - 8 : at], "little") if rows else 0
        return nested.data(native, at, inside)

    return _Type(nested.prefix, data)


def _tuple(inside: str) -> _Type:
    elements = [
        _type(_NAMED.sub("", element, count=1) if _NAMED.match(element) else element) for element in _split(inside)
    ]

    def prefix(native: bytes, at: int) -> int:
        for element in elements:
            at = element.prefix(native, at)
        return at

    def data(native: bytes, at: int, rows: int) -> int:
        for element in elements:
            at = element.data(native, at, rows)
        return at

    return _Type(prefix, data)


def _low_cardinality(keys: _Type) -> _Type:
    """A dictionary of this block's keys, and an index into it for each row. Of no rows there is only the prefix."""

    def prefix(_: bytes, at: int) -> int:
        return at + 8

    def data(native: bytes, at: int, rows: int) -> int:
        if not rows:
            return at
        width = _INDEX_WIDTHS[native[at]]
        count = int.from_bytes(native[at + 8 : at + 16], "little")
        return keys.data(native, at + 16, count) + 8 + width * rows

    return _Type(prefix, data)


def _strings(native: bytes, at: int, rows: int) -> int:
    for _ in range(rows):
        length = native[at]
        if length < 128:
            at += 1 + length
        else:
            length, at = _number(native, at)
            at += length
    return at


def _no_prefix(_: bytes, at: int) -> int:
    return at


def _string(native: bytes, at: int) -> tuple[bytes, int]:
    length, at = _number(native, at)
    return native[at : at + length], at + length


def _number(native: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first; and where it ends."""
    number = shift = 0
    while True:
        byte = native[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


def _split(inside: str) -> list[str]:
    """At the commas that are in no bracket."""
    parts, depth, begun = list[str](), 0, 0
    for position, character in enumerate(inside):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(inside[begun:position].strip())
            begun = position + 1
    return [*parts, inside[begun:].strip()]
