"""A question as OpenAI's chat completions take it."""

import re
from collections.abc import Callable
from hashlib import blake2b

from streamguard.events.request import Message, ResponseFormat, Tool
from streamguard.providers.contract import ChatRequest
from streamguard.providers.openai_forms import strict_fits

_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_ID = 40
_NINE = re.compile(r"[A-Za-z0-9]{9}")

SpellId = Callable[[str], str]
"""How a server takes the id of a tool call. Without memory: a call and its result are spelled alike, whenever they are sent."""


def usual_id(given: str) -> str:
    """OpenAI takes 40 characters and refuses the question for more; vLLM, whose talk it may go on with, makes 46."""
    return given if len(given) <= _LONGEST_ID else f"call_{_digest(given)}"


def nine_letters(given: str) -> str:
    """Mistral takes nine letters and digits, neither more nor fewer, and refuses the question for others' ids."""
    return given if _NINE.fullmatch(given) else _digest(given)[:9]


def _digest(given: str) -> str:
    return blake2b(given.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def request_body(
    ask: ChatRequest, tokens_field: str, *, stream: bool = False, usage: bool = True, spell: SpellId = usual_id
) -> dict[str, object]:
    """The body of a request. `tokens_field` is the server's name for the most tokens of an answer; `usage` asks a stream for its
    usage. Messages keep their order: what stays the same stands first, and a provider's prompt cache knows it again."""
    body: dict[str, object] = {
        "model": ask.model,
        "messages": [_message(message, spell) for message in ask.messages],
        tokens_field: ask.max_output_tokens,
    }
    if ask.temperature is not None:
        body["temperature"] = ask.temperature
    if ask.response_format is not None and ask.response_format.type != "text":
        body["response_format"] = _form(ask.response_format)
    if ask.tools:
        body["tools"] = [_tool(tool) for tool in ask.tools]
        if ask.tool_choice is not None:
            choice = ask.tool_choice
            body["tool_choice"] = (
                choice if isinstance(choice, str) else {"type": "function", "function": {"name": choice.function.name}}
            )
    if stream:
        body["stream"] = True
        if usage:
            body["stream_options"] = {"include_usage": True}
    return body


def _message(message: Message, spell: SpellId) -> dict[str, object]:
    if message.tool_calls:
        return {
            "role": message.role,
            "content": message.content or None,
            "tool_calls": [
                {
                    "id": spell(call.id),
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in message.tool_calls
            ],
        }
    if message.tool_call_id is not None:
        return {"role": message.role, "content": message.content, "tool_call_id": spell(message.tool_call_id)}
    return {"role": message.role, "content": message.content}


def _tool(tool: Tool) -> dict[str, object]:
    function: dict[str, object] = {"name": tool.function.name, "parameters": tool.function.parameters}
    if tool.function.description is not None:
        function["description"] = tool.function.description
    if tool.function.strict is not None:
        function["strict"] = tool.function.strict
    return {"type": "function", "function": function}


def _form(form: ResponseFormat) -> dict[str, object]:
    if form.json_schema is None:
        return {"type": form.type}
    inner = form.json_schema
    # OpenAI takes fewer characters in a name than we do, and refuses the question for one
    name = _FOREIGN.sub("_", inner.name)[:64]
    return {
        "type": form.type,
        "json_schema": {"name": name, "schema": inner.schema_, "strict": inner.strict and strict_fits(inner.schema_)},
    }
