"""A question as Anthropic's messages API wants it.

Its rules, which OpenAI's API does not have (https://docs.anthropic.com/en/api/messages and its errors): instructions stand apart;
the first message is the user's; roles alternate; no text block is blank; a message that calls tools is followed by a user's
message that begins with the result of each of those calls, and with no other results; ids of calls are unique and made of
letters, digits, `_` and `-`; the schema of a tool is an object's at its root. Any list of our messages is brought into that form.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from streamguard.events.request import Message, NamedTool, Tool, ToolCall, ToolChoice
from streamguard.providers.anthropic_form import Form
from streamguard.providers.contract import ChatRequest

Block = dict[str, object]

_ID = re.compile(r"[A-Za-z0-9_-]+")
_CACHED: Block = {"type": "ephemeral"}
_GO_ON: Block = {"type": "text", "text": "Continue."}
"""Stands where the API wants the user to speak and nobody did."""
_NO_RESULT = "This call was not made."


@dataclass(frozen=True, slots=True)
class _Due:
    """A call that wants a result: its id, and the one that was sent."""

    id: str
    sent: str


def body_of(ask: ChatRequest, form: Form | None, *, cache_prompts: bool, stream: bool) -> dict[str, object]:
    """The request's body. `form`: how the answer's form is asked for. `cache_prompts` marks the instructions that stand first,
    and the tools, for the provider's cache: they are what stays the same from question to question."""
    body: dict[str, object] = {
        "model": ask.model,
        "max_tokens": ask.max_output_tokens,
        "messages": messages_of(ask.messages),
    }
    if system := _system(ask.messages, cache_prompts):
        body["system"] = system
    if ask.temperature is not None:
        body["temperature"] = min(1.0, ask.temperature)  # OpenAI's goes to 2
    tools = [_tool(tool) for tool in ask.tools]
    if form is not None:
        tools.append(form.tool)
        body["tool_choice"] = form.choice
    elif tools and ask.tool_choice is not None:
        body["tool_choice"] = _choice(ask.tool_choice)
    if tools:
        if cache_prompts:
            tools[-1]["cache_control"] = _CACHED
        body["tools"] = tools
    if stream:
        body["stream"] = True
    return body


def messages_of(messages: Sequence[Message]) -> list[dict[str, object]]:
    """The messages that are no instructions, in turns of user and assistant, the user's first and last.

    The last is the user's since an answer is asked for, not the rest of one: newer models refuse to go on with their own words.
    """
    turns: list[tuple[str, list[Block]]] = []
    used: set[str] = set()
    due: list[_Due] = []  # calls of the turn before
    for role, group in _grouped(messages):
        if role == "assistant":
            blocks, due = _spoken(group, used)
        else:
            blocks, due = _heard(group, due), []
        if not turns and role == "assistant":
            turns.append(("user", [_GO_ON]))
        if turns and turns[-1][0] == role:  # between the two stood nothing but results that are blank and of no call
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    if due:
        turns.append(("user", _heard([], due)))
    if not turns or turns[-1][0] == "assistant":
        turns.append(("user", [_GO_ON]))
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _grouped(messages: Sequence[Message]) -> Iterator[tuple[str, list[Message]]]:
    """Neighbours that make one turn. Messages that say nothing do not part their neighbours."""
    group: list[Message] = []
    role = "user"
    for message in messages:
        if message.role == "system" or not (message.content.strip() or message.tool_calls or message.role == "tool"):
            continue
        its = "assistant" if message.role == "assistant" else "user"
        if group and its != role:
            yield role, group
            group = []
        role = its
        group.append(message)
    if group:
        yield role, group


def _spoken(group: Sequence[Message], used: set[str]) -> tuple[list[Block], list[_Due]]:
    blocks: list[Block] = [_text(message.content) for message in group if message.content.strip()]
    due: list[_Due] = []
    for call in (call for message in group for call in message.tool_calls or ()):
        sent = _fresh(call.id, used)
        due.append(_Due(call.id, sent))
        blocks.append({"type": "tool_use", "id": sent, "name": call.function.name, "input": _arguments(call)})
    return blocks, due


def _heard(group: Sequence[Message], due: Sequence[_Due]) -> list[Block]:
    """Results first, one for each call; a result of no call is text like any other."""
    results: dict[str, Block] = {}
    rest: list[Block] = []
    for message in group:
        answers = (call.sent for call in due if call.id == message.tool_call_id and call.sent not in results)
        if message.role == "tool" and (sent := next(answers, None)) is not None:
            results[sent] = {"type": "tool_result", "tool_use_id": sent}
            if message.content.strip():
                results[sent]["content"] = message.content
        elif message.content.strip():
            rest.append(_text(message.content))
    for call in due:
        if call.sent not in results:
            missing: Block = {"type": "tool_result", "tool_use_id": call.sent, "content": _NO_RESULT, "is_error": True}
            results[call.sent] = missing
    return [*results.values(), *rest]


def _fresh(wanted: str, used: set[str]) -> str:
    """The id itself where the API takes it, else a new one that is the same whenever this conversation is sent."""
    sent = wanted if _ID.fullmatch(wanted) else f"call_{len(used)}"
    number = len(used)
    while sent in used:
        number += 1
        sent = f"call_{number}"
    used.add(sent)
    return sent


def _arguments(call: ToolCall) -> orjson.Fragment:
    """An object, always: what a model wrote may be cut off, or no object at all. Its text is sent as it is."""
    text = call.function.arguments
    try:
        good = isinstance(orjson.loads(text), dict)
    except ValueError:
        good = False
    return orjson.Fragment(text if good else "{}")


def _text(content: str) -> Block:
    return {"type": "text", "text": content}


def _system(messages: Sequence[Message], cache_prompts: bool) -> list[Block]:
    blocks: list[Block] = []
    first = 0  # how many of them stand before everything else
    for place, message in enumerate(messages):
        if message.role == "system" and message.content.strip():
            blocks.append(_text(message.content))
            if all(before.role == "system" for before in messages[:place]):
                first = len(blocks)
    if cache_prompts and first:
        blocks[first - 1]["cache_control"] = _CACHED
    return blocks


def _tool(tool: Tool) -> Block:
    made: Block = {"name": tool.function.name, "input_schema": {"type": "object", **tool.function.parameters}}
    if tool.function.description:
        made["description"] = tool.function.description
    return made


def _choice(choice: ToolChoice) -> Block:
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.function.name}
    return {"type": "any" if choice == "required" else choice}
