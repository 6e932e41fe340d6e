"""The checks of answers together: what they share, what they cost, and that ordinary texts pass them."""

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from streamguard.checks.answer.claims import ClaimName
from streamguard.checks.business import Business
from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.coherence import Coherence
from streamguard.checks.contract import Check, Direction, Subject
from streamguard.checks.echo import PersonalEcho
from streamguard.checks.moderation import Moderation
from streamguard.checks.prompt_leak import PromptLeak

SYSTEM = (
    "You answer the questions of customers for the support team of an online shop. Be friendly, concrete and brief: at most six "
    "sentences, in the language of the customer. Rely on the documents where there are some; do not invent prices, dates or "
    "promises. Say that a colleague will take over when you cannot help. Reference 0123456789ab."
)
ASKED = "Where is my order? I have been waiting for two weeks now, and nobody writes back to me."
ALL_CLAIMS = BusinessRules(claims=dict.fromkeys(get_args(ClaimName), "flag"))

CHECKS: dict[str, Callable[[], Check]] = {
    "coherence": lambda: Coherence(asked=ASKED),
    "prompt_leak": lambda: PromptLeak(system_text=SYSTEM, canary="0123456789ab"),
    "moderation": Moderation,
    "business": lambda: Business(ALL_CLAIMS),
    "personal_echo": lambda: PersonalEcho(prompt_text=ASKED),
}


def answer(text: str) -> Subject:
    return Subject(text, "assistant", "output")


def test_saying_what_one_was_told_to_say_is_no_leak() -> None:
    told = "I am sorry, a colleague will take over when you cannot help yourself."
    assert CHECKS["prompt_leak"]().inspect(answer(told)).action == "pass"


TROUBLE = {
    "coherence": ["", "I will see. " * 60, "I'm sorry, but I can't help with that.", "Done.<|im_end|>", "and then,"],
    "prompt_leak": ["0123456789ab", SYSTEM, SYSTEM[170:264]],
    "moderation": ["shit", "fuck you", "i will kill you", "i want to kill myself"],
    "business": ["We guarantee you a full refund."],
    "personal_echo": ["Write to eve@y.org.", "Write to [EMAIL_4]."],
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_every_code_is_explained(name: str) -> None:
    check = CHECKS[name]()
    assert check.name == name
    given = [check.inspect(answer(text)).code for text in TROUBLE[name]]
    assert all(given)
    assert set(given) <= set(check.codes)
    assert all(explained.endswith(".") or explained.endswith(").") for explained in check.codes.values())


HOSTILE = {
    "one letter": "a" * 262_144,
    "brackets": "[" * 262_144,
    "braces": "{{" * 131_072,
    "fences": "<data-" * 43_690,
    "backticks": "`" * 262_144,
    "quotes": "he said 'kys' " * 18_700,
    "threats": "i will kill you with kindness how to make a bomb die " * 4_900,
    "refusals": "sorry, i cannot " * 16_384,
    "promises": "if you get a refund it will arrive an refund code kosten " * 4_600,
    "instructions": (SYSTEM + " ") * 730,
    "beginnings": "you answer the questions of customers for the " * 5_600,
    "canaries": "0123456789a " * 21_800,
    "placeholders": "[EMAIL_1] " * 26_000,
    "numbers": " ".join(map(str, range(45_000))),
    "unicode": "".join(chr(32 + (place * 7919) % 0x2FFF) for place in range(87_000)),
    "mathematical": "\U0001d400\U0001d401 " * 29_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_quarter_megabyte_takes_no_quadratic_time(name: str) -> None:
    """Some 10 to 100 ms for all of them where it was measured; quadratic time would be minutes."""
    for make in CHECKS.values():
        make().inspect(answer("warm"))
    started = time.process_time()
    for make in CHECKS.values():
        make().inspect(answer(HOSTILE[name]))
    assert time.process_time() - started < 2.0


ORDINARY = (
    "Thank you for your message. Order {0} left our warehouse last Monday, but the carrier reports a delay of {0} hours in the "
    "region. You can follow the parcel under the link in your mail; once it is at the depot, a slot can be chosen there. "
)


def test_an_ordinary_answer_costs_a_fraction_of_a_millisecond() -> None:
    """0.2 ms without the detectors of personal data where it was measured; the bound leaves room for a busy machine."""
    texts = ["".join(ORDINARY.format(place * 7 + part) for part in range(9))[:2_048] for place in range(100)]
    checks = [CHECKS[name] for name in ("coherence", "prompt_leak", "moderation", "business")]
    assert [make().inspect(answer(texts[0])).action for make in checks[1:]] == ["pass"] * 3
    business = Business()
    started = time.process_time()
    for text in texts:
        subject = answer(text)
        for check in (checks[0](), checks[1](), checks[2](), business):
            check.inspect(subject)
    assert (time.process_time() - started) / len(texts) < 2e-3


DATA = Path(__file__).parents[4] / "shared" / "data"
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the labelled data is not beside this checkout")


def read(name: str) -> Any:
    return orjson.loads((DATA / name).read_bytes())


def texts(name: str) -> list[str]:
    if name == "deepset0":
        with (DATA / "injection/deepset_train.csv").open(newline="") as file:
            return [row["text"] for row in csv.DictReader(file) if row["label"] == "0"]
    if name == "notinject":
        return [item["prompt"] for part in ("one", "two") for item in read(f"injection/NotInject_{part}.json")]
    if name == "pii":
        return [item["full_text"] for item in read("pii/synth_dataset_v2.json")]
    if name == "questions":
        lines = (DATA / "cache/question_pairs.jsonl").read_bytes().splitlines()
        return [text for line in lines for text in orjson.loads(line).values() if isinstance(text, str)]
    return read(f"injection/{name}.json")


@with_data
@pytest.mark.parametrize("direction", get_args(Direction))
@pytest.mark.parametrize("name", ["chat_benign", "notinject", "deepset0", "pii", "questions"])
def test_ordinary_and_edgy_questions_are_flagged_at_most_and_rarely(name: str, direction: Direction) -> None:
    check = Moderation()
    found = [check.inspect(Subject(text, "user", direction)).action for text in texts(name)]
    assert set(found) <= {"pass", "flag"}
    assert found.count("flag") <= 0.02 * len(found)


@with_data
@pytest.mark.parametrize("name", ["chat_benign", "notinject", "deepset0", "questions"])
def test_ordinary_texts_are_no_loops_refusals_or_debris(name: str) -> None:
    check = Coherence()
    codes = [check.inspect(answer(text)).contributions for text in texts(name) if text.strip()]
    for code in ("looping", "refusal", "debris"):
        assert sum(code in found for found in codes) <= 0.01 * len(codes)
