"""A record as a person at a terminal reads it: a line, and with texts these below."""

from collections.abc import Iterator, Mapping
from typing import Any

from streamguard.cli.send_showing import summary
from streamguard.cli.tail_records import HIDDEN
from streamguard.cli.terminal import visible
from streamguard.events.base import Record
from streamguard.events.outcome import Ended

_TEXTS = ("text", "output", "prompt_text", "output_text")


def plain_lines(line: Mapping[str, Any], record: Record | str, *, text: bool) -> list[str]:
    """When, where, under which key; then what came of the request where the record tells, else the fields that are plain values.

    `line` is what `tail_records.line_of` makes of the record. `text`: what was said stands below.
    """
    value: Mapping[str, Any] = line["value"]
    words = [line["timestamp"] or "no time", f"{line['topic']}/{line['partition']}/{line['offset']}"]
    words.append(line["key"] or "no key")
    words += [f"{name} {said}" for name, said in line.get("headers", {}).items()]
    words += summary(record) if isinstance(record, Ended) else _plain(value, line["key"] or "")
    said = [" · ".join(words), *(_said(value) if text else ())]
    return [visible(one) for one in said]


def _plain(value: Mapping[str, Any], key: str) -> list[str]:
    in_key = key.split("/")
    fields = {**value.get("head", {}), **value} if isinstance(value.get("head", {}), Mapping) else value
    return [
        f"{name} {one}"
        for name, one in fields.items()
        if name not in _TEXTS and isinstance(one, str | int | float) and one not in (False, "", HIDDEN, *in_key)
    ]


def _said(value: Mapping[str, Any]) -> Iterator[str]:
    for message in value.get("messages") or ():
        yield f"{message['role']}: {message.get('content') or ''}"
    for name in _TEXTS:
        if value.get(name):
            yield str(value[name])
