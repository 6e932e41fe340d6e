"""The checks on labelled public data, where it lies beside the checkout. The figures are floors, not aims."""

import csv
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard.checks.bounds import BoundsRules
from streamguard.checks.chain import InputChain, OutputChain
from streamguard.checks.contract import Role, Subject
from streamguard.checks.detectors import personal_data
from streamguard.checks.injection import Injection
from streamguard.checks.moderation import Moderation
from streamguard.checks.placeholders import put_back
from streamguard.checks.policy import InputRules, Policy
from streamguard.checks.unicode import normalise

DATA = Path(__file__).parents[4] / "shared" / "data"
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the labelled data is not beside this checkout")
POLICY = Policy(version="1", input=InputRules(bounds=BoundsRules(max_characters=400_000)))


def read(name: str) -> Any:
    return orjson.loads((DATA / name).read_bytes())


def texts(name: str) -> list[str]:
    if name.startswith("deepset"):
        with (DATA / "injection/deepset_train.csv").open(newline="") as file:
            return [row["text"] for row in csv.DictReader(file) if row["label"] == name[-1]]
    if name == "notinject":
        return [item["prompt"] for part in ("one", "two") for item in read(f"injection/NotInject_{part}.json")]
    if name == "pii":
        return [item["full_text"] for item in read("pii/synth_dataset_v2.json")]
    return read(f"injection/{name}.json")


def share_blocked(name: str, role: Role) -> float:
    check = Injection()
    asked = texts(name)
    return sum(check.inspect(Subject(normalise(text).text, role)).action == "block" for text in asked) / len(asked)


@with_data
@pytest.mark.parametrize(
    ("name", "role"),
    [("deepset0", "user"), ("notinject", "user"), ("chat_benign", "user"), ("pii", "user"), ("pii", "document")],
)
def test_few_benign_texts_are_taken_for_injections(name: str, role: Role) -> None:
    """What users ask of a model is no innocent document: there it is an order from nobody knows whom."""
    assert share_blocked(name, role) <= 0.03


@with_data
@pytest.mark.parametrize("name", ["deepset1", "jailbreaks"])
def test_known_injections_are_found(name: str) -> None:
    """The classifier was trained on them: what it does with others stands in its card."""
    assert share_blocked(name, "user") >= 0.97
    assert share_blocked(name, "document") >= 0.8


@with_data
@pytest.mark.parametrize("name", ["chat_benign", "notinject", "pii"])
def test_moderation_does_not_block_ordinary_questions(name: str) -> None:
    check = Moderation()
    assert not [text for text in texts(name) if check.inspect(Subject(text)).action == "block"]


@with_data
def test_personal_data_is_found_with_its_kind() -> None:
    kinds = {
        "PHONE_NUMBER": "PHONE",
        "CREDIT_CARD": "CARD",
        "IBAN_CODE": "IBAN",
        "US_SSN": "SSN",
        "EMAIL_ADDRESS": "EMAIL",
        "IP_ADDRESS": "IP",
    }
    found = missed = wrong = 0
    for item in read("pii/synth_dataset_v2.json"):
        wanted = [
            (kinds[span["entity_type"]], span["start_position"], span["end_position"])
            for span in item["spans"]
            if span["entity_type"] in kinds
        ]
        data = personal_data(item["full_text"], set(kinds.values()))
        hits = [any(d.kind == k and d.start < end and d.end > start for d in data) for k, start, end in wanted]
        found += sum(hits)
        missed += len(hits) - sum(hits)
        wrong += sum(not any(d.start < end and d.end > start for _, start, end in wanted) for d in data)
    assert found / (found + missed) >= 0.93
    assert found / (found + wrong) >= 0.97


HOSTILE = {
    "one letter": "a" * 262_144,
    "digits": "1" * 262_144,
    "telephones": "+49 30 901820 and " * 14_000,
    "short numbers": "12 34 56 78 " * 21_000,
    "long numbers": "070 1234 5678 9" * 17_000,
    "addresses": "a@b.cc " * 37_000,
    "triggers": "chatgpt you are now without any amoral ignore previous " * 4_700,
    "placeholders": "[EMAIL_1] " * 26_000,
    "invisible": "\u200b" * 87_000,
    "phrases": "\ufdfa" * 87_000,
    "mixed": "".join(chr(32 + (place * 7919) % 0x2FFF) for place in range(87_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_quarter_megabyte_of_anything_takes_no_quadratic_time(name: str) -> None:
    """A quarter of a second on the machine it was measured on; quadratic time would be minutes."""
    chains = InputChain(POLICY, b"k"), OutputChain(POLICY, b"k")
    chains[0].run([Subject("warm: call +49 30 901820")])
    for run in (lambda: chains[0].run([Subject(HOSTILE[name])]), lambda: chains[1].run(HOSTILE[name])):
        started = time.process_time()
        run()
        assert time.process_time() - started < 2.0


def test_an_ordinary_message_costs_no_milliseconds() -> None:
    """A fraction of one where it was measured; the bound leaves room for a slow and busy machine."""
    chain, out = InputChain(POLICY, b"k"), OutputChain(POLICY, b"k")
    text = "Hello, I ordered running shoes two weeks ago (order 4711-20934) and they have still not come. " * 4
    text += "Write to anna@example.com or call 212-555-0188."
    for run in (lambda: chain.run([Subject(text)]), lambda: out.run(text, system_text=text)):
        run()
        started = time.process_time()
        for _ in range(200):
            run()
        assert (time.process_time() - started) / 200 < 4e-3


@with_data
@pytest.mark.parametrize("name", ["deepset0", "deepset1", "notinject", "chat_benign", "jailbreaks", "pii"])
def test_no_check_fails_on_real_texts_and_all_of_them_come_back(name: str) -> None:
    chain, out = InputChain(POLICY, b"k"), OutputChain(POLICY, b"k")
    for text in texts(name):
        result = chain.run([Subject(text)])
        assert result.code != "check_error"
        assert put_back(result.text, result.placeholders) == normalise(text).text
        assert out.run(result.text, placeholders=result.placeholders, asked=result.text).code != "check_error"
