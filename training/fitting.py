"""Fitting the layers of the classifier, and the stacks over their signals.

Everything is seeded and single-threaded: the same texts give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from streamguard.checks.injection import EVIDENCE, combine
from streamguard.checks.injections.classifier import Classifier, Head, Linear, Stack
from streamguard.checks.injections.rulebook import Rulebook
from streamguard.checks.text.folding import fold as folded
from training.grouping import grouped_folds, groups
from training.matrices import Rows, Sentences, scaled, sentence_rows, stacked, whole_rows
from training.planting import planted
from training.sets import Text

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Settings:
    """What there is to tune. Each value was chosen in cross-validation; the card of the model says what else was tried."""

    seed: int = 6
    whole_bits: int = 18
    window_bits: int = 16
    whole_c: float = 30.0
    window_c: float = 10.0
    buried_c: float = 10.0
    rounds: int = 2
    """How often the most suspicious sentence of each injection is chosen anew."""
    source_power: float = 0.3
    """How far large sources are held back: a row of a source of n weighs n to the minus this."""
    innocent_sentence: float = 0.3
    guilty_sentence: float = 0.7
    buried_weight: float = 2.0
    direct_in_documents: float = 0.3
    direct_planted: int = 6
    """One in so many injections of users is also planted in a document, for the stack of `foreign`."""
    lone: int = 10
    """One in so many innocent texts of users is also read as a document."""
    folds: int = 5


def balanced(sources: Sequence[str], power: float = 0.5) -> NDArray[np.float64]:
    """A weight for each row, 1 on average: a row of a source of n weighs n to the minus `power`."""
    _, which, number = np.unique(np.array(sources), return_inverse=True, return_counts=True)
    weights = number[which].astype(np.float64) ** -power
    return weights / weights.mean()


class Material:
    """The training texts as rows, made once for all folds."""

    def __init__(self, texts: Sequence[Text], settings: Settings) -> None:
        self.settings = settings
        self.said = [text for text in texts if text.use == "user"]
        self.documents = [text.text for text in texts if text.use == "document"]
        self.attacks = [text for text in texts if text.use == "buried"]
        self.labels = np.array([text.label for text in self.said])
        self.weights = balanced([text.source for text in self.said], settings.source_power)
        self.order_weights = balanced([text.source for text in self.attacks])
        self.whole = whole_rows([text.text for text in self.said], settings.whole_bits)
        self.sentences = sentence_rows([text.text for text in self.said], settings.window_bits)
        self.pages = sentence_rows(self.documents, settings.window_bits)
        self.orders = sentence_rows([text.text for text in self.attacks], settings.window_bits)

    def everything(self) -> tuple[Mask, Mask, Mask]:
        return tuple(np.ones(len(part), bool) for part in (self.said, self.documents, self.attacks))  # pyright: ignore[reportReturnType]  # three of them

    def folds(self, *, random: bool = False) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """A fold for each text said (near-duplicates together, unless `random`), each document and each attack (its kind)."""
        chance = np.random.default_rng(self.settings.seed)
        number = self.settings.folds
        if random:
            said = chance.permutation(len(self.said)) % number
        else:
            strata = [f"{text.source} {text.label}" for text in self.said]
            said = grouped_folds(strata, groups([folded(text.text) for text in self.said]), number, self.settings.seed)
        documents = chance.permutation(len(self.documents)) % number
        kinds = [f"{text.source} {text.kind}" for text in self.attacks]
        order = {kind: place % number for place, kind in enumerate(chance.permutation(sorted(set(kinds))))}
        return said, documents, np.array([order[kind] for kind in kinds], np.int64)


def fit_layers(material: Material, said: Mask, documents: Mask, attacks: Mask) -> dict[str, Linear]:
    """The three layers, trained on what is marked."""
    settings = material.settings
    chosen = np.flatnonzero(said)
    whole = _fit(material.whole[chosen], material.labels[chosen], settings.whole_c, material.weights[chosen])
    return {"whole": whole, "window": _window(material, said), "buried": _buried(material, said, documents, attacks)}


def _window(material: Material, said: Mask) -> Linear:
    """Sentences of innocent texts are innocent; of an injection the most suspicious one is taken, again and again."""
    settings, labels = material.settings, material.labels
    lengths = np.bincount(material.sentences.owners, minlength=len(labels))
    texts = _together(material.sentences, len(labels))[np.flatnonzero(said)]
    inside = material.sentences.of(said & (lengths > 1))
    owners = material.sentences.owners[inside]
    innocent, guilty = inside[labels[owners] == 0], inside[labels[owners] == 1]
    parts, targets = [texts, material.sentences.pick(innocent)], [labels[said], np.zeros(len(innocent))]
    weights = [material.weights[said], np.full(len(innocent), settings.innocent_sentence)]
    candidates, layer = material.sentences.pick(guilty), None
    for _ in range(settings.rounds + 1):
        rows, wanted, weight = list(parts), list(targets), list(weights)
        if layer is not None and len(guilty):
            worst = _highest(candidates @ layer.weights.astype(np.float32), material.sentences.owners[guilty])
            rows.append(candidates[worst])
            wanted.append(np.ones(len(worst)))
            weight.append(np.full(len(worst), settings.guilty_sentence))
        layer = _fit(stacked(rows), np.concatenate(wanted), settings.window_c, np.concatenate(weight))
    assert layer is not None
    return layer


def _buried(material: Material, said: Mask, documents: Mask, attacks: Mask) -> Linear:
    """Windows of clean documents against orders alone, with their second sentence, and beside a sentence of a document."""
    settings, pages, orders = material.settings, material.pages, material.orders
    chance = np.random.default_rng(settings.seed)
    single, double = pages.of(documents), pages.pairs(documents)
    first = orders.of(attacks)
    first = first[np.append(True, orders.owners[first][1:] != orders.owners[first][:-1])] if len(first) else first
    follows = orders.pairs(attacks)
    beside = chance.choice(single, len(first))
    mixed = scaled(orders.rows[first] + pages.rows[beside], orders.sizes[first] + pages.sizes[beside])
    lengths = np.bincount(material.sentences.owners, minlength=len(material.labels))
    short = np.flatnonzero(said & (material.labels == 1) & (lengths <= 4))
    direct = _together(material.sentences, len(material.labels))[short]
    once, twice = (
        material.order_weights[orders.owners[chosen]] * settings.buried_weight for chosen in (first, follows)
    )
    guilty = [
        (orders.pick(first), once),
        (mixed, once * 0.3),
        (orders.pick_pairs(follows), twice * 0.5),
        (direct, np.full(direct.shape[0], settings.direct_in_documents)),
    ]
    innocent = stacked([pages.pick(single), pages.pick_pairs(double)])
    rows = stacked([innocent, *(part for part, _ in guilty)])
    targets = np.concatenate([np.zeros(innocent.shape[0]), *(np.ones(part.shape[0]) for part, _ in guilty)])
    weights = np.concatenate([np.ones(innocent.shape[0]), *(weight for _, weight in guilty)])
    return _fit(rows, targets, settings.buried_c, weights)


def _together(sentences: Sentences, number: int) -> Rows:
    """The sentences of each text as one row."""
    ones = np.ones(len(sentences.owners), np.float32)
    sums = csr_matrix((ones, (sentences.owners, np.arange(len(ones)))), shape=(number, len(ones)))
    return scaled((sums @ sentences.rows).tocsr(), np.asarray(sums @ sentences.sizes))


def _highest(scores: NDArray[np.float64], owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of the highest score of each owner."""
    order = np.lexsort((-scores, owners))
    return order[np.append(True, owners[order][1:] != owners[order][:-1])]


