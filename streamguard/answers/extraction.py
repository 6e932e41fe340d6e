"""Finding the JSON in what a model wrote, and mending it within bounds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from pydantic import JsonValue
from pydantic_core import from_json

from streamguard.answers.mending import mend

MAX_CHARACTERS = 131_072
"""Longer answers are not looked through."""
MAX_DEPTH = 64

_FENCE = re.compile(r"```[ \t]*[A-Za-z0-9_+-]*[ \t]*\r?\n?(.*?)(?:```|\Z)", re.DOTALL)
_LIKE_JSON = {
    "{": re.compile(r"\{\s*(?:[\"'“}]|[A-Za-z_$][\w$-]*\s*:)"),
    "[": re.compile(r"\[\s*(?:[\"'“{\[\]\d-]|(?:true|false|null)\b)"),
}
"""A bracket that begins JSON, be it broken, and not one of prose."""
_LONG_NUMBER = re.compile(r"\d{19}")
_OPENERS = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Found:
    """JSON out of a text; `repaired` when it was no JSON as it stood."""

    value: JsonValue
    repaired: bool = False


def find_json(text: str, openers: str = "{[") -> Found | None:
    """The JSON that a text is, or holds: in a fence, or between prose; None where there is none, or it is too long or deep.

    Inside other text only objects and arrays are looked for, and only those that begin with one of `openers`. Where
    nothing parses, what looks most like JSON is mended.
    """
    if len(text) > MAX_CHARACTERS:
        return None
    whole = _parsed(text)
    if whole is not None:
        return whole
    fences = [match.strip() for match in _FENCE.findall(text)]
    for fenced in fences:
        if (found := _parsed(fenced)) is not None:
            return found
    for part in _balanced(text, openers):
        if (found := _parsed(part)) is not None:
            return found
    for source in (*fences[:1], text):
        if (found := _repaired(source, openers)) is not None:
            return found
    return None


def depth_of_value(value: JsonValue) -> int:
    """How deep objects and arrays nest; 0 for a plain value."""
    depth, level = 0, [value]
    while collections := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [child for item in collections for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def _parsed(text: str) -> Found | None:
    try:
        value: JsonValue = orjson.loads(text)
    except (ValueError, RecursionError):
        return None
    if depth_of_value(value) > MAX_DEPTH:
        return None
    # orjson makes floats of whole numbers beyond 64 bits: the number of a parcel would be another one
    return Found(from_json(text) if _LONG_NUMBER.search(text) else value)


def _balanced(text: str, openers: str) -> Iterator[str]:
    """The outermost bracketed parts, strings respected, in order; every character is looked at a few times at most."""
    at, looked_at = 0, 0
    while looked_at <= 2 * len(text):
        start = min((place for opener in openers if (place := text.find(opener, at)) >= 0), default=-1)
        if start < 0:
            return
        end = _end_of(text, start)
        looked_at += (end or len(text)) - start
        if end is None:
            # a part of something broken must not pass for the whole
            if _LIKE_JSON[text[start]].match(text, start):
                return
            at = start + 1
        else:
            yield text[start:end]
            at = end


def _end_of(text: str, start: int) -> int | None:
    expected: list[str] = []
    in_string = False
    place = start
    while place < len(text):
        character = text[place]
        if in_string:
            if character == "\\":
                place += 1
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in _OPENERS:
            expected.append(_OPENERS[character])
        elif expected and character == expected[-1]:
            expected.pop()
            if not expected:
                return place + 1
        place += 1
    return None


def _repaired(text: str, openers: str) -> Found | None:
    begins = [found.start() for opener in openers if (found := _LIKE_JSON[opener].search(text))]
    if not begins:
        return None
    start = min(begins)
    mended = mend(text[start:], max_depth=MAX_DEPTH)
    if mended is None:
        return None
    found = _parsed(mended)
    # nothing but brackets is no answer that was mended: it is prose that held one
    return Found(found.value, repaired=True) if found is not None and found.value else None
