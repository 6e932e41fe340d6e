"""How good a model is on texts that it was not trained on."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rate:
    """The share of the texts of a source that is refused: recall where they are injections, else the false-positive rate."""

    source: str
    refused: int
    texts: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.refused / self.texts

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "share": round(self.share, 4)}


def wilson(hits: int, number: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not number:
        return 0.0, 1.0
    z, share = 1.959964, hits / number
    middle = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z / (1 + z * z / number) * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def rates(sources: NDArray[np.str_], scores: NDArray[np.float64], threshold: float) -> list[Rate]:
    """The rate of each source, in alphabetical order."""
    result: list[Rate] = []
    for source in np.unique(sources):
        here = scores[sources == source]
        hits = int((here >= threshold).sum())
        result.append(Rate(str(source), hits, len(here), *wilson(hits, len(here))))
    return result


def table(title: str, found: Sequence[Rate]) -> str:
    """The rates as lines of text."""
    lines = [title]
    lines += [
        f"  {rate.source:<28} {rate.share:6.3f}  [{rate.low:.3f}, {rate.high:.3f}]  of {rate.texts}" for rate in found
    ]
    return "\n".join(lines)
