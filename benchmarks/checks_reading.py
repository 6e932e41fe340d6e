"""Reading labelled texts: what is given on the command line of `python -m benchmarks.checks` becomes rows.

Forms, told apart by content: JSONL of `{"text", "label"}`, with `role` and `kind` where they matter; CSV with a header
`text,label` (the same further columns); a JSON list of texts or of such objects; a JSON list of objects with `prompt`
(NotInject's form, harmless unless they are labelled); a JSON object of category to texts (BIPIA's form: attacks, hidden in
documents). What a file does not say its name may: see `_BENIGN`, `_ATTACK`, `_FOREIGN`. `FILE=1`, `FILE=0`, `FILE:document` and
`FILE:document=1` say it outright.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, get_args

import orjson

from streamguard.checks.contract import Role

_BENIGN = re.compile(r"not_?-?inject|benign|chat|clean|harmless|negative")
_ATTACK = re.compile(r"jailbreak|attack|malicious|bipia|buried|(?<!not)(?<!not[_-])inject")
_FOREIGN = re.compile(r"bipia|buried|indirect|document")
_GIVEN = re.compile(r"(?P<path>.+?)(?::(?P<role>[a-z]+))?(?:=(?P<label>.*))?")

_LABELS: Mapping[str, int] = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "injection", "jailbreak", "attack", "malicious", "unsafe"), 1),
    **dict.fromkeys(("0", "0.0", "false", "no", "benign", "safe", "clean", "harmless", "legit"), 0),
}
_BARE = 400
"""An attack of fewer characters in one line is bare: it is no document yet. So is one line that introduces a block of code."""
_CODE = re.compile(r"[^\n]{1,400}\n+```")
_LARGEST_FIELD = 16 * 1024 * 1024


class UnreadableSet(Exception):
    """A file cannot be read as labelled texts. The message names it and says what to write instead."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. `label` is 1 for what should be found. A `bare` attack is to be put into a document first."""

    text: str
    label: int
    role: Role = "user"
    kind: str = ""
    bare: bool = False


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """The rows of one file, under its name without the ending."""

    name: str
    rows: tuple[Row, ...]


class Source(NamedTuple):
    """A file, and what was said about all of its rows."""

    path: Path
    label: int | None = None
    role: Role | None = None


def source(given: str) -> Source:
    """What an argument names. Raises `UnreadableSet` for a role or a label that there is not."""
    if Path(given).exists():
        return Source(Path(given))
    match = _GIVEN.fullmatch(given)
    if match is None:
        raise UnreadableSet(f"{given!r} names no file")
    path, label = Path(match["path"]), match["label"]
    return Source(path, None if label is None else _label(label, path), _role(match["role"], path))


def read(given: Source) -> LabelledSet:
    """The rows of a file. Raises `UnreadableSet`."""
    text = _text_of(given.path)
    name = given.path.name.partition(".")[0]
    rows = tuple(_Reader(given, name.lower()).rows(text))
    if not rows:
        raise UnreadableSet(f"{given.path}: holds no texts")
    return LabelledSet(name, rows)


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises `UnreadableSet`."""
    try:
        return orjson.loads(_text_of(path))
    except orjson.JSONDecodeError as error:
        raise UnreadableSet(f"{path}: is no JSON ({error.msg}, line {error.lineno})") from None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableSet(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UnreadableSet(f"{path}: is no UTF-8 text") from None


def _label(said: object, path: Path) -> int:
    told = _LABELS.get(str(said).strip().lower())
    if told is None:
        raise UnreadableSet(f"{path}: {said!r} is no label; write 1 for what should be found, 0 for what should pass")
    return told


def _role(said: str | None, path: Path) -> Role | None:
    if said is None or said == "":
        return None
    for role in get_args(Role):
        if said == role:
            return role
    raise UnreadableSet(f"{path}: {said!r} is no role; there are {', '.join(get_args(Role))}")


class _Reader:
    """Reads one file: what a row does not say the argument or the name of the file does."""

    def __init__(self, given: Source, name: str) -> None:
        self._given = given
        self._path = given.path
        self._name = name
        self._foreign = _FOREIGN.search(name) is not None

    def rows(self, text: str) -> Iterator[Row]:
        if self._path.suffix.lower() in (".csv", ".tsv"):
            yield from self._table(text)
        elif self._path.suffix.lower() in (".jsonl", ".ndjson"):
            yield from self._lines(text)
        else:
            content = read_json(self._path)
            if isinstance(content, list):
                yield from self._listed(content)
            elif isinstance(content, dict):
                yield from self._categories(content)
            else:
                raise UnreadableSet(f"{self._path}: neither a list nor an object; {_FORMS}")

    def _table(self, text: str) -> Iterator[Row]:
        csv.field_size_limit(_LARGEST_FIELD)
        table = csv.DictReader(StringIO(text, newline=""), delimiter="\t" if self._path.suffix == ".tsv" else ",")
        if not {"text", "prompt"} & set(table.fieldnames or ()):
            raise UnreadableSet(f"{self._path}: the first line names no column `text`; {_FORMS}")
        for row in table:
            yield self._row(row, f"line {table.line_num}")

    def _lines(self, text: str) -> Iterator[Row]:
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise UnreadableSet(f"{self._path}: line {number} is no JSON ({error.msg})") from None
            yield self._row(row if isinstance(row, dict) else {"text": row}, f"line {number}")

    def _listed(self, content: Iterable[Any]) -> Iterator[Row]:
        for number, item in enumerate(content, 1):
            yield self._row(item if isinstance(item, dict) else {"text": item}, f"item {number}")

    def _categories(self, content: Mapping[str, Any]) -> Iterator[Row]:
        for category, texts in content.items():
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise UnreadableSet(f"{self._path}: {category!r} is no list of texts; {_FORMS}")
            label = 1 if self._given.label is None else self._given.label
            role = self._given.role or "document"
            for text in texts:
                yield Row(text, label, role, category, bare=label == 1 and role == "document")

    def _row(self, row: Mapping[str, Any], place: str) -> Row:
        text = row.get("text", row.get("prompt"))
        if not isinstance(text, str):
            raise UnreadableSet(f"{self._path}: {place} has no `text`; {_FORMS}")
        label, role = self._label_of(row, place), self._role_of(row)
        short = len(text) < _BARE and "\n" not in text.strip()
        bare = label == 1 and role == "document" and self._foreign and (short or _CODE.match(text) is not None)
        return Row(text, label, role, str(row.get("kind") or row.get("category") or ""), bare)

    def _label_of(self, row: Mapping[str, Any], place: str) -> int:
        if self._given.label is not None:
            return self._given.label
        if row.get("label") not in (None, ""):
            return _label(row["label"], self._path)
        benign, attack = _BENIGN.search(self._name), _ATTACK.search(self._name)
        if (benign is None) is (attack is None):
            if attack is None and "prompt" in row:
                return 0
            raise UnreadableSet(
                f"{self._path}: {place} has no label, and the name does not tell; write {self._path}=1 (attacks) or"
                f" {self._path}=0 (harmless)"
            )
        return 1 if attack else 0

    def _role_of(self, row: Mapping[str, Any]) -> Role:
        said = self._given.role or _role(row.get("role"), self._path)
        return said or ("document" if self._foreign else "user")


_FORMS = 'write JSONL of {"text", "label"} or CSV of text,label'
