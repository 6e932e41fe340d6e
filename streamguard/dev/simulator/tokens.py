"""Token counts as OpenAI bills them: the o200k vocabulary, three tokens a message and three for the answer's start."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol, cast

A_MESSAGE = 3
THE_ANSWER = 3
_SLICE = 500_000
"""Characters that are encoded at once; the encoder takes a million at most."""


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str: ...


@lru_cache(maxsize=1)
def _encoding() -> _Encoding:
    import bpe_openai  # reads its vocabularies when it is imported: not before the first count

    return cast("_Encoding", bpe_openai.get_encoding("o200k_base"))


@lru_cache(maxsize=2048)
def count(text: str) -> int:
    """Tokens of a text."""
    encoding = _encoding()
    return sum(len(encoding.encode_ordinary(text[at : at + _SLICE])) for at in range(0, len(text), _SLICE))


def count_messages(messages: Iterable[tuple[str, str]]) -> int:
    """Tokens of a prompt given as roles and texts."""
    return THE_ANSWER + sum(A_MESSAGE + count(role) + count(text) for role, text in messages)


def cut(text: str, most: int) -> str:
    """The text's first `most` tokens."""
    encoding = _encoding()
    tokens = encoding.encode_ordinary(text)
    return text if len(tokens) <= most else encoding.decode(tokens[:most])
