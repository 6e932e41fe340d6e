"""Train the classifier of injections, or measure how it would do on texts it was not trained on.

    python -m training.injection train --injection ../shared/data/injection/*
    python -m training.injection evaluate --injection ../shared/data/injection/*

Both take the corpus beside this file and the public sets that are named, train on four fifths and read the rest, five times:
near-duplicates kept together, and at random; then leave out each public set as a whole. `train` then trains on everything and
writes the model; what was measured stands in its card.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from streamguard.checks.injections.classifier import FORMAT, Classifier, Head, Stack
from streamguard.checks.injections.rulebook import Rulebook
from training.fitting import Material, Seen, Settings, fit_layers, fit_stack, placed, read_all, scores, unseen
from training.measuring import Rate, rates, table
from training.planting import planted
from training.sets import CORPUS, Source, Text, own, public, rows_of, without_twins
from training.shipping import save

MODELS = Path(__file__).parent.parent / "models" / "injection"
THRESHOLD = 0.5
INNOCENT: dict[Head, tuple[str, ...]] = {
    "user": ("deepset/0", "notinject/0", "chat/0", "own_chat_edgy/0", "own_chat_plain/0"),
    "foreign": ("clean/0",),
}
ALLOWED: dict[Head, float] = {"user": 0.0225, "foreign": 0.03}
"""The share of each innocent set that may be refused at the threshold, in cross-validation with near-duplicates together."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="training.injection", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument(
        "--injection", type=Path, nargs="*", default=[], metavar="FILE", help="public sets, known by their names"
    )
    parser.add_argument("--output", type=Path, default=MODELS, help="the folder that the model is written to")
    parser.add_argument("--seed", type=int, default=Settings().seed)
    given = parser.parse_args(arguments)
    mine, my_sources = own()
    theirs, their_sources = public(given.injection)
    texts = without_twins([*theirs, *mine])
    material = Material(texts, Settings(seed=given.seed))
    seen = unseen(material)
    stacks = stacks_of(seen)
    found = {"grouped": measured(seen, stacks)}
    found["random"] = measured(unseen(material, random=True), stacks)
    found["left out"] = left_out(texts, material, stacks)
    found["carriers"] = carriers(material, stacks)
    for name, result in found.items():
        sys.stdout.write(table(name, result) + "\n")
    if given.command == "train":
        layers = fit_layers(material, *material.everything())
        save(
            given.output,
            layers,
            stacks,
            [text.text for text in texts],
            card(material.settings, [*their_sources, *my_sources], found),
        )
    return 0


def stacks_of(seen: dict[Head, Seen]) -> dict[Head, Stack]:
    return {head: placed(fit_stack(part), part, INNOCENT[head], ALLOWED[head]) for head, part in seen.items()}


def measured(seen: dict[Head, Seen], stacks: dict[Head, Stack]) -> list[Rate]:
    return [rate for head, part in seen.items() for rate in rates(part.sources, scores(stacks[head], part), THRESHOLD)]


def left_out(texts: Sequence[Text], material: Material, stacks: dict[Head, Stack]) -> list[Rate]:
    """Each public set read by layers that saw no row of it."""
    book, result = Rulebook(), list[Rate]()
    documents, attacks = material.everything()[1:]
    for source in dict.fromkeys(text.source for text in material.said if not text.source.startswith("own_")):
        said = np.array([text.source != source for text in material.said])
        classifier = Classifier(fit_layers(material, said, documents, attacks), {})
        held = [text for text in material.said if text.source == source]
        signals = read_all(classifier, book, [text.text for text in held], "user")
        names = np.array([f"{text.source}/{text.label}" for text in held])
        part = Seen(names, np.array([text.label for text in held]), *signals)
        result += rates(part.sources, scores(stacks["user"], part), THRESHOLD)
    return result


def carriers(material: Material, stacks: dict[Head, Stack]) -> list[Rate]:
    """Orders of a kind that was left out, planted in documents that nothing is ever trained on; and these documents clean."""
    pages = [text for text, _, _ in rows_of(CORPUS / "carriers.jsonl")]
    said, documents, _ = material.everything()
    folds, book, parts = material.folds()[2], Rulebook(), list[tuple[Any, ...]]()
    chance = np.random.default_rng(material.settings.seed)
    for fold in range(material.settings.folds):
        classifier = Classifier(fit_layers(material, said, documents, folds != fold), {})
        orders = [order for order, of in zip(material.attacks, folds, strict=True) if of == fold]
        names = [f"carriers with {order.source} {place}" for order in orders for place in ("start", "middle", "end")]
        full = [
            planted(pages[int(chance.integers(len(pages)))], order.text, chance, place)
            for order in orders
            for place in ("start", "middle", "end")
        ]
        signals = read_all(classifier, book, [*pages, *full], "foreign")
        parts.append(([*["carriers clean"] * len(pages), *names], [0] * len(pages) + [1] * len(full), *signals))
    seen = Seen(*(np.concatenate([part[column] for part in parts]) for column in range(4)))
    return rates(seen.sources, scores(stacks["foreign"], seen), THRESHOLD)


def card(settings: Settings, sources: Sequence[Source], found: dict[str, list[Rate]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "features": "hashed 3- to 5-grams of characters, words and pairs of words of the folded text; per text and per sentence",
        "settings": asdict(settings),
        "threshold": THRESHOLD,
        "sets": [asdict(source) for source in sources],
        "evaluation": {name: [rate.plain() for rate in result] for name, result in found.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
