"""What the chain of input checks makes of texts with credentials and of texts that only look so."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.checks_figures import Aim, Rate
from benchmarks.checks_quality import STOPS, Chain
from benchmarks.checks_reading import LabelledSet, Row
from benchmarks.secret_samples import UNLISTED, secret_samples
from streamguard.checks.contract import Subject

RECALL = Aim("least", 0.90)
FALSE_ALARMS = Aim("below", 0.03)
_ITSELF = "secrets"
_ENCODED = "encoded_secrets"
_UNLISTED = "unlisted_"


@dataclass(frozen=True, slots=True)
class SecretSet:
    """The figures of one file, or of the generated samples."""

    set: str
    recall: Rate
    """Credentials of vendors' formats that `secrets` found, in plain or in code."""
    unlisted: Rate
    """The same of services whose keys have no form of their own; what finds these is the name beside them."""
    false_alarms: Rate
    """Look-alikes that `secrets` took for credentials."""
    stopped: Rate
    """Look-alikes that any check stopped."""
    by_kind: dict[str, tuple[int, Rate]]
    """By what the file calls the kind: its label, and how many were found."""


def samples(seed: int, count: int) -> LabelledSet:
    """Generated credentials and look-alikes, half of each."""
    made = secret_samples(seed, count)
    return LabelledSet(f"samples, seed {seed}", tuple(Row(text, label, kind=kind) for text, label, kind in made))


def measure(labelled: LabelledSet, chain: Chain) -> SecretSet:
    """Let the chain look at every row."""
    rows: list[tuple[Row, bool, bool]] = []
    for row in labelled.rows:
        verdicts = chain.run([Subject(row.text, row.role)]).verdicts
        found = any(v.action != "pass" and (v.check == _ITSELF or v.code == _ENCODED) for v in verdicts)
        rows.append((row, found, any(v.action in STOPS for v in verdicts)))
    secret = [(row, found) for row, found, _ in rows if row.label == 1]
    other = [(row, found) for row, found, _ in rows if row.label == 0]
    kinds = sorted({(row.kind, row.label) for row, _, _ in rows if row.kind})
    return SecretSet(
        set=labelled.name,
        recall=_rate([found for row, found in secret if not _is_unlisted(row)]),
        unlisted=_rate([found for row, found in secret if _is_unlisted(row)]),
        false_alarms=_rate([found for _, found in other]),
        stopped=_rate([stopped for row, _, stopped in rows if row.label == 0]),
        by_kind={
            kind: (label, _rate([found for row, found, _ in rows if (row.kind, row.label) == (kind, label)]))
            for kind, label in kinds
        },
    )


def _is_unlisted(row: Row) -> bool:
    return row.kind.startswith(_UNLISTED) and row.kind.removeprefix(_UNLISTED) in UNLISTED


def _rate(found: Sequence[bool]) -> Rate:
    return Rate(sum(found), len(found))