def _fit(rows: Rows, labels: NDArray[Any], c: float, weights: NDArray[np.float64]) -> Linear:
    """Logistic regression by dual coordinate descent, its weights rounded to 8 bits."""
    model: Any = LogisticRegression(C=c, solver="liblinear", dual=True, random_state=0, max_iter=1000, tol=1e-3)
    model.fit(rows, labels.astype(int), sample_weight=weights)
    found: NDArray[np.float64] = model.coef_[0]
    # The few largest weights are cut off rather than let all others lose their precision.
    scale = float(np.quantile(np.abs(found), 0.9995)) / 127 or 1.0
    return Linear(np.clip(np.rint(found / scale), -127, 127).astype(np.int8), scale, float(model.intercept_[0]))


@dataclass(frozen=True, slots=True)
class Seen:
    """Texts read by a classifier that was not trained on them: the signals and the rules' scores."""

    sources: NDArray[np.str_]
    labels: NDArray[np.int64]
    signals: NDArray[np.float64]
    rules: NDArray[np.float64]


def read_all(classifier: Classifier, book: Rulebook, texts: Sequence[str], head: Head) -> tuple[Any, Any]:
    signals = np.array([classifier.signals(text, head).values for text in texts])
    return signals, np.array([book.read(text, foreign=head == "foreign").score for text in texts])


