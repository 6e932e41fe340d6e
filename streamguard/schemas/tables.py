"""Tables of `docs/first-request.md`: the fields of records, the bounds of requests, and the reasons, from the code.

They stand on the page between `<!-- table NAME -->` and `<!-- end -->`; what is between is written anew.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from streamguard.config import Limits
from streamguard.errors import StreamguardError
from streamguard.events.base import Record
from streamguard.events.chunk import Chunk
from streamguard.events.fleet import Cancellation
from streamguard.events.outcome import Provenance, Response, Timings
from streamguard.events.reason import REASONS, Cost, Reason, Retry
from streamguard.events.request import (
    Consent,
    Document,
    FunctionCall,
    FunctionTool,
    JsonSchemaFormat,
    Message,
    NamedFunction,
    NamedTool,
    PromptRef,
    Request,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
)
from streamguard.events.stages import CacheUse, PromptUsed
from streamguard.events.trail import Span, Verdict
from streamguard.events.usage import Usage
from streamguard.schemas.described import Described, field_docs

ASKED = (
    Message, TextPart, PromptRef, Document, ResponseFormat, JsonSchemaFormat, Tool, FunctionTool, ToolCall, FunctionCall,
    NamedTool, NamedFunction, Consent,
)  # fmt: skip
"""What a request is made of."""
ANSWERED = (ToolCall, FunctionCall, Usage, CacheUse, Verdict, Span, Timings, Provenance, PromptUsed)
"""What a response is made of."""
_PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9._:@/+=-]*$": "identifier",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": "identifier of a tenant",
    r"^[A-Za-z0-9_-]+$": "letters, digits, `_` and `-`",
    r"^[0-9A-Fa-f:.]+$": "IP address",
}
_NAMES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "object": "JSON object",
}
_RETRY: Mapping[Retry, str] = {
    "never": "no",
    "changed": "once it is put right",
    "after": "after `retry_after_us`",
    "later": "in a while",
}
_COST: Mapping[Cost, str] = {"nothing": "nothing", "calls": "the calls made by then"}
_MARKED = re.compile(r"(<!-- table ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class PageBroken(StreamguardError):
    """The page has a table that is not known here, or lacks one. The message names it."""


def tables() -> Mapping[str, str]:
    """The tables by the names that the page has for them."""
    return {
        "request": _of_asked(Request),
        "request-parts": "\n".join(f"**`{part.__name__}`**\n\n{_of_asked(part)}" for part in ASKED),
        "bounds": _bounds(),
        "response": _of_given(Response),
        "response-parts": "\n".join(f"**`{part.__name__}`**\n\n{_of_given(part)}" for part in ANSWERED),
        "chunk": _of_given(Chunk),
        "cancellation": _of_asked(Cancellation),
        "reasons": _reasons(reason for reason, why in REASONS.items() if not why.later),
        "reasons-later": _reasons(reason for reason, why in REASONS.items() if why.later),
    }


def filled(page: str) -> str:
    """The page with its tables as they should be. Raises `PageBroken`."""
    known = tables()
    there = [name for _, name, _ in _MARKED.findall(page)]
    if wrong := set(known).symmetric_difference(there):
        raise PageBroken(f"tables that are unknown or missing: {', '.join(sorted(wrong))}")
    return _MARKED.sub(lambda match: f"{match[1]}{known[match[2]]}{match[3]}", page)


def _of_asked(record: type[Record]) -> str:
    """A table of what services write: with defaults."""
    return _table(("field", "type", "when left out", "meaning"), _asked_rows(record))


def _of_given(record: type[Record]) -> str:
    """A table of what services read: with whether it can be missing."""
    return _table(("field", "type", "is there", "meaning"), _given_rows(record))


def _asked_rows(record: type[Record]) -> Iterator[Sequence[str]]:
    for name, kind, field, meaning in _fields(record):
        yield name, kind, "is needed" if field.is_required() else _default(field), meaning


def _given_rows(record: type[Record]) -> Iterator[Sequence[str]]:
    for name, kind, field, meaning in _fields(record):
        yield name, kind, "if it has a value" if field.default is None else "always", meaning


def _fields(record: type[Record]) -> Iterator[tuple[str, str, Any, str]]:
    shown: dict[str, Any] = record.model_json_schema(schema_generator=Described, ref_template="{model}")["properties"]
    docs = field_docs(record)
    for name, field in record.model_fields.items():
        wire = field.alias or name
        yield f"`{wire}`", _kind(shown[wire]), field, docs[name]


def _default(field: Any) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value in ((), {}, ""):
        return "nothing"
    if isinstance(value, BaseModel):
        return "all true" if isinstance(value, Consent) else "nothing"
    if value is True or value is False:
        return f"`{str(value).lower()}`"
    return f"`{value}`" if isinstance(value, str | int) else "an object without properties"


def _kind(schema: Mapping[str, Any]) -> str:
    if (options := schema.get("anyOf")) is not None:
        kinds = [_kind(option) for option in options if option.get("type") != "null"]
        # a code that a later release may add to: what is known says enough
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "code"))
    if (reference := schema.get("$ref")) is not None:
        return {"Reason": "[reason](#why-there-is-no-answer)", "JsonValue": "any JSON"}.get(reference, f"`{reference}`")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        kinds = _kind(schema["items"]).replace("identifier", "identifiers", 1)
        return f"list of {kinds}{_size(schema, 'Items')}"
    if kind == "string":
        pattern = schema.get("pattern", "")
        return (
            "code" if pattern == r"^[a-z][a-z0-9_]*$" else f"{_PATTERNS.get(pattern, 'text')}{_size(schema, 'Length')}"
        )
    if kind == "object" and (of := schema.get("additionalProperties", {}).get("type")) is not None:
        return f"{_NAMES[of]}s by name{_size(schema, 'Properties')}"
    return f"{_NAMES.get(str(kind), 'any JSON')}{_range(schema)}"


def _size(schema: Mapping[str, Any], what: str) -> str:
    least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}")
    unit = " characters" if what == "Length" else ""
    if most is not None:
        return f", at most {most:,}{unit}"
    return f", {least} at least" if least else ""


def _range(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    return f" from {least} on" if least is not None else ""


def _bounds() -> str:
    def rows() -> Iterator[Sequence[str]]:
        for name, meaning in _BOUNDS.items():
            yield f"`limits.{name}`", f"{Limits.model_fields[name].default:,}", meaning

    return _table(("key", "default", "bound"), rows())


_BOUNDS: Mapping[str, str] = {
    "user_per_minute": "requests of one user in any minute (`rate_limited_user`)",
    "ip_per_minute": "requests from one `client_ip` of one tenant in any minute (`rate_limited_ip`)",
    "max_request_bytes": "the record's bytes (`input_too_long`, as all below)",
    "max_messages": "`messages`",
    "max_documents": "`context`",
    "max_characters": "characters of all texts together",
    "max_input_tokens": "tokens of what the model is sent; old messages are trimmed first",
    "max_output_tokens": "tokens of the answer; a larger `max_output_tokens` is lowered to it",
    "seen_hours": "hours for which a `request_id` is remembered",
}


def _reasons(reasons: Iterable[Reason]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for reason in reasons:
            why = REASONS[reason]
            statuses = ", ".join(f"`{status}`" for status in why.statuses)
            yield f"`{reason}`", statuses, why.by, why.meaning, why.advice, _RETRY[why.retry], _COST[why.cost]

    return _table(("reason", "status", "decided by", "meaning", "what to do", "ask again", "cost"), rows())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
