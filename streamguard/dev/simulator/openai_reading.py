"""How requests for OpenAI's chat completions are read."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, cast

import orjson

from streamguard.dev.simulator import tokens
from streamguard.dev.simulator.chat import Asked, BadRequest, read_model
from streamguard.dev.simulator.prompt_cache import Prefix
from streamguard.dev.simulator.tools import Tool, Tools

_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
_CACHED_STEP = 128
"""OpenAI caches prompts in steps of so many tokens."""


def read_chat(body: Mapping[str, Any], *, caching: bool) -> Asked:
    """What a chat request asks. `caching`: its prefixes are counted. Raises `BadRequest`."""
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise BadRequest("messages must be a list with at least one message", "messages")
    response_format = body.get("response_format")
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    if most is not None and (not isinstance(most, int) or most < 1):
        raise BadRequest("the most tokens must be a whole number above 0", "max_completion_tokens")
    options = body.get("stream_options") or {}
    content = orjson.dumps((given, response_format, most))
    messages = _messages(cast("list[object]", given))
    tools_tokens = tokens.count(orjson.dumps(body["tools"]).decode()) if body.get("tools") else 0
    return Asked(
        model=read_model(body),
        messages=messages,
        schema=_schema(response_format),
        most_tokens=most,
        stream=bool(body.get("stream")),
        include_usage=isinstance(options, Mapping) and bool(cast("Mapping[str, Any]", options).get("include_usage")),
        digest=blake2b(content, digest_size=12).digest(),
        input_tokens=tokens.count_messages(messages) + tools_tokens,
        tools=_tools(body),
        prefixes=_prefixes(body, messages, tools_tokens) if caching else (),
    )


def _messages(given: list[object]) -> tuple[tuple[str, str], ...]:
    asked_for: set[object] = set()
    messages: list[tuple[str, str]] = []
    for message in given:
        role, text = _message(message)
        fields = cast("Mapping[str, Any]", message)
        if role == "tool" and fields.get("tool_call_id") not in asked_for:
            raise BadRequest("a message of a tool must answer a tool call of a message before it", "messages")
        if role == "assistant":
            for call in fields.get("tool_calls") or ():
                asked_for.add(call.get("id") if isinstance(call, Mapping) else None)
        messages.append((role, text))
    return tuple(messages)


def _message(message: object) -> tuple[str, str]:
    if not isinstance(message, Mapping):
        raise BadRequest("each message must be an object", "messages")
    fields = cast("Mapping[str, Any]", message)
    role, content = fields.get("role"), fields.get("content")
    if not isinstance(role, str):
        raise BadRequest("each message must have a role", "messages")
    called = orjson.dumps(fields["tool_calls"]).decode() if fields.get("tool_calls") else ""
    if isinstance(content, list):
        parts = cast("list[Any]", content)
        return role, "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict)) + called
    if content is not None and not isinstance(content, str):
        raise BadRequest("each message's content must be a string or a list of parts", "messages")
    return role, (content or "") + called


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


def _tools(body: Mapping[str, Any]) -> Tools:
    given, choice = body.get("tools"), body.get("tool_choice")
    if not given:
        if choice is not None and choice != "none":
            raise BadRequest("tool_choice is only allowed when tools are specified", "tool_choice")
        return Tools()
    if not isinstance(given, list):
        raise BadRequest("tools must be a list", "tools")
    known = tuple(_tool(tool) for tool in cast("list[object]", given))
    one_at_most = body.get("parallel_tool_calls") is False
    match choice:
        case None | "auto":
            return Tools(known, one_at_most=one_at_most)
        case "none":
            return Tools()
        case "required":
            return Tools(known, forced=True, one_at_most=one_at_most)
        case {"type": "function", "function": {"name": str() as name}} if any(tool.name == name for tool in known):
            return Tools(known, forced=True, named=name)
        case _:
            raise BadRequest("tool_choice must be none, auto, required or one of the tools", "tool_choice")


def _tool(tool: object) -> Tool:
    match tool:
        case {"type": "function", "function": {"name": str() as name, **rest}} if name:
            parameters = rest.get("parameters")
            return Tool(
                name, cast("Mapping[str, Any]", parameters) if isinstance(parameters, Mapping) else _NO_ARGUMENTS
            )
        case _:
            raise BadRequest("each tool must be of type function, with a name", "tools")


def _prefixes(body: Mapping[str, Any], messages: tuple[tuple[str, str], ...], tools_tokens: int) -> tuple[Prefix, ...]:
    digest = blake2b(orjson.dumps(body.get("tools")), digest_size=16)
    so_far = tools_tokens
    prefixes: list[Prefix] = []
    for role, text in messages:
        digest.update(orjson.dumps((role, text)))
        so_far += tokens.count_messages([(role, text)]) - tokens.THE_ANSWER
        prefixes.append(Prefix(digest.copy().digest(), so_far // _CACHED_STEP * _CACHED_STEP))
    return tuple(prefixes)
