"""Answers filtered while they come: what it costs, how far it lags behind: `python -m benchmarks.stream_filter`.

Prose of a support answer is fed in chunks as models send them (a word or so) and in single characters. `held` is how many
characters had come that were not shown, after each chunk; `ratio` compares all chunks of an answer with the chain that checks the
whole of it once.
"""

import argparse
import random
import statistics
import time
from collections.abc import Iterator, Sequence

import orjson

from streamguard.checks.chain import OutputChain
from streamguard.checks.policy import OutputRules, Policy
from streamguard.checks.streaming.filter import PhraseRules, StreamFilter

_SYSTEM = (
    "You answer the questions of customers for the support team of an online shop. Be friendly, concrete and brief: at most six "
    "sentences, in the language of the customer. Rely on the documents where there are some; do not invent prices, dates or "
    "promises. Say that a colleague will take over when you cannot help. Reference kq7zwv2tyxab."
)
_SENTENCES = (
    "Thanks for reaching out about order 48213, and sorry for the wait.",
    "The parcel left our warehouse on Tuesday and should arrive within 3 days, weather permitting.",
    "You can follow it in your account under “Orders”, or write to us at [EMAIL_1].",
    "Refunds take 5 to 10 working days; the amount is 12.50 EUR.",
    "If the size doesn't fit, you may return it free of charge until 2026-12-31.",
    "Steps:\n1. Open the settings.\n2. Choose *Devices*.\n3. Press “Reset”.\n",
    "See https://shop.example/help/returns?lang=en for what the carrier needs.",
    "Gern können Sie uns auch telefonisch erreichen, täglich von 9 bis 18 Uhr.",
    "A colleague will take over if that does not help!",
)


def prose(dice: random.Random, length: int) -> str:
    """An ordinary answer of at least `length` characters."""
    text = ""
    while len(text) < length:
        text += dice.choice(_SENTENCES) + dice.choice((" ", " ", "\n\n"))
    return text


def chunks(dice: random.Random, text: str, size: int) -> Iterator[str]:
    """Cuts of about `size` characters."""
    place = 0
    while place < len(text):
        end = place + dice.randint(max(1, size // 2), max(1, size + size // 2))
        yield text[place:end]
        place = end


class Measured:
    """One way of cutting: every chunk's time in µs, and what was held after it."""

    def __init__(self, rules: OutputRules) -> None:
        self._rules = rules
        self._phrases = PhraseRules(rules)
        self.times: list[float] = []
        self.held: list[int] = []

    def feed(self, pieces: Sequence[str]) -> float:
        """Filter one answer. Gives its seconds."""
        stream = StreamFilter(self._rules, system_text=_SYSTEM, canary="kq7zwv2tyxab", phrases=self._phrases)
        came = shown = 0
        begun = time.perf_counter()
        for piece in pieces:
            start = time.perf_counter()
            shown += len(stream.feed(piece))
            self.times.append((time.perf_counter() - start) * 1e6)
            came += len(piece)
            self.held.append(came - shown)
        stream.finish()
        return time.perf_counter() - begun


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--answers", type=int, default=20)
    arguments.add_argument("--json", action="store_true", help="for machines")
    given = arguments.parse_args()
    dice = random.Random(6)
    rules = OutputRules()
    chain = OutputChain(Policy(version="1", output=rules), b"key")
    texts = [prose(dice, 2_000) for _ in range(given.answers)]
    whole: list[float] = []
    for text in texts:
        start = time.perf_counter()
        chain.run(text, system_text=_SYSTEM, canary="kq7zwv2tyxab")
        whole.append(time.perf_counter() - start)
    rows: list[dict[str, float]] = []
    for size in (1, 5, 20, 200, 4_000):
        measured = Measured(rules)
        spent = [measured.feed(list(chunks(dice, text, size))) for text in texts]
        rows.append(
            {
                "chunk": size,
                "us_mean": round(statistics.fmean(measured.times), 1),
                "us_p99": round(percentile(measured.times, 0.99), 1),
                "held_mean": round(statistics.fmean(measured.held), 1),
                "held_p99": percentile(measured.held, 0.99),
                "ratio": round(statistics.median(spent) / statistics.median(whole), 1),
            }
        )
    # The same chunks in one long answer: linear if a chunk costs no more than in a short one.
    long = Measured(rules)
    seconds = long.feed(list(chunks(dice, prose(dice, 20_000), 20)))
    rows.append(
        {"chunk": 20, "characters": 20_000, "us_mean": round(statistics.fmean(long.times), 1), "s": round(seconds, 3)}
    )
    if given.json:
        print(orjson.dumps(rows).decode())
        return
    print(f"the chain once over 2 KB: {statistics.median(whole) * 1e3:.2f} ms")
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
