"""Which texts are near-duplicates: measured on one and trained on its twin, a model looks better than it is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORDS = 6


def groups(texts: Sequence[str]) -> NDArray[np.int64]:
    """A number for each folded text, equal for those that share six words in a row (directly or through others)."""
    parent = list(range(len(texts)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[str, int] = {}
    for place, text in enumerate(texts):
        words = text.split()
        for start in range(max(1, len(words) - _WORDS + 1)):
            run = " ".join(words[start : start + _WORDS])
            parent[root(place)] = root(first.setdefault(run, place))
    return np.array([root(place) for place in range(len(texts))], np.int64)


def grouped_folds(strata: Sequence[str], groups: NDArray[np.int64], number: int, seed: int) -> NDArray[np.int64]:
    """A fold for each text, the same for all of a group; each source is spread over the folds as evenly as groups allow."""
    chance = np.random.default_rng(seed)
    names, stratum = np.unique(np.array(strata), return_inverse=True)
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(int(group), []).append(place)
    filled = np.zeros((number, len(names)))
    sizes = np.bincount(stratum, minlength=len(names)).astype(np.float64)
    fold = np.zeros(len(groups), np.int64)
    order = sorted(members.values(), key=lambda places: (-len(places), chance.random()))
    for places in order:
        share = np.bincount(stratum[places], minlength=len(names)) / sizes
        best = int(np.argmin((filled * (share > 0)).sum(axis=1) + 1e-6 * chance.random(number)))
        filled[best] += share
        fold[places] = best
    return fold
