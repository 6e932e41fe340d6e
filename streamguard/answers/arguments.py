"""Arguments of a tool call as the checks are to read them, and written again with what the checks made of them.

Arguments are JSON text. The checks read it as it stands, names and all, with real line breaks (`streamguard.answers.escapes`);
strings that hold quotes or backslashes (JSON within JSON, paths) would still be in code there, so they are read on their own,
and `(text 1)` stands in their place. What is no JSON is read as it is.
"""

import re
from collections.abc import Sequence

from pydantic_core import from_json, to_json

from streamguard.answers.escapes import escaped, unescaped, with_strings

_MOST_APART = 32
"""Strings of one call that are read on their own; those beyond are read with their escapes."""
_MARK = re.compile(r"\(text ([1-9][0-9]{0,3})\)")


def argument_texts(arguments: str) -> tuple[str, ...]:
    """The texts to check, at least one."""
    if not _is_json(arguments):
        return (arguments,)
    apart: list[str] = []

    def change(text: str) -> str:
        if len(apart) < _MOST_APART and ('"' in text or "\\" in text or _MARK.fullmatch(text)):
            apart.append(text)
            return f"(text {len(apart)})"
        return text

    whole = unescaped(with_strings(arguments, change))
    return (whole, *apart)


def rewritten(arguments: str, texts: Sequence[str]) -> str | None:
    """`arguments` with `texts` in place of their `argument_texts`: JSON again where they were JSON.

    None where what stands there now leaves no JSON: a datum may reach across the border of two strings. Blank texts (nobody knows
    what stood there) give no arguments at all.
    """
    first, *apart = texts
    if not _is_json(arguments) or not first:
        return first
    put: list[int] = []

    def back(text: str) -> str:
        if (mark := _MARK.fullmatch(text)) is None:
            return text
        number = int(mark.group(1))
        put.append(number)
        return apart[number - 1] if number <= len(apart) else text

    json = with_strings(escaped(first), back)
    return json if sorted(put) == list(range(1, len(apart) + 1)) and _is_json(json) else None


def as_one_string(texts: Sequence[str]) -> str:
    """Arguments that hold all of `texts`, where `rewritten` gives none: what a model is to see of a call it made earlier."""
    return to_json({"arguments": "\n".join(texts)}).decode()


def _is_json(text: str) -> bool:
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError:
        return False
    return True
