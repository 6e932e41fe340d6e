"""Clean texts to time the checks on: pieces of the repository's own corpora, in which nothing is found.

Varied on purpose: one text repeated would measure caches (of the processor, and of the last few folded texts).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Literal

import orjson

from streamguard.checks.chain import InputChain
from streamguard.checks.contract import Role, Subject

CORPORA = Path(__file__).parents[1] / "training" / "corpus"
_FILES = ("chat_plain", "documents")
_ATTEMPTS = 40


Script = Literal["ascii", "english", "other"]
"""English in ASCII alone; English with what typographers and other people put into it (dashes, quotes, `é`, `€`); the rest."""


def pieces(chain: InputChain, role: Role = "user") -> dict[Script, list[str]]:
    """Texts of the corpora in which no check of `chain` finds anything. `english` holds all of `ascii` too."""
    texts: dict[Script, list[str]] = {"ascii": [], "english": [], "other": []}
    for name in _FILES:
        for line in (CORPORA / f"{name}.jsonl").read_bytes().splitlines():
            row = orjson.loads(line)
            if not is_clean(chain, row["text"], role):
                continue
            texts["english" if row["lang"] == "en" else "other"].append(row["text"])
            if row["lang"] == "en" and row["text"].isascii():
                texts["ascii"].append(row["text"])
    return texts


def is_clean(chain: InputChain, text: str, role: Role = "user") -> bool:
    """Whether every check passes it and leaves it as it is."""
    return all(verdict.action == "pass" for verdict in chain.run([Subject(text, role)]).verdicts)


def clean_texts(
    chain: InputChain, material: Sequence[str], size: int, count: int, seed: int, *, role: Role = "user"
) -> list[str]:
    """`count` different texts of `size` bytes, all clean. Raises `ValueError` when the material does not give so many."""
    texts: list[str] = []
    for attempt in _assembled(material, size, Random(seed)):
        text, number = attempt
        if is_clean(chain, text, role):
            texts.append(text)
        if len(texts) == count:
            return texts
        if number > count * _ATTEMPTS:
            break
    raise ValueError(f"only {len(texts)} clean texts of {size} bytes where {count} are asked for")


def _assembled(material: Sequence[str], size: int, dice: Random) -> Iterator[tuple[str, int]]:
    """Random pieces after one another, cut to `size` bytes at both ends of a random window; with a running number."""
    number = 0
    while material:
        number += 1
        parts: list[str] = []
        length = 0
        while length < size + 200:
            parts.append(dice.choice(material))
            length += len(parts[-1].encode()) + 2
        encoded = "\n\n".join(parts).encode()
        start = dice.randrange(0, len(encoded) - size + 1)
        yield encoded[start : start + size].decode(errors="ignore"), number