def unseen(material: Material, *, random: bool = False) -> dict[Head, Seen]:
    """Each text read by layers that were trained on the other folds; documents clean, and with an order planted in them."""
    said, documents, attacks = material.folds(random=random)
    book, chance = Rulebook(), np.random.default_rng(material.settings.seed)
    parts: dict[Head, list[tuple[Any, ...]]] = {"user": [], "foreign": []}
    for fold in range(material.settings.folds):
        layers = fit_layers(material, said != fold, documents != fold, attacks != fold)
        classifier = Classifier(layers, {})
        held = np.flatnonzero(said == fold)
        texts = [material.said[place] for place in held]
        signals = read_all(classifier, book, [text.text for text in texts], "user")
        parts["user"].append(
            (held, [f"{text.source}/{text.label}" for text in texts], [text.label for text in texts], *signals)
        )
        clean = [page for page, of in zip(material.documents, documents, strict=True) if of == fold]
        orders = [order for order, of in zip(material.attacks, attacks, strict=True) if of == fold]
        # What users try directly also comes in documents.
        orders += [text for text in texts if text.label][:: material.settings.direct_planted]
        full = [planted(clean[chance.integers(len(clean))], order.text, chance) for order in orders]
        # A document that is nothing but a question is innocent, though the same question is none in the middle of a letter.
        lone = [text.text for text in texts if not text.label][:: material.settings.lone]
        signals = read_all(classifier, book, [*clean, *lone, *full], "foreign")
        names = ["clean/0"] * len(clean) + ["lone/0"] * len(lone) + [f"planted {order.source}/1" for order in orders]
        labels = [0] * (len(clean) + len(lone)) + [1] * len(orders)
        parts["foreign"].append((np.arange(len(names)), names, labels, *signals))
    return {head: _joined(rows) for head, rows in parts.items()}


def _joined(parts: Sequence[tuple[Any, ...]]) -> Seen:
    _, names, labels, signals, rules = (list(column) for column in zip(*parts, strict=True))
    return Seen(np.concatenate(names), np.concatenate(labels), np.concatenate(signals), np.concatenate(rules))


def fit_stack(seen: Seen, *, ridge: float = 1.0, steps: int = 30) -> Stack:
    """Log-odds from signals, on top of what the rules add in `combine`; both labels weigh the same. Newton."""
    columns = np.column_stack([seen.signals, np.ones(len(seen.labels))])
    offset = EVIDENCE["rules"] * seen.rules
    weights = np.zeros(len(seen.labels))
    for label in (0, 1):
        rows = seen.labels == label
        weights[rows] = 0.5 / rows.mean() * balanced(list(seen.sources[rows]))
    penalty = np.diag([ridge] * seen.signals.shape[1] + [0.0])
    found = np.zeros(columns.shape[1])
    for _ in range(steps):
        sure = 1 / (1 + np.exp(-(columns @ found + offset)))
        slope = columns.T @ (weights * (seen.labels - sure)) - penalty @ found
        found = found + np.linalg.solve((columns * (weights * sure * (1 - sure))[:, None]).T @ columns + penalty, slope)
    return Stack(tuple(float(value) for value in found[:-1]), float(found[-1]))


def placed(stack: Stack, seen: Seen, innocent: Sequence[str], allowed: float) -> Stack:
    """`stack` moved so that at a score of 0.5 at most the share `allowed` of each of the `innocent` sources is refused."""
    odds = seen.signals @ np.array(stack.coefficients) + stack.bias + EVIDENCE["rules"] * seen.rules
    at = max(float(np.quantile(odds[seen.sources == source], 1 - allowed)) for source in innocent)
    return Stack(stack.coefficients, stack.bias - at)


def scores(stack: Stack, seen: Seen) -> NDArray[np.float64]:
    """What `combine` says of each text."""
    odds = seen.signals @ np.array(stack.coefficients) + stack.bias
    layers = zip(1 / (1 + np.exp(-np.clip(odds, -50, 50))), seen.rules, strict=True)
    return np.array([combine({"classifier": float(said), "rules": float(rules)}) for said, rules in layers])


def sources_of(texts: Sequence[Text]) -> Mapping[str, int]:
    names = [text.source for text in texts]
    return {name: names.count(name) for name in dict.fromkeys(names)}
