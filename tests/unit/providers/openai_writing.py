"""How OpenAI writes answers, whole and in chunks."""

from typing import Any

import orjson

from streamguard.events.request import FunctionCall, ToolCall
from streamguard.events.usage import Usage
from streamguard.providers.contract import ChatAnswer, RateLimit

USAGE = {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}
READ = Usage(input_tokens=19, output_tokens=10)
AZURE = {
    "kind": "openai",
    "name": "azure.ai.openai",
    "base_url": "https://res.openai.azure.com/openai/deployments/gpt-4o",
    "key_header": "api-key",
    "query": {"api-version": "2024-10-21"},
}
FILTERS = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk as OpenAI writes it."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1694268190,
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": choices,
        **more,
    }


def completion(message: dict[str, Any], finish: str = "stop", **more: Any) -> bytes:
    """A whole answer as OpenAI writes it."""
    return orjson.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1741569952,
            "model": "gpt-4o-2024-08-06",
            "choices": [
                {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
            ],
            "usage": USAGE,
            **more,
        }
    )


def answer(
    text: str,
    usage: Usage | None = READ,
    finish: str | None = "stop",
    tool_calls: tuple[ToolCall, ...] = (),
    rate: RateLimit | None = None,
) -> ChatAnswer:
    """What it must become."""
    return ChatAnswer(text, usage, finish, "chatcmpl-1", "gpt-4o-2024-08-06", tool_calls, rate)


def called(call_id: str, name: str, arguments: str) -> ToolCall:
    return ToolCall(id=call_id, function=FunctionCall(name=name, arguments=arguments))


START = chunk({"role": "assistant", "content": "", "refusal": None}, usage=None)
HELLO = (START, chunk({"content": "Grüße, "}, usage=None), chunk({"content": "Welt 👋"}, usage=None))
STOP = chunk({}, "stop", usage=None)
TEXT = "Grüße, Welt 👋"
