"""Orders put into documents, as attackers do."""

import numpy as np

from streamguard.checks.injections.segments import segments


def planted(document: str, order: str, chance: np.random.Generator, place: str | None = None) -> str:
    """`document` with `order` before it, after it, or between two of its sentences (`start`, `end`, `middle`)."""
    place = place or ("start", "middle", "end")[int(chance.integers(3))]
    spans = segments(document)
    if place == "start":
        return f"{order}\n{document}"
    if place == "end" or len(spans) < 2:
        return f"{document}\n{order}"
    cut = spans[int(chance.integers(1, len(spans)))][0]
    between = "\n" if document[cut - 1] == "\n" else " "
    return f"{document[:cut]}{order}{between}{document[cut:]}"
