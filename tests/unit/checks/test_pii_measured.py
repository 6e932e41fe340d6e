"""Personal data on labelled public texts, where they lie beside the checkout, and on hostile ones. Floors, not aims."""

import csv
import time
from collections.abc import Set
from pathlib import Path

import orjson
import pytest

from benchmarks.pii_scoring import Count, Labelled, Score, Span, read_labels, score
from streamguard.checks.personal_data.detectors import CERTAIN_KINDS, TooMuchFound, open_from, personal_data

DATA = Path(__file__).parents[4] / "shared" / "data"
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the labelled data is not beside this checkout")
EVERYTHING = CERTAIN_KINDS | {"ADDRESS", "NAME"}


def measured(kinds: Set[str]) -> Score:
    rows = orjson.loads((DATA / "pii/synth_dataset_v2.json").read_bytes())
    return score(read_labels(rows), lambda text: [Span(d.kind, d.start, d.end) for d in personal_data(text, kinds)])


@with_data
def test_formats_that_can_be_checked() -> None:
    reached = measured(CERTAIN_KINDS)
    for together in (reached.micro(), reached.strict()):
        assert (together.precision or 0) >= 0.99
        assert (together.recall or 0) >= 0.98


@with_data
def test_addresses_and_names_are_found_seldom_and_surely() -> None:
    reached = measured({"ADDRESS", "NAME"})
    for name, least in (("STREET_ADDRESS", 0.45), ("PERSON", 0.15)):
        assert (reached.of(name).precision or 0) >= 0.98
        assert (reached.of(name).recall or 0) >= least


@with_data
def test_texts_without_personal_data_are_left_alone() -> None:
    texts: list[str] = orjson.loads((DATA / "injection/chat_benign.json").read_bytes())
    for part in ("one", "two"):
        texts += [item["prompt"] for item in orjson.loads((DATA / f"injection/NotInject_{part}.json").read_bytes())]
    with (DATA / "injection/deepset_train.csv").open(newline="") as file:
        texts += [row["text"] for row in csv.DictReader(file) if row["label"] == "0"]
    alarms = [text for text in texts if personal_data(text, CERTAIN_KINDS | {"ADDRESS"})]
    assert len(alarms) / len(texts) <= 0.005


HOSTILE = {
    "digits": "1",
    "telephones": "+49 30 901820 and ",
    "seven digits": "1234567, ",
    "announced": "phone 1234567 ",
    "account starts": "GB82 ",
    "wrong accounts": "GB82 WEST 1234 5698 7654 33 ",
    "wrong ids": "12345678A ",
    "mixed case hexadecimals": "0xaB3dE5fAbCaB3dE5fAbCaB3dE5fAbCaB3dE5fAbC ",
    "base58": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 ",
    "births": "born 1 ",
    "streets": "12 A st ",
    "flats": "12 a b c d e apt ",
    "titles": "Mr A ",
    "colons": "1:",
    "points": "1.",
    "brackets": "(",
    "signs": "a@",
    "words of digits": "1234567x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_quarter_megabyte_of_the_worst_is_quick(name: str) -> None:
    """Under a tenth of a second where it was measured; quadratic time would be minutes."""
    text = (HOSTILE[name] * 262_144)[:262_144]
    started = time.process_time()
    for find in (personal_data, open_from):
        try:
            find(text, EVERYTHING)
        except TooMuchFound:
            continue
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize("piece", ["ABCDE1234F ", "1234567, ", "a@b.cc "])
def test_a_text_of_nothing_else_is_refused(piece: str) -> None:
    with pytest.raises(TooMuchFound):
        personal_data(piece * 20_000)


def test_scoring_counts_each_label_and_each_false_alarm_once() -> None:
    labelled = [Labelled("…", (Span("EMAIL_ADDRESS", 0, 5), Span("PHONE_NUMBER", 10, 15), Span("AGE", 20, 22)))]
    given = [Span("EMAIL", 0, 3), Span("EMAIL", 3, 5), Span("CARD", 10, 15), Span("MAC", 20, 22), Span("MAC", 30, 35)]
    reached = score(labelled, lambda _: given)
    assert reached.of("EMAIL_ADDRESS") == Count(tp=1)
    assert reached.of("PHONE_NUMBER") == Count(fn=1)
    assert reached.of("CREDIT_CARD") == Count(fp=1)
    assert reached.of("MAC") == Count(fp=1)
    assert reached.unlabelled == {"MAC": 1}
    assert reached.micro() == Count(tp=1, fp=1, fn=1)
    assert reached.strict() == Count(tp=1, fp=2, fn=1)
    assert Count().precision is None
