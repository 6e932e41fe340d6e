"""What the chain of input checks makes of texts with labelled personal data: what of it was replaced, and what else was.

What is scored is what happened to the text: each placeholder in it stands for a span of the text that came in. Names, which the
default policy leaves alone, and addresses are scored a second time with all kinds switched on, by the finder itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import get_args

from benchmarks.checks_figures import Aim, Rate
from benchmarks.checks_quality import STOPS, Chain
from benchmarks.checks_reading import UnreadableSet, read_json
from benchmarks.pii_scoring import Count, Labelled, Score, Span, read_labels, score
from streamguard.checks.contract import ChainResult, Subject
from streamguard.checks.personal_data.detectors import PersonalKind, personal_data
from streamguard.checks.personal_data.placeholders import LITERAL

PRECISION = Aim("least", 0.97)
RECALL = Aim("least", 0.95)
APART = ("PERSON", "STREET_ADDRESS")
"""Types without a format to check."""
_ALL_KINDS = frozenset(get_args(PersonalKind))
_TOKEN = re.compile(r"\[[A-Z_]+_[1-9][0-9]*\]")


@dataclass(frozen=True, slots=True)
class PersonalSet:
    """The figures of one file."""

    set: str
    chain: Score
    """By what the chain replaced, at the given policy."""
    finder: Score
    """By the finder, with every kind switched on."""
    stopped: Rate
    """Texts that the chain refused. All of them are harmless."""

    @property
    def micro(self) -> Count:
        """The checkable types together, with false alarms of types that the labels do not know."""
        return self.chain.strict()

    def apart(self) -> dict[str, Count]:
        """Names and addresses, every kind switched on."""
        return {name: self.finder.types[name] for name in APART if name in self.finder.types}


def measure(path: Path, chain: Chain) -> PersonalSet:
    """Let the chain look at every text of a file. Raises `UnreadableSet`."""
    return measure_texts(path.name.partition(".")[0], labels(path), chain)


def measure_texts(name: str, labelled: Sequence[Labelled], chain: Chain) -> PersonalSet:
    """The same for texts that are there already."""
    stopped = 0
    spans: dict[str, list[Span]] = {}
    for row in labelled:
        result = chain.run([Subject(row.text)])
        stopped += any(verdict.action in STOPS for verdict in result.verdicts)
        spans[row.text] = list(replaced(row.text, result))
    return PersonalSet(
        set=name,
        chain=score(labelled, lambda text: spans[text]),
        finder=score(labelled, lambda text: [Span(d.kind, d.start, d.end) for d in personal_data(text, _ALL_KINDS)]),
        stopped=Rate(stopped, len(labelled)),
    )


def labels(path: Path) -> list[Labelled]:
    """The labelled texts of a file in the format of synth_dataset_v2. Raises `UnreadableSet`."""
    content = read_json(path)
    try:
        return read_labels(content)
    except (KeyError, TypeError):
        raise UnreadableSet(
            f"{path}: is no list of objects with `full_text` and `spans` (`entity_type`, `start_position`, `end_position`)"
        ) from None


def replaced(text: str, result: ChainResult) -> Iterator[Span]:
    """What the chain put placeholders for, in characters of the text that was asked."""
    values = {placeholder.token: placeholder for placeholder in result.placeholders}
    spans: list[Span] = []
    restored: list[str] = []
    length = reached = 0
    for match in _TOKEN.finditer(result.text):
        found = values.get(match.group())
        if found is None:
            continue
        restored += (result.text[reached : match.start()], found.value)
        start = length + match.start() - reached
        length, reached = start + len(found.value), match.end()
        if found.kind != LITERAL:
            spans.append(Span(found.kind, start, length))
    came = "".join((*restored, result.text[reached:]))
    if came == text:
        yield from spans
        return
    # Another check changed the text first (invisible characters taken out): find the places in what was asked.
    blocks = SequenceMatcher(None, came, text, autojunk=False).get_matching_blocks()
    for span in spans:
        shared = [
            (max(block.a, span.start) + block.b - block.a, min(block.a + block.size, span.end) + block.b - block.a)
            for block in blocks
            if block.a < span.end and span.start < block.a + block.size
        ]
        if shared:
            yield Span(span.type, shared[0][0], shared[-1][1])
