"""How requests for Anthropic's messages are read: what the API refuses is refused here, too."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, cast

import orjson

from streamguard.dev.simulator import tokens
from streamguard.dev.simulator.chat import Asked, BadRequest, read_model
from streamguard.dev.simulator.prompt_cache import Prefix
from streamguard.dev.simulator.tools import Tool, Tools

_Block = Mapping[str, Any]
_MOST_MARKS = 4


def read_messages(body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
    """What is asked. Raises `BadRequest`."""
    if not headers.get("anthropic-version"):
        raise BadRequest("header is required", "anthropic-version")
    most = body.get("max_tokens")
    if not isinstance(most, int) or most < 1:
        raise BadRequest("must be a whole number above 0", "max_tokens")
    prompt = _Prompt()
    known = [_read_tool(tool, prompt) for tool in _list(body.get("tools"), "tools")]
    system = list(_blocks(body.get("system"), "system"))
    if system:
        prompt.message("system", "system")
        for block in system:
            prompt.add(block, _text_of(block, "system"))
    messages = _read_messages(body.get("messages"), prompt)
    if len(prompt.prefixes) > _MOST_MARKS:
        raise BadRequest(f"at most {_MOST_MARKS} blocks may have it", "cache_control")
    content = orjson.dumps((body.get("system"), body.get("messages"), body.get("tools"), most))
    system_text = "".join(_text_of(block, "system") for block in system)
    return Asked(
        model=read_model(body),
        messages=((("system", system_text),) if system else ()) + messages,
        schema=None,
        most_tokens=most,
        stream=bool(body.get("stream")),
        include_usage=True,
        digest=blake2b(content, digest_size=12).digest(),
        input_tokens=prompt.tokens + tokens.THE_ANSWER,
        tools=_tools(body, tuple(known)),
        prefixes=tuple(prompt.prefixes),
        pays_cache_writes=True,
    )


class _Prompt:
    """The prompt in the order in which the cache sees it, tools first: its digest and its tokens so far."""

    def __init__(self) -> None:
        self.tokens = 0
        self.prefixes: list[Prefix] = []
        self._digest = blake2b(digest_size=16)

    def message(self, role: str, counted_as: str) -> None:
        """A message begins."""
        self._digest.update(b"\0" + role.encode())
        self.tokens += tokens.A_MESSAGE + tokens.count(counted_as)

    def add(self, block: _Block, text: str) -> None:
        """A block, and what is counted of it. Where it is marked, the prompt so far may be cached."""
        unmarked = {key: value for key, value in block.items() if key != "cache_control"}
        self._digest.update(b"\1" + orjson.dumps(unmarked))
        self.tokens += tokens.count(text)
        if (mark := block.get("cache_control")) is not None:
            if not isinstance(mark, Mapping) or cast("_Block", mark).get("type") != "ephemeral":
                raise BadRequest("the only type is ephemeral", "cache_control")
            self.prefixes.append(Prefix(self._digest.copy().digest(), self.tokens))


def _read_messages(given: object, prompt: _Prompt) -> tuple[tuple[str, str], ...]:
    messages = _list(given, "messages")
    if not messages:
        raise BadRequest("at least one message is required", "messages")
    read: list[tuple[str, str]] = []
    waiting: set[object] = set()
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        role = message.get("role")
        if role not in ("user", "assistant"):
            raise BadRequest("must be user or assistant", f"{where}.role")
        if not read and role != "user":
            raise BadRequest("the first message must use the user role", where)
        prompt.message(role, role)
        results: set[object] = set()
        used: set[object] = set()
        for block in _blocks(message.get("content"), f"{where}.content"):
            text = _read_block(block, role, where)
            prompt.add(block, text)
            match block["type"]:
                case "tool_result":
                    results.add(block["tool_use_id"])
                    read.append(("tool", text))
                case "tool_use":
                    used.add(block["id"])
                    read.append((role, text))
                case _:
                    read.append((role, text))
        if results != waiting:
            raise BadRequest("each tool_use must have a tool_result in the next message, and no other", where)
        waiting = used
    if waiting:
        raise BadRequest("each tool_use must have a tool_result in the next message", "messages")
    return tuple(read)


def _read_block(block: _Block, role: str, where: str) -> str:
    """The text of a block that is counted."""
    match role, block:
        case _, {"type": "text"}:
            return _text_of(block, where)
        case "user", {"type": "tool_result", "tool_use_id": str()}:
            return "".join(_text_of(part, where) for part in _blocks(block.get("content"), where, empty=True))
        case "assistant", {"type": "tool_use", "id": str(), "name": str() as name, "input": Mapping()}:
            return name + orjson.dumps(block["input"]).decode()
        case "assistant", {"type": "thinking", "thinking": str() as thinking}:
            return thinking
        case _:
            raise BadRequest("is of no type that belongs into a message of this role", f"{where}.content")


def _text_of(block: _Block, where: str) -> str:
    text = block.get("text")
    if block.get("type") != "text" or not isinstance(text, str):
        raise BadRequest("must be text", where)
    if not text:
        raise BadRequest("text content blocks must be non-empty", where)
    return text


def _blocks(content: object, where: str, *, empty: bool = False) -> Iterator[_Block]:
    """Content as blocks: a string is one block of text."""
    if isinstance(content, str):
        if content or not empty:
            yield {"type": "text", "text": content}
        return
    if content is None and (empty or where == "system"):
        return
    blocks = _list(content, where)
    if not blocks and not empty:
        raise BadRequest("must not be empty", where)
    yield from blocks


def _list(given: object, where: str) -> list[_Block]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in cast("list[object]", given)):
        raise BadRequest("must be a list of objects", where)
    return cast("list[_Block]", given)


def _read_tool(tool: _Block, prompt: _Prompt) -> Tool:
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str) or not name or not isinstance(schema, Mapping):
        raise BadRequest("each needs a name and an input_schema", "tools")
    parameters = cast("_Block", schema)
    if parameters.get("type") != "object":
        raise BadRequest("input_schema must be of type object", "tools")
    prompt.add(tool, orjson.dumps({key: value for key, value in tool.items() if key != "cache_control"}).decode())
    return Tool(name, parameters)


def _tools(body: Mapping[str, Any], known: tuple[Tool, ...]) -> Tools:
    choice = body.get("tool_choice")
    if choice is not None and not known:
        raise BadRequest("may only be specified while providing tools", "tool_choice")
    one_at_most = isinstance(choice, Mapping) and bool(cast("_Block", choice).get("disable_parallel_tool_use"))
    match choice:
        case None | {"type": "auto"}:
            return Tools(known, one_at_most=one_at_most)
        case {"type": "none"}:
            return Tools()
        case {"type": "any"}:
            return Tools(known, forced=True, one_at_most=one_at_most)
        case {"type": "tool", "name": str() as name} if any(tool.name == name for tool in known):
            return Tools(known, forced=True, named=name)
        case _:
            raise BadRequest("must be auto, any, none or one of the tools", "tool_choice")
