"""Decoding on public texts, where they lie beside the checkout: it must leave them alone, and read them when they are encoded."""

import re
from collections import Counter
from pathlib import Path

import orjson
import pytest

from benchmarks.checks_reading import read, source
from streamguard.checks.decoding.payloads import payloads
from tests.support.encodings import CODECS

DATA = Path(__file__).parents[4] / "shared" / "data"
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the labelled data is not beside this checkout")
FILES = {
    "deepset": "injection/deepset_train.csv",
    "notinject": "injection/NotInject_one.json",
    "chat_benign": "injection/chat_benign.json",
}


def texts(name: str) -> list[str]:
    if name == "pii":
        return [item["full_text"] for item in orjson.loads((DATA / "pii/synth_dataset_v2.json").read_bytes())]
    return [row.text for row in read(source(str(DATA / FILES[name]))).rows if row.label == 0]


def questions() -> list[str]:
    lines = (DATA / "cache/question_pairs.jsonl").read_bytes().splitlines()
    pairs = [orjson.loads(line) for line in lines]
    return [value for pair in pairs for key, value in pair.items() if key != "same" and isinstance(value, str)]


@with_data
@pytest.mark.parametrize("name", ["deepset", "notinject", "chat_benign", "pii", "questions"])
def test_ordinary_texts_are_hardly_ever_taken_for_code(name: str) -> None:
    asked = questions() if name == "questions" else texts(name)
    kinds = Counter(kind for text in asked for kind in {p.kind for p in payloads(text) if p.disguised})
    assert all(count < 0.005 * len(asked) for count in kinds.values()), kinds


def held(words: list[str], said: str) -> bool:
    """Whether four of five words are there, or all their letters in a row."""
    parts = set(re.findall("[a-z]+", said))
    return sum(word in parts for word in words) >= 0.8 * len(words) or "".join(words) in re.sub("[^a-z]", "", said)


AT_LEAST = {
    **{
        name: 0.9 for name in ("rot13", "caesar", "atbash", "reversed", "reversed_words", "dotted", "dashed", "clapped")
    },
    "pig_latin": 0.75,
}


@with_data
@pytest.mark.parametrize("name", CODECS)
def test_questions_of_people_are_read_when_they_are_encoded(name: str) -> None:
    asked = [re.sub("[^A-Za-z ]+", "", text) for text in questions()[::37] if text.isascii() and len(text.split()) > 4]
    found = 0
    for place, question in enumerate(asked):
        words = question.lower().split()
        said = payloads(f"{asked[place - 1]}.\n{CODECS[name](question)}\n{asked[place - 2]}")
        found += any(held(words, payload.text.lower()) for payload in said)
    assert found >= AT_LEAST.get(name, 0.95) * len(asked)
