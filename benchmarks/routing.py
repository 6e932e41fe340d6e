"""How well the score of complexity tells questions apart, and what it costs: `python -m benchmarks.routing`.

`agreement` is the share of labelled texts whose tier (below .3, below .7, above) is the labelled one; `apart` the share that is
two tiers off. The held-out texts were written after the score was fitted.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from benchmarks.routing_texts import HELD_OUT, SET, Label
from streamguard.config import Routing
from streamguard.events.request import Message
from streamguard.events.stages import Ask
from streamguard.providers.complexity import complexity

_LABELS: tuple[Label, ...] = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a labelled set: shares, and how often which label got which tier (`easy/medium`: labelled easy, scored medium)."""

    texts: int
    agreement: float
    apart: float
    mistakes: dict[str, int]


def question(text: str) -> Ask:
    """A text as the only message of an ask."""
    messages = (Message(role="system", content="You help."), Message(role="user", content=text))
    return Ask(messages=messages, route="auto", max_output_tokens=512)


def tier(score: float) -> Label:
    """The tier by the default bounds."""
    routing = Routing()
    return "easy" if score < routing.standard_from else "medium" if score < routing.flagship_from else "hard"


def measure(rows: Sequence[tuple[Label, str]]) -> Agreement:
    """How the score agrees with the labels."""
    pairs = [(label, tier(complexity(question(text)).score)) for label, text in rows]
    off = [abs(_LABELS.index(label) - _LABELS.index(given)) for label, given in pairs]
    mistakes = Counter(f"{label}/{given}" for label, given in pairs if label != given)
    return Agreement(len(rows), off.count(0) / len(rows), off.count(2) / len(rows), dict(mistakes))


def microseconds(text: str, *, rounds: int = 300) -> float:
    """CPU time of one score: the best of five means."""
    ask = question(text)
    best = float("inf")
    for _ in range(5):
        begun = time.thread_time()
        for _ in range(rounds):
            complexity(ask)
        best = min(best, (time.thread_time() - begun) / rounds)
    return best * 1e6


def long_text(length: int) -> str:
    """English prose and code of the labelled sets, of `length` characters."""
    pieces = [text for _, text in (*SET, *HELD_OUT) if text.isascii()]
    return (" ".join(pieces) * (1 + length // 1000))[:length]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", action="store_true", help="each text that got another tier than its label")
    given = parser.parse_args()
    sets = {"set": SET, "held_out": HELD_OUT}
    figures = {name: measure(rows) for name, rows in sets.items()}
    costs = {length: round(microseconds(long_text(length)), 1) for length in (200, 2000, 20_000, 200_000)}
    if given.json:
        print(orjson.dumps({"agreement": figures, "microseconds": {str(k): v for k, v in costs.items()}}).decode())
        return
    for name, figure in figures.items():
        print(
            f"{name:9} {figure.texts} texts, agreement {figure.agreement:.1%}, two tiers off {figure.apart:.1%}",
            figure.mistakes,
        )
    for length, cost in costs.items():
        print(f"{length:7} characters: {cost} µs")
    if given.show:
        for name, rows in sets.items():
            for label, text in rows:
                measured = complexity(question(text))
                if tier(measured.score) != label:
                    parts = {part: value for part, value in measured.contributions.items() if value}
                    print(f"{name} {label} {measured.score} {parts}\n    {text[:150]!r}")


if __name__ == "__main__":
    main()
