"""How much a question asks of a model: a score from 0 to 1, and what it is made of.

A sum of parts, each with a name and an upper bound, so that anyone can see why a question went where it went. It reads what
users said, above all in the last turn, never the instructions of the service; of a long text the beginning and the end. It is
linear in the text, asks no model, and gives the same ask the same score.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import ahocorasick  # pyright: ignore[reportMissingImports]  # compiled, comes without stubs
from pydantic import JsonValue

from streamguard.events.request import Message, ResponseFormat
from streamguard.events.stages import Ask
from streamguard.providers.complexity_words import CONDITIONS, DEEP, HINTS, THINK, TRACES

_HEAD, _TAIL = 800, 400
"""Characters of a text that are read for words: what is wanted stands at the beginning or at the end, and the more is read, the
more words are found that mean nothing."""
_DEEP, _HINT = 0.35, 0.12
"""What one family of words takes of what is left to 1; …"""
_STRONG = {"prove": 0.55, "why": 0.2}
"""… those that tell more, or less, than others of their kind; …"""
_THINK, _THINK_MORE, _THINK_MOST = 0.31, 0.09, 0.5
"""… and the families of explaining and writing together: the first, each further one, all."""
_FENCE = "<data-"
_OPENED = re.compile(r'<data-([0-9a-f]{12}) kind="([a-z]{1,16})"(?: id="[^"\n]{0,128}")?>\n')
_MARKS = re.compile("[\u0300-\u036f]+")
_FOREIGN = re.compile("[\u0370-\u1fff\u3040-\ud7ff]")
_NUMBER = re.compile(r"\d+")
_ITEM = re.compile(r"\n[ \t]{0,8}(?:[-*•]|\(?\d{1,2}[.)]|\(?[a-h][.)])[ \t]")
_INLINE_ITEM = re.compile(r"[^\n]\(\d{1,2}\) ")
_SYMBOLS = "{}();=<>_[]"


@dataclass(frozen=True, slots=True)
class Complexity:
    """`score` is the sum of the contributions, at most 1. Every name is always there; a part that says nothing is 0."""

    score: float
    contributions: Mapping[str, float]


def complexity(ask: Ask) -> Complexity:
    """What `ask` asks of a model, after these parts (the most that each can add):

    `length` of the last turn (.35), `questions` in it, enumerated ones too (.2), `reasoning`: words of proving, designing,
    comparing … (.8), `conditions` that must hold and numbers to keep in mind (.25), `code` and traces (.25), `schema`: depth and
    size of the form wanted (.2), `history`: earlier messages, and how much the question before asked (.2), `tools` (.1),
    `documents` (.15).
    """
    turn, before, earlier, documents = _turns(ask.messages)
    said = _Said("\n".join(turn))
    parts = {
        "length": said.length,
        "questions": said.questions,
        "reasoning": said.reasoning,
        "conditions": said.conditions,
        "code": said.code,
        "schema": _form(ask.response_format),
        "history": _history(earlier, before),
        "tools": min(0.1, 0.02 * len(ask.tools)),
        "documents": _documents(documents),
    }
    parts = {name: round(part, 3) for name, part in parts.items()}
    return Complexity(round(min(1.0, sum(parts.values())), 3), parts)


class _Said:
    """What is read out of one text."""

    def __init__(self, text: str) -> None:
        tokens = len(text.encode("utf-8", "surrogatepass")) / 4
        self.length = min(0.35, max(0.0, 0.07 * math.log2(tokens / 12))) if tokens else 0.0
        read = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"
        asked = sum(map(read.count, "?？؟")) + len(_ITEM.findall(f"\n{read}")) + len(_INLINE_ITEM.findall(read))
        self.questions = min(0.2, 0.05 * max(0, asked - 1))
        found = _WORDS.families(_folded(read))
        self.reasoning = min(0.8, _reasoning(found))
        conditions = sum(1 for family in found if family.startswith(_CONDITION))
        numbers = len(set(_NUMBER.findall(read)))
        self.conditions = min(0.25, 0.05 * conditions + 0.02 * max(0, numbers - 2))
        dense = sum(map(read.count, _SYMBOLS)) > max(5, 0.04 * len(read))
        self.code = min(0.25, 0.12 * ("```" in text or dense) + 0.1 * (_TRACE in found))

    @property
    def text_score(self) -> float:
        return self.length + self.questions + self.reasoning + self.conditions + self.code


def _reasoning(families: set[str]) -> float:
    left = math.prod(1 - _WEIGHTS[family] for family in families if family in _WEIGHTS)
    if think := sum(1 for family in families if family in _THINKING):
        left *= 1 - min(_THINK_MOST, _THINK + _THINK_MORE * (think - 1))
    return 1 - left


def _history(earlier: int, before: str) -> float:
    """`earlier` messages of users and models, the last question among them being `before`."""
    if not earlier:
        return 0.0
    return min(0.2, 0.01 * earlier + (0.15 * min(1.0, _Said(before).text_score) if before else 0.0))


def _documents(sizes: list[int]) -> float:
    """Documents of `sizes` characters."""
    return min(0.15, 0.02 * len(sizes) + 0.02 * math.log2(1 + sum(sizes) / 2000))


def _form(wanted: ResponseFormat | None) -> float:
    if wanted is None or wanted.type == "text":
        return 0.0
    if wanted.json_schema is None:
        return 0.02
    depth, size = _measure(wanted.json_schema.schema_)
    return min(0.2, 0.02 + 0.03 * max(0, depth - 1) + 0.004 * size)


def _measure(schema: Mapping[str, JsonValue]) -> tuple[int, int]:
    """How deep objects and lists of a schema lie in each other, and its number of properties; references are not followed."""
    deepest, size = 0, 0
    waiting: list[tuple[JsonValue, int]] = [(dict(schema), 0)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, list):
            waiting += [(child, depth) for child in node]
        elif isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict):
                size += len(properties)
            inner = depth + (isinstance(properties, dict) or "items" in node)
            deepest = max(deepest, inner)
            waiting += [(child, inner) for child in node.values()]
    return deepest, size


def _turns(messages: Iterable[Message]) -> tuple[list[str], str, int, list[int]]:
    """What users said last, what they said before that, how many messages came earlier, and the sizes of all documents."""
    turn: list[str] = []
    before, earlier = "", 0
    documents: list[int] = []
    for message in messages:
        if message.role == "system":
            continue
        if message.role != "user":
            if turn:
                before, turn = "\n".join(turn), []
            earlier += 1
            if message.role == "tool":
                documents.append(len(message.content))
            continue
        earlier += bool(turn)
        for kind, text in _parts(message.content):
            if kind in ("document", "tool"):
                documents.append(len(text))
            else:
                turn.append(text)
    return turn, before, earlier + bool(before), documents


def _parts(content: str) -> Iterator[tuple[str, str]]:
    """`(kind, text)` of what stands in fences, as `streamguard.prompts.fencing` makes them; without any, all of it is the user's.

    Around fences stands the text of a template, which is the service's.
    """
    place = content.find(_FENCE)
    fenced = False
    while place >= 0:
        opened = _OPENED.match(content, place)
        if opened is None:
            place = content.find(_FENCE, place + 1)
            continue
        end = content.find(f"\n</data-{opened[1]}>", opened.end() - 1)
        if end < 0:
            break
        fenced = True
        yield opened[2], content[opened.end() : end]
        place = content.find(_FENCE, end + 1)
    if not fenced:
        yield "user", content


def _folded(text: str) -> str:
    """Without case and accents."""
    folded = text.casefold()
    return folded if folded.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", folded))


class _Automaton(Protocol):
    def add_word(self, word: str, value: tuple[str, int, bool, bool]) -> bool: ...
    def make_automaton(self) -> None: ...
    def iter(self, text: str) -> Iterator[tuple[int, tuple[str, int, bool, bool]]]: ...


class _Words:
    """All stems, looked for in one pass (Aho and Corasick). Two tries: at the root of one with every script a step takes long."""

    def __init__(self, families: Mapping[str, str]) -> None:
        self._latin, self._foreign = (cast(_Automaton, cast(Any, ahocorasick).Automaton()) for _ in range(2))
        for family, stems in families.items():
            for stem in stems.split("|"):
                word = _folded(stem.removeprefix("*").removesuffix("."))
                inside = stem.startswith("*") or word[0] >= "\u0590"
                trie = self._latin if word.isascii() else self._foreign
                trie.add_word(word, (family, len(word), inside, stem.endswith(".")))
        self._latin.make_automaton()
        self._foreign.make_automaton()

    def families(self, text: str) -> set[str]:
        """The families of the stems in `text`, which is folded."""
        found: set[str] = set()
        foreign = not text.isascii() and _FOREIGN.search(text)
        for trie in (self._latin, self._foreign) if foreign else (self._latin,):
            for last, (family, length, inside, whole) in trie.iter(text):
                if family in found:
                    continue
                start = last - length
                if not inside and start >= 0 and text[start].isalnum():
                    continue
                if whole and last + 1 < len(text) and text[last + 1].isalnum():
                    continue
                found.add(family)
        return found


_WEIGHTS = {**dict.fromkeys(HINTS, _HINT), **dict.fromkeys(DEEP, _DEEP), **_STRONG}
_THINKING = THINK.keys() - _STRONG.keys()
_CONDITION = "if "
_TRACE = "trace"
_WORDS = _Words(
    {
        **DEEP,
        **THINK,
        **HINTS,
        _TRACE: TRACES,
        **{f"{_CONDITION}{word}": word for word in CONDITIONS.split("|") if word.strip()},
    }
)
