"""The small classifier of injections: linear models over hashed n-grams, trained in `training/`, run by numpy alone.

Two heads read the same features. `user` reads what is said to the model: a whole text at once, and its most suspicious window
of one or two sentences, since an order may end a long innocent text. `foreign` reads documents and answers of tools window by
window: what is buried there is one sentence of a page. A few numbers per head (the signals) become one probability.

Costs 60 µs on two words, 390 on 2 KB (p50), 45 to 100 ms on 256 KB, 5 ms to load.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from streamguard.checks.injections.ngrams import BITS, Places, features
from streamguard.checks.injections.segments import folded, segments
from streamguard.resources import resource_dir

FORMAT = 1
Head = Literal["user", "foreign"]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """One linear model: a weight for each of `2**bits` places, in steps of `scale`, and a bias."""

    weights: NDArray[np.int8]
    scale: float
    bias: float

    @property
    def bits(self) -> int:
        return len(self.weights).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Stack:
    """What turns the signals of a head into log-odds."""

    coefficients: tuple[float, ...]
    bias: float

    def odds(self, signals: Array) -> float:
        """Natural log-odds."""
        return float(np.dot(signals, self.coefficients)) + self.bias


@dataclass(frozen=True, slots=True)
class Reading:
    """`score` is the probability of an injection, `start` to `end` (excluded) the characters that look most like one."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Signals:
    """The numbers that a head's `Stack` weighs, and the most suspicious window of the text."""

    values: Array
    start: int
    end: int


class Classifier:
    """Reads texts. Holds nothing but its weights: use one for all. Linear in the text."""

    def __init__(self, layers: Mapping[str, Linear], stacks: Mapping[Head, Stack]) -> None:
        """`layers`: `whole` (a user's whole text), `window` (a user's sentences), `buried` (sentences of documents)."""
        self._whole, self._window, self._buried = (layers[name] for name in ("whole", "window", "buried"))
        self._stacks = dict(stacks)

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """The classifier that comes along, or the one in `folder`. Raises `OSError`, `ValueError` where there is none."""
        folder = resource_dir("models") / "injection" if folder is None else folder
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            if int(stored["format"]) != FORMAT:
                raise ValueError("the model is of another format than this release reads")
            layers = {
                name: Linear(stored[name], *(float(value) for value in stored[f"{name}.line"]))
                for name in ("whole", "window", "buried")
            }
            stacks: dict[Head, Stack] = {
                "user": _stack(stored["user.stack"]),
                "foreign": _stack(stored["foreign.stack"]),
            }
        return cls(layers, stacks)

    def read(self, text: str, head: Head) -> Reading:
        """How much `text` looks like an injection to that head, and where."""
        signals = self.signals(text, head)
        odds = self._stacks[head].odds(signals.values)
        return Reading(1 / (1 + math.exp(-max(-50.0, min(50.0, odds)))), signals.start, signals.end)

    def signals(self, text: str, head: Head) -> Signals:
        """What the head's stack weighs, in order.

        `user`: the whole text; its worst window. `foreign`: the worst window of one sentence; of two; what the layer `window`
        takes for an order beyond doubt; how many sentences there are.
        """
        spans = segments(text) or [(0, len(text))]
        places, owners = features(folded(text, spans))
        sizes = np.bincount(owners, minlength=len(spans))
        said = _worst(self._window, places, sizes)
        if head == "user":
            worst, values = said, (_whole(self._whole, places, once=len(spans) == 1), said.score)
        else:
            worst = _worst(self._buried, places, sizes)
            values = (worst.single, worst.double, max(0.0, said.score - _LOUD), math.log(min(len(spans), _MANY)))
        return Signals(np.array(values), spans[worst.first][0], spans[worst.last][1])


_LOUD = 1.0
"""Log-odds from which on what users say counts in a document: below it, documents speak much like users."""
_MANY = 8
"""Sentences among which an order can be buried. A document of a single one has nothing to bury it in."""


def _whole(layer: Linear, places: Places, *, once: bool) -> float:
    """The whole text at once: a feature of n sentences counts as `1 + ln(n)`, all together as a vector of length 1.

    `once`: there is a single sentence, in which each feature stands once.
    """
    if once and layer.bits == BITS:
        return _alone(layer, places)
    found, often = counted(places, layer.bits)
    values = np.log(often)
    values += 1
    # Not `@`: from ten thousand numbers on it starts threads, which spin longer than they count.
    score = float((layer.weights.take(found) * values).sum()) * layer.scale
    return score / math.sqrt(max(1.0, float((values * values).sum()))) + layer.bias


def counted(places: Places, bits: int) -> tuple[Places, NDArray[np.int64]]:
    """Each of the places in a table of `bits` bits, in any order, and how often it occurs."""
    found = places >> (BITS - bits)
    at = found.astype(np.intp)  # anything else is converted at each use
    # Each occurrence writes its number to its place; the last one stands for all. Nothing is sorted, nothing zeroed.
    last = np.empty(1 << bits, np.int32)
    last[at] = np.arange(len(found), dtype=np.int32)
    often = np.bincount(last[at], minlength=len(found))
    standing = np.flatnonzero(often)
    return found[standing], often[standing]


def _alone(layer: Linear, places: Places) -> float:
    """The score of a single sentence."""
    weights = layer.weights.take(places >> (BITS - layer.bits))
    return int(weights.sum(dtype=np.int64)) * layer.scale / math.sqrt(max(1, len(places))) + layer.bias


def _sums(layer: Linear, places: Places, sizes: NDArray[np.int64]) -> Array:
    weights = layer.weights.take(places >> (BITS - layer.bits))
    filled = np.flatnonzero(sizes)
    sums = np.zeros(len(sizes), np.int64)
    if len(filled):
        sums[filled] = np.add.reduceat(weights, (np.cumsum(sizes) - sizes)[filled], dtype=np.int64)
    return sums.astype(np.float64) * layer.scale


@dataclass(frozen=True, slots=True)
class _Window:
    """The most suspicious sentences of a text: the scores of the worst one and of the worst two, and which the worse are."""

    single: float
    double: float
    first: int
    last: int

    @property
    def score(self) -> float:
        return max(self.single, self.double)


def _worst(layer: Linear, places: Places, sizes: NDArray[np.int64]) -> _Window:
    """`sizes`: how many of the places, which follow the order of the sentences, belong to each of them."""
    if len(sizes) == 1:
        alone = _alone(layer, places)
        return _Window(alone, alone, 0, 0)
    sums, bias = _sums(layer, places, sizes), layer.bias
    single = sums / np.sqrt(np.maximum(sizes, 1)) + bias
    first = int(single.argmax())
    highest = float(single[first])
    double = (sums[1:] + sums[:-1]) / np.sqrt(np.maximum(sizes[1:] + sizes[:-1], 1)) + bias
    pair = int(double.argmax())
    both = float(double[pair])
    return _Window(highest, both, first, first) if highest >= both else _Window(highest, both, pair, pair + 1)


def _stack(stored: Array) -> Stack:
    *coefficients, bias = (float(value) for value in stored)
    return Stack(tuple(coefficients), bias)


@lru_cache(maxsize=1)
def shipped() -> Classifier:
    """The classifier that comes along, loaded once."""
    return Classifier.load()
