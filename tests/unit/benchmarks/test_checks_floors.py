"""What the checks reach on labelled public data, where it lies beside the checkout, and what they cost at most.

Floors, not aims: the classifier that comes along knows most of these rows. `python -m benchmarks.checks` measures.
"""

import time
from pathlib import Path

import pytest

from benchmarks import checks_personal, checks_secrets
from benchmarks.checks import measure_injection
from benchmarks.checks_quality import Group
from benchmarks.checks_reading import LabelledSet, read, source
from benchmarks.checks_speed import INSTRUCTIONS, calls, unbounded
from streamguard.checks.chain import InputChain
from streamguard.checks.contract import Subject
from streamguard.checks.policy import load
from tests.support.fuzzing import Hostile, chains, problems
from tests.support.hostile_texts import HOSTILE

DATA = Path(__file__).parents[4] / "shared" / "data"
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the labelled data is not beside this checkout")
POLICY = load()
BENIGN = ("NotInject_one.json", "NotInject_two.json", "chat_benign.json", "deepset_train.csv")
ATTACKS = {
    "deepset_train.csv": 0.9,
    "jailbreaks.json": 0.95,
    "bipia_text_attack.json": 0.7,
    "bipia_code_attack.json": 0.6,
}


def measured(name: str, *, every: int = 3) -> list[Group]:
    """The figures of a third of a set."""
    whole = read(source(str(DATA / "injection" / name)))
    return measure_injection([LabelledSet(whole.name, whole.rows[::every])], POLICY, lambda text: False, seed=1)


@with_data
@pytest.mark.parametrize("name", BENIGN)
def test_few_harmless_texts_are_stopped(name: str) -> None:
    [group] = [group for group in measured(name) if group.label == 0]
    assert group.stopped.share is not None
    assert group.stopped.share <= 0.03
    assert "moderation" not in group.by_check


@with_data
@pytest.mark.parametrize("name", ATTACKS)
def test_known_attacks_are_stopped(name: str) -> None:
    groups = {group.label: group for group in measured(name)}
    assert groups[1].stopped.share is not None
    assert groups[1].stopped.share >= ATTACKS[name]


@with_data
def test_clean_documents_are_passed_on() -> None:
    [carriers] = [group for group in measured("bipia_text_attack.json", every=40) if group.label == 0]
    assert carriers.stopped.hits <= 2


@with_data
def test_personal_data_is_replaced_with_its_kind() -> None:
    labelled = checks_personal.labels(DATA / "pii" / "synth_dataset_v2.json")
    found = checks_personal.measure_texts("third", labelled[::3], InputChain(POLICY, b"k"))
    assert found.micro.precision is not None
    assert found.micro.precision >= 0.97
    assert found.micro.recall is not None
    assert found.micro.recall >= 0.97
    assert found.stopped.share is not None
    assert found.stopped.share <= 0.03


def test_credentials_are_found_and_look_alikes_are_not() -> None:
    found = checks_secrets.measure(checks_secrets.samples(20, 400), InputChain(POLICY, b"k"))
    assert found.recall.share is not None
    assert found.recall.share >= 0.95
    assert found.false_alarms.share is not None
    assert found.false_alarms.share < 0.02


@with_data
@pytest.mark.parametrize("name", ["deepset_train.csv", "NotInject_two.json", "chat_benign.json", "jailbreaks.json"])
def test_no_check_fails_on_real_texts_and_all_of_them_come_back(name: str) -> None:
    under_test = chains(POLICY)
    for row in read(source(str(DATA / "injection" / name))).rows[::8]:
        assert problems(under_test, Hostile((Subject(row.text),), row.text)) == []


TIMED = {name: call for name, call in calls(unbounded(POLICY)).items() if name.endswith("chain")}


@pytest.mark.parametrize("name", HOSTILE)
def test_thirty_kilobytes_of_anything_take_no_quadratic_time(name: str) -> None:
    """A thirtieth of a second where it was measured; quadratic time would be seconds."""
    text = HOSTILE[name](32_768)
    for call in TIMED.values():
        started = time.process_time()
        call(text)
        assert time.process_time() - started < 0.5


def test_an_ordinary_message_costs_no_milliseconds() -> None:
    """About one where it was measured; the bound leaves room for a slow and busy machine."""
    text = "Hello, I ordered running shoes two weeks ago (order 4711-20934) and they have still not come. " * 4
    text += f"Write to anna@example.com or call 212-555-0188. {INSTRUCTIONS[:80]}"
    for call in TIMED.values():
        call(text)
        started = time.process_time()
        for _ in range(50):
            call(text)
        assert (time.process_time() - started) / 50 < 6e-3
