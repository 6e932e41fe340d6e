"""Answers in JSON as the checks are to read them: with the line breaks that a reader will see.

In JSON a line break is written `\\n`, whose letter sticks to the next word: `\\n4111 …` is no card number, `\\nreveal` no word of
the instructions. So within strings the escapes of control characters become these characters, and are written again afterwards.
JSON has none in its strings as it stands, so nothing is lost on the way.
"""

import re
from collections.abc import Callable

from pydantic_core import from_json, to_json

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_STRING_OR_MASK = re.compile(rf"{_STRING.pattern}|\[(?!true\]|false\]|null\])[A-Za-z]+(?:_[A-Za-z0-9]+)*\]", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u00([01][0-9a-fA-F])|(.))", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def looks_like_json(text: str) -> bool:
    """Whether `text` is an object or an array by its first and last sign, maybe in a fence."""
    text = text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].removesuffix("```").strip()
    return text[:1] in ("{", "[") and text[-1:] in ("}", "]")


def unescaped(json: str) -> str:
    """JSON with control characters in place of their escapes; quotes and backslashes stay escaped. Linear."""
    return _STRING.sub(lambda string: _ESCAPE.sub(_character, string.group()), json) if "\\" in json else json


def escaped(text: str) -> str:
    """The JSON of which `text` is the unescaped form. What a check wrote for a number (`[removed]`, `[CARD_1]`) becomes a
    string."""
    return _STRING_OR_MASK.sub(_written, text)


def with_strings(json: str, change: Callable[[str], str]) -> str:
    """JSON with `change` made to each of its strings, names included, and nothing else touched: numbers keep all their digits.

    Strings are written with no more escapes than they need. What is no string of JSON stays as it is.
    """

    def changed(match: re.Match[str]) -> str:
        try:
            text: str = from_json(match.group())
        except ValueError:
            return match.group()
        return to_json(change(text)).decode()

    return _STRING.sub(changed, json)


def _character(match: re.Match[str]) -> str:
    code, letter = match.groups()
    return chr(int(code, 16)) if code else _CHARACTERS.get(letter, match.group())


def _written(match: re.Match[str]) -> str:
    found = match.group()
    return _CONTROL.sub(_escape, found) if found.startswith('"') else f'"{found}"'


def _escape(match: re.Match[str]) -> str:
    return to_json(match.group()).decode()[1:-1]
