"""Answers in JSON as the checks are to read them: with the line breaks that a reader will see.

In JSON a line break is written `\\n`, whose letter sticks to the next word: `\\n4111 …` is no card number, `\\nreveal` no word of
the instructions. So the escapes of control characters become these characters, and are written again afterwards. JSON has none
in its strings as it stands, and `to_json` puts none between them, so nothing is lost on the way.
"""

import re

from pydantic_core import to_json

_ESCAPE = re.compile(r"\\(?:u00([01][0-9a-fA-F])|(.))", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_CHARACTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def unescaped(json: str) -> str:
    """JSON as `to_json` writes it, with control characters in place of their escapes; quotes and backslashes stay escaped."""
    return _ESCAPE.sub(_character, json) if "\\" in json else json


def escaped(text: str) -> str:
    """The JSON of which `text` is the unescaped form."""
    return _CONTROL.sub(lambda match: to_json(match.group()).decode()[1:-1], text)


def _character(match: re.Match[str]) -> str:
    code, letter = match.groups()
    return chr(int(code, 16)) if code else _CHARACTERS.get(letter, match.group())
