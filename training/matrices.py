"""Texts as sparse rows over hashed places, with the very functions that run later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, vstack

from streamguard.checks.injections.classifier import counted
from streamguard.checks.injections.ngrams import features
from streamguard.checks.injections.segments import folded, segments

Rows = Any
"""A `scipy.sparse.csr_matrix`; scipy comes without types."""


def whole_rows(texts: Sequence[str], bits: int) -> Rows:
    """A row of length 1 for each text: `1 + ln(n)` for a feature of n sentences."""
    indices: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float64]] = []
    for text in texts:
        places, often = counted(features(folded(text, segments(text) or [(0, len(text))]))[0], bits)
        value = 1 + np.log(often)
        indices.append(places)
        values.append(value / np.sqrt(value @ value))
    return _rows(indices, values, bits)


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of many texts: a row for each, how many features it has, and whose it is."""

    rows: Rows
    sizes: NDArray[np.float64]
    owners: NDArray[np.int64]

    def pick(self, chosen: NDArray[np.int64]) -> Rows:
        """Those rows, divided by the root of their size, as they are read later."""
        return scaled(self.rows[chosen], self.sizes[chosen])

    def of(self, texts: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The numbers of the sentences of the texts that are marked."""
        return np.flatnonzero(texts[self.owners])

    def pairs(self, texts: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The numbers of the sentences of those texts that another one follows."""
        follows = np.append(self.owners[1:] == self.owners[:-1], False)
        return np.flatnonzero(texts[self.owners] & follows)

    def pick_pairs(self, chosen: NDArray[np.int64]) -> Rows:
        return scaled(self.rows[chosen] + self.rows[chosen + 1], self.sizes[chosen] + self.sizes[chosen + 1])


def scaled(rows: Rows, sizes: NDArray[np.float64]) -> Rows:
    return (diags(1 / np.sqrt(np.maximum(sizes, 1))) @ rows).tocsr()


def sentence_rows(texts: Sequence[str], bits: int) -> Sentences:
    indices: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float64]] = []
    sizes: list[NDArray[np.int64]] = []
    owners: list[int] = []
    for number, text in enumerate(texts):
        spans = segments(text) or [(0, len(text))]
        places, of = features(folded(text, spans))
        for found in np.split(places, np.searchsorted(of, np.arange(1, len(spans)))):
            place, often = counted(found, bits)
            indices.append(place)
            values.append(often.astype(np.float64))
        sizes.append(np.bincount(of, minlength=len(spans)))
        owners += [number] * len(spans)
    return Sentences(_rows(indices, values, bits), np.concatenate(sizes).astype(np.float64), np.array(owners, np.int64))


def stacked(parts: Sequence[Rows]) -> Rows:
    return vstack(parts).tocsr()


def _rows(indices: Sequence[NDArray[np.int32]], values: Sequence[NDArray[np.float64]], bits: int) -> Rows:
    ends = np.cumsum([0] + [len(part) for part in indices])
    data = np.concatenate(values).astype(np.float32)
    return csr_matrix((data, np.concatenate(indices), ends), shape=(len(indices), 1 << bits))
