"""What OpenAI's chat completions answer, and the dialects of those who speak it too."""

import re
from typing import Any, cast

import orjson

from streamguard.events.request import FunctionCall, ToolCall
from streamguard.events.usage import Usage
from streamguard.providers.contract import ChatAnswer
from streamguard.providers.errors import EmptyAnswer, InvalidResponse
from streamguard.providers.failures import error_inside, word

UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError)
"""What reading JSON of an unknown shape raises."""
BROKEN_OFF = frozenset({"error", "insufficient_system_resource", "abort"})
"""Finish reasons of an answer that the server could not bring to its end (OpenRouter, DeepSeek, vLLM and SGLang)."""
_FINISH = {
    "model_length": "length",
    "max_tokens": "length",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "function_call": "tool_calls",
}
_MOST_TOKENS = 1_000_000_000
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME, _LONGEST_ID = 64, 128
"""What `FunctionName` and `ToolCall.id` hold."""


def read_answer(content: bytes) -> ChatAnswer:
    """The first choice of a chat completion. Raises `InvalidResponse`, `EmptyAnswer`, or what an error inside says."""
    try:
        body = cast("dict[str, Any]", orjson.loads(content))
        if not body.get("choices") and body.get("error"):
            raise error_inside(body["error"], otherwise=InvalidResponse)
        choice = body["choices"][0]
        message = choice["message"]
        text, _ = parts(message.get("content"))
        text = text or message.get("refusal") or ""
        tool_calls = tuple(
            tool_call(call["id"], call["function"]["name"], call["function"].get("arguments"), number)
            for number, call in enumerate(message.get("tool_calls") or ())
        )
        finish_reason = finish(choice.get("finish_reason"))
        usage = read_usage(body.get("usage"))
        response_id, response_model = word(body.get("id")), word(body.get("model"))
    except UNREADABLE:
        # from None: orjson's error carries the document
        raise InvalidResponse(status=200) from None
    if not isinstance(text, str) or finish_reason in BROKEN_OFF:
        raise InvalidResponse(status=200)
    return answer_of(text, tool_calls, usage, finish_reason, response_id, response_model)


def answer_of(
    text: str,
    tool_calls: tuple[ToolCall, ...],
    usage: Usage | None,
    finish_reason: str | None,
    response_id: str | None,
    response_model: str | None,
) -> ChatAnswer:
    """The answer of these parts. Raises `EmptyAnswer` where there is nothing in it."""
    if not tool_calls and not text.strip():
        raise EmptyAnswer(
            status=200,
            usage=usage,
            finish_reason=finish_reason,
            response_id=response_id,
            response_model=response_model,
        )
    return ChatAnswer(text, usage, finish_reason, response_id, response_model, tool_calls)


def parts(content: object) -> tuple[str, str]:
    """Text and reasoning of a `content`: a text, or a list of parts, as Mistral's reasoning models write it."""
    if content is None or isinstance(content, str):
        return content or "", ""
    if not isinstance(content, list):
        raise TypeError
    text: list[str] = []
    thoughts: list[str] = []
    for part in cast("list[dict[str, Any]]", content):
        if part["type"] == "text":
            text.append(part["text"])
        elif part["type"] == "thinking":
            inner = part["thinking"]
            thoughts.append(inner if isinstance(inner, str) else parts(inner)[0])
    return "".join(text), "".join(thoughts)


def tool_call(call_id: object, name: object, arguments: object, number: int) -> ToolCall:
    """One call of a tool. A server that names none of its calls, or sends arguments as an object, is understood.

    Models make names up, such as `functions.track`. That is a wrong answer, which goes back to them, and no failure of their
    provider: else whoever talks a model into it would open its breaker for everybody. So names are spelled as names are.
    Raises `ValueError` where there is none.
    """
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else orjson.dumps(arguments).decode()
    if isinstance(name, str):
        name = _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME]
    return ToolCall(
        id=call_id if isinstance(call_id, str) and 0 < len(call_id) <= _LONGEST_ID else f"call_{number}",
        function=FunctionCall.model_validate({"name": name, "arguments": arguments or "{}"}),
    )


def finish(value: object) -> str | None:
    """A finish reason in OpenAI's word for it."""
    told = word(value)
    return _FINISH.get(told, told) if told else None


def read_usage(value: Any) -> Usage | None:
    """Tokens as reported; None, never zero, where the report is missing or makes no sense: the answer is good all the same.

    Output includes reasoning. Where the total shows that a server counts it apart, it is added: xAI names it, and Google leaves
    it to the difference. There is no prompt of no tokens: servers that do not count tell 0.
    """
    try:
        given, made = _tokens(value["prompt_tokens"]), _tokens(value["completion_tokens"])
        details = value.get("prompt_tokens_details") or {}
        # DeepSeek's name for them
        cached = _tokens(details.get("cached_tokens") or value.get("prompt_cache_hit_tokens") or 0)
        thought = _tokens((value.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0)
        if thought and (thought > made or value.get("total_tokens") == given + made + thought):
            made += thought
        elif not thought and isinstance(total := value.get("total_tokens"), int):
            thought = max(0, _tokens(total) - given - made)
            made += thought
        if not given or cached > given:
            return None
        return Usage(input_tokens=given, output_tokens=made, cache_read_tokens=cached, reasoning_tokens=thought)
    except UNREADABLE:
        return None


def _tokens(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_TOKENS:
        raise ValueError
    return value
