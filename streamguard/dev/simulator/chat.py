"""A chat completion without the wire: what was asked, and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any, cast

import orjson

from streamguard.dev.simulator import prose, tokens
from streamguard.dev.simulator.instances import instance
from streamguard.dev.simulator.settings import Fault
from streamguard.errors import StreamguardError

_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


class BadRequest(StreamguardError):
    """A body that no provider takes. The message is the simulator's own and names the parameter, never what it holds."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a chat completion. `schema` is what the answer must fit when it is to be JSON, else None."""

    model: str
    messages: tuple[tuple[str, str], ...]
    schema: Mapping[str, Any] | None
    most_tokens: int | None
    stream: bool
    include_usage: bool
    digest: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, as long as `most_tokens` let it become."""

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int


def read_body(body: bytes) -> dict[str, Any]:
    """A request's JSON object. Raises `BadRequest`."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(read, dict):
        raise BadRequest("the body is not a JSON object")
    return cast("dict[str, Any]", read)


def read_model(body: Mapping[str, Any]) -> str:
    """The model that a request names. Raises `BadRequest`."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("you must provide a model parameter", "model")
    return model


def read_chat(body: Mapping[str, Any]) -> Asked:
    """What a chat request asks. Raises `BadRequest`."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message", "messages")
    response_format = body.get("response_format")
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    if most is not None and (not isinstance(most, int) or most < 1):
        raise BadRequest("the most tokens must be a whole number above 0", "max_completion_tokens")
    options = body.get("stream_options") or {}
    content = orjson.dumps((messages, response_format, most))
    return Asked(
        model=read_model(body),
        messages=tuple(_message(message) for message in cast("list[object]", messages)),
        schema=_schema(response_format),
        most_tokens=most,
        stream=bool(body.get("stream")),
        include_usage=isinstance(options, Mapping) and bool(cast("Mapping[str, Any]", options).get("include_usage")),
        digest=blake2b(content, digest_size=12).digest(),
    )


def reply(asked: Asked, dice: Random, fault: Fault | None) -> Reply:
    """The answer. The same dice give the same one; a `fault` that is about the text is in it."""
    question = "\n".join(text for role, text in asked.messages if role == "user")
    said = prose.answer(question, dice)
    if fault is Fault.LEAKED_PROMPT:
        said = prose.leaking(said, next((text for role, text in asked.messages if role in ("system", "developer")), ""))
    elif fault is Fault.ECHOED_PERSONAL_DATA:
        said = prose.with_personal_data(said, dice)
    if asked.schema is not None:
        said = _as_json(asked.schema, said, dice, fault)
    if fault is Fault.EMPTY_ANSWER:
        said = ""
    output_tokens = tokens.count(said)
    finish_reason = "stop"
    if asked.most_tokens is not None and output_tokens > asked.most_tokens:
        said = tokens.cut(said, asked.most_tokens)
        output_tokens, finish_reason = asked.most_tokens, "length"
    return Reply(said, finish_reason, tokens.count_messages(asked.messages), output_tokens)


def _as_json(schema: Mapping[str, Any], said: str, dice: Random, fault: Fault | None) -> str:
    if fault is Fault.WRONG_SCHEMA:
        return '["unexpected"]' if schema.get("type") == "object" else '{"unexpected":true}'
    made = orjson.dumps(instance(schema, dice, lambda: said)).decode()
    if fault is Fault.BROKEN_JSON:
        return made[: max(1, len(made) * 2 // 3)]
    if fault is Fault.FENCED_JSON:
        return f"Here is what you asked for:\n\n```json\n{made}\n```\n"
    return made


def _message(message: object) -> tuple[str, str]:
    if not isinstance(message, Mapping):
        raise BadRequest("each message must be an object", "messages")
    fields = cast("Mapping[str, Any]", message)
    role, content = fields.get("role"), fields.get("content")
    if not isinstance(role, str):
        raise BadRequest("each message must have a role", "messages")
    if isinstance(content, list):
        parts = cast("list[Any]", content)
        return role, "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
    if content is not None and not isinstance(content, str):
        raise BadRequest("each message's content must be a string or a list of parts", "messages")
    return role, content or ""


def _schema(response_format: object) -> Mapping[str, Any] | None:
    if response_format is None:
        return None
    fields = cast("Mapping[str, Any]", response_format) if isinstance(response_format, Mapping) else {}
    match fields.get("type"):
        case "text":
            return None
        case "json_object":
            return _ANY_OBJECT
        case "json_schema":
            described = fields.get("json_schema")
            schema = cast("Mapping[str, Any]", described).get("schema") if isinstance(described, Mapping) else None
            if isinstance(schema, Mapping):
                return cast("Mapping[str, Any]", schema)
            raise BadRequest("json_schema must hold a schema", "response_format")
        case _:
            raise BadRequest("response_format must be text, json_object or json_schema", "response_format")
