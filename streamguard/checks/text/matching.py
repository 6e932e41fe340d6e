"""The boundary to re2 and Aho-Corasick: both are compiled extensions without types.

Everything that meets text of users runs on these: linear in the text, whatever the text is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import ahocorasick  # pyright: ignore[reportMissingImports]  # compiled, comes without stubs
import re2


class _Match(Protocol):
    def span(self, group: int = 0) -> tuple[int, int]: ...


class _Compiled(Protocol):
    def finditer(self, text: str) -> Iterator[_Match]: ...


class _CompiledSet(Protocol):
    def Add(self, pattern: bytes) -> int: ...
    def Compile(self) -> object: ...
    def Match(self, text: bytes) -> list[int] | None: ...


class _Automaton(Protocol):
    def add_word(self, word: str, value: str) -> bool: ...
    def make_automaton(self) -> None: ...
    def iter(self, text: str) -> Iterator[tuple[int, str]]: ...


class Pattern:
    """One regular expression in re2's syntax. `group` is the part whose place is reported, 0 the whole match."""

    def __init__(self, expression: str, *, group: int = 0, options: object = None) -> None:
        self._compiled = cast(_Compiled, re2.compile(expression, cast(Any, options)))
        self._group = group

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it matches, from left to right, without overlaps, in characters."""
        for match in self._compiled.finditer(text):
            yield match.span(self._group)

    def found_in(self, text: str) -> bool:
        return next(self.spans(text), None) is not None


class BadPattern(ValueError):
    """An expression cannot be used. The message says why; it holds no text of users, but may quote the expression."""


def operators_pattern(expression: str) -> Pattern:
    """A pattern that an operator wrote, of bounded length and memory. Raises `BadPattern`."""
    if not expression:
        raise BadPattern("an empty pattern matches everything")
    if len(expression) > _LONGEST:
        raise BadPattern(f"a pattern has at most {_LONGEST} characters")
    options = cast(Any, re2.Options())
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        return Pattern(expression, options=options)
    except re2.error as error:
        reason = cast(object, error.args[0] if error.args else "")
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadPattern(f"not a pattern in re2's syntax: {told}") from None


_LONGEST = 1_000
_MEMORY = 1 << 20
"""Of one compiled pattern; what does not fit (`(a{1,300}){1,300}`) is refused when it is read."""


class PatternSet:
    """Many regular expressions of ASCII matched in one pass; tells which matched, not where.

    Other characters of a text are matched as `?`: an automaton over bytes is several times smaller than one over UTF-8. Between
    two parts of an expression write `[^.!?]*` (the rest of a sentence) rather than a counted `.{0,80}`, which multiplies its
    states.
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        parts = (expressions[first::_PARTS] for first in range(_PARTS))
        self._sets = tuple(_compiled_set(part) for part in parts if part)

    def matches(self, text: str) -> list[int]:
        """The positions, in the sequence given, of those that match somewhere in `text`."""
        plain = text.encode("ascii", "replace")
        return sorted(
            place * _PARTS + first for first, part in enumerate(self._sets) for place in part.Match(plain) or ()
        )


_PARTS = 4
"""Sets that the expressions are dealt out to. A text made of their own words builds new states of one big automaton at every
step: 64 instead of 220 ms for 256 KB, against 9 instead of 3 µs for an ordinary message."""


def _compiled_set(expressions: Sequence[str]) -> _CompiledSet:
    options = cast(Any, re2.Options())
    # Beyond its memory the automaton forgets its states and builds them again; 8 MB is the library's default.
    options.max_mem = 16 << 20
    options.encoding = cast(Any, re2.Options).Encoding.LATIN1
    compiled = cast(_CompiledSet, cast(Any, re2.Set).SearchSet(options))
    for expression in expressions:
        compiled.Add(expression.encode("ascii"))
    compiled.Compile()
    return compiled


class Words:
    """Many literal strings looked for in one pass."""

    def __init__(self, words: Iterable[str]) -> None:
        self._automaton = cast(_Automaton, cast(Any, ahocorasick).Automaton())
        for word in words:
            self._automaton.add_word(word, word)
        self._automaton.make_automaton()

    def within(self, text: str) -> set[str]:
        """Which of the words occur in `text`, anywhere."""
        return {word for _, word in self._automaton.iter(text)}

    def ends(self, text: str) -> Iterator[tuple[int, str]]:
        """`(place of its last character, word)` of each occurrence, overlapping ones too, in the order of these places."""
        return self._automaton.iter(text)

    def whole(self, text: str) -> Iterator[tuple[int, int, str]]:
        """`(start, end, word)` of those that stand between word boundaries."""
        for last, word in self._automaton.iter(text):
            start, end = last + 1 - len(word), last + 1
            if (start == 0 or not text[start - 1].isalnum()) and (end == len(text) or not text[end].isalnum()):
                yield start, end, word


def translation(groups: Mapping[str, str]) -> dict[int, str]:
    """A table for `str.translate` from `{"a": "áà"}`: what to write, and the characters to write it for."""
    return {ord(character): written for written, characters in groups.items() for character in characters}
