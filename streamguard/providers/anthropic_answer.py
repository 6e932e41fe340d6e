"""What Anthropic's messages API answers (https://docs.anthropic.com/en/api/messages).

Nothing that a server wrote leaves here but the answer itself, numbers, and codes that look like codes.
"""

from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from streamguard.events.request import ToolCall
from streamguard.events.usage import Usage
from streamguard.providers.anthropic_form import Form
from streamguard.providers.contract import ChatAnswer
from streamguard.providers.errors import InvalidResponse
from streamguard.providers.failures import word
from streamguard.providers.openai_answer import UNREADABLE, answer_of, tool_call

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_MOST_TOKENS = 1_000_000_000


@dataclass(slots=True)
class Draft:
    """An answer on its way to being whole. `in_form` is what a tool was given that stands for the answer."""

    text: list[str] = field(default_factory=list[str])
    in_form: str | None = None
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    stop_reason: str | None = None
    usage: Usage | None = None
    response_id: str | None = None
    response_model: str | None = None

    def answer(self) -> ChatAnswer:
        """Raises `EmptyAnswer` for one without a word and without a call."""
        reason = self.stop_reason
        finish = _FINISH.get(reason, reason) if reason else None
        if self.in_form is not None and reason == "tool_use":
            finish = "stop"
        text = "".join(self.text) if self.in_form is None else self.in_form
        return answer_of(text, tuple(self.calls), self.usage, finish, self.response_id, self.response_model)


def read_answer(content: bytes, form: Form | None) -> ChatAnswer:
    """A whole message; `form` as it was asked for. Raises `InvalidResponse` or `EmptyAnswer`."""
    draft = Draft()
    try:
        body = cast("dict[str, Any]", orjson.loads(content))
        for block in body["content"]:
            # thinking, and what later versions bring, is charged for and not shown
            if block["type"] == "text":
                draft.text.append(text_of(block["text"]))
            elif block["type"] == "tool_use" and form is None:
                draft.calls.append(tool_call(block["id"], block["name"], block["input"], len(draft.calls)))
            elif block["type"] == "tool_use" and form is not None and draft.in_form is None:
                draft.in_form = form.text(block["input"])
        draft.stop_reason = word(body.get("stop_reason"))
        draft.usage = read_usage(body.get("usage"))
        draft.response_id, draft.response_model = word(body.get("id")), word(body.get("model"))
    except UNREADABLE:
        # from None: orjson's error carries the document
        raise InvalidResponse(status=200) from None
    return draft.answer()


def read_usage(told: Any) -> Usage | None:
    """Tokens as reported; None, never zero, where the report is missing or makes no sense: the answer is good all the same.

    Anthropic counts what was read from the cache and what was written to it beside the input, not in it. There is no prompt of no
    tokens: servers that do not count tell 0.
    """
    try:
        read, written = _tokens(told.get("cache_read_input_tokens")), _tokens(told.get("cache_creation_input_tokens"))
        given = _tokens(told["input_tokens"]) + read + written
        if not given:
            return None
        return Usage(
            input_tokens=given,
            output_tokens=_tokens(told["output_tokens"]),
            cache_read_tokens=read,
            cache_write_tokens=written,
        )
    except UNREADABLE:
        return None


def text_of(value: object) -> str:
    """`value`, which must be a text. Raises `TypeError`."""
    if not isinstance(value, str):
        raise TypeError
    return value


def _tokens(value: object) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_TOKENS:
        raise ValueError
    return value
