"""Records of any topic as JSON lines. What users wrote, and what models answered, is masked unless it is asked for."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from streamguard.errors import InvalidRecord
from streamguard.events.base import Record
from streamguard.events.codec import decode
from streamguard.intake.contract import Received

TEXT = frozenset(
    {
        "RequestHead.metadata",
        "JsonSchemaFormat.schema_",
        "Message.content",
        "Message.tool_call_id",
        "ToolCall.id",
        "FunctionCall.arguments",
        "PromptRef.variables",
        "Document.text",
        "Document.title",
        "FunctionTool.description",
        "FunctionTool.parameters",
        "Ask.canary",
        "Placeholder.value",
        "CacheEntry.output",
        "CacheEntry.parsed",
        "Completion.output",
        "Ended.parsed",
        "Outcome.output",
        "Response.output",
        "Payload.prompt_text",
        "Payload.output_text",
        "Chunk.text",
    }
)
"""Fields that hold text of users, services or models, or a secret. Everything under them is masked; so is every field that this
release does not know."""

HIDDEN = "(hidden)"
"""Stands for what is masked and is no text."""
_YEAR_10000 = 253_402_300_800_000
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,255}")


def decoded(kind: type[Record] | None, received: Received) -> Record | str:
    """The record, or the code that says why it is none; `bytes` where the topic holds bytes as they came."""
    if kind is None:
        return "bytes"
    try:
        return decode(kind, received.value, header(received, "schema"))
    except InvalidRecord as error:
        return error.code


def written(line: Mapping[str, Any]) -> bytes:
    """It as JSON. Not by orjson, which stops at numbers beyond 64 bits: services may write such."""
    return to_json(line, inf_nan_mode="null")


def line_of(received: Received, topic: str, record: Record | str, *, text: bool) -> dict[str, Any]:
    """What is shown of a record; `text` shows all of it."""
    headers = {name: _readable(value) for name, value in received.headers if name.startswith("dlq.")}
    return {
        "topic": topic,
        "partition": received.partition,
        "offset": received.offset,
        "timestamp": _time(received.timestamp),
        "key": _key(received.key, text=text),
        "schema": header(received, "schema") if text or isinstance(record, Record) else None,
        **({"headers": headers} if headers else {}),
        "value": _bytes(received.value, record, text=text) if isinstance(record, str) else fields_of(record, text=text),
    }


def fields_of(record: BaseModel, *, text: bool) -> dict[str, Any]:
    """The fields that hold something, by their names on the wire."""
    kinds = [kind.__name__ for kind in type(record).__mro__]
    fields: dict[str, Any] = {}
    for name, field in type(record).model_fields.items():
        if (value := getattr(record, name)) is not None:
            hidden = not text and any(f"{kind}.{name}" in TEXT for kind in kinds)
            fields[field.alias or name] = _masked(value) if hidden else _plain(value, text=text)
    for name, value in (record.__pydantic_extra__ or {}).items():
        fields[name] = value if text else _masked(value)
    return fields


def tenant_of(record: Record | str, key: bytes | None) -> str:
    """Whose it is; empty where nobody can tell."""
    for holder in (record, getattr(record, "head", None), getattr(record, "request", None)):
        if tenant := getattr(holder, "tenant_id", None):
            return tenant
    return (key or b"").split(b"/")[0].decode(errors="replace")


def fits(line: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether the value's fields, named `a.b`, are as wanted; one that is not there is empty."""
    return all(_at(line["value"], path.split(".")) == value for path, value in wanted.items())


def header(received: Received, name: str) -> str | None:
    """A header, None where it is missing."""
    for known, value in received.headers:
        if known == name:
            return _readable(value)
    return None


def _readable(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _plain(value: Any, *, text: bool) -> Any:
    if isinstance(value, BaseModel):
        return fields_of(value, text=text)
    if isinstance(value, tuple | list):
        return [_plain(one, text=text) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one, text=text) for name, one in value.items()}
    return value.value if isinstance(value, Enum) else value


def _masked(value: Any) -> str:
    return f"({len(value)} characters)" if isinstance(value, str) else HIDDEN


def _key(key: bytes | None, *, text: bool) -> str | None:
    """Services choose the keys of some topics: what is no id may be anything."""
    if key is None:
        return None
    return _readable(key) if text or _ID.fullmatch(key) else f"({len(key)} bytes)"


def _bytes(value: bytes | None, code: str, *, text: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"undecoded": code, "bytes": len(value or b"")}
    if text and value is not None:
        try:
            shown["text"] = value.decode()
        except UnicodeDecodeError:
            shown["base64"] = base64.b64encode(value).decode()
    return shown


def _time(milliseconds: int) -> str | None:
    if not 0 <= milliseconds < _YEAR_10000:  # where the topic keeps the producers' own, they write what they like
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _at(value: Any, path: list[str]) -> str:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
