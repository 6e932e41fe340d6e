"""Counting tokens as OpenAI's newer models do (the vocabulary o200k)."""

from collections.abc import Sequence
from functools import cache
from typing import Protocol, cast

import bpe_openai
from pydantic_core import to_json

from streamguard.events.request import Message, Tool

_PIECE = 50_000
"""Characters counted at once: the library refuses texts of more than 200,000 tokens, which four bytes a token cannot reach."""
_PER_MESSAGE = 4
"""OpenAI's chat format puts role and separators around each message; no more than this many tokens."""
_PER_ANSWER = 3
"""And the answer's opening after the last one."""


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...


@cache
def _encoding() -> _Encoding:
    return cast(_Encoding, bpe_openai.get_encoding("o200k_base"))


def count_tokens(text: str) -> int:
    """Tokens of `text`; what looks like a special token counts as text. Long texts are counted in pieces, which can
    exceed the exact number by one token a seam."""
    encode = _encoding().encode_ordinary
    if len(text) <= _PIECE:
        return len(encode(text))
    return sum(len(encode(text[start : start + _PIECE])) for start in range(0, len(text), _PIECE))


def count_message_tokens(messages: Sequence[Message]) -> int:
    """Tokens of a whole prompt, with what the chat format adds; never less than what a provider counts for it. Tools and the
    schema of an answer are not in it: they are no messages."""
    return sum(count_tokens(_said(message)) + _PER_MESSAGE for message in messages) + _PER_ANSWER


def count_tool_tokens(tools: Sequence[Tool]) -> int:
    """Tokens of the tools that go with a prompt, by their JSON: vendors write them in forms of their own, which are shorter."""
    return sum(count_tokens(to_json(tool.function, exclude_none=True).decode()) for tool in tools)


def _said(message: Message) -> str:
    if not message.tool_calls:
        return message.content
    # vendors write calls of tools into the prompt in forms of their own, none longer than the JSON
    return message.content + "".join(call.model_dump_json() for call in message.tool_calls)
