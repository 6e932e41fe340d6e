"""Hostile requests without end: texts that are mutated by seed, and what must hold of the chains for every one of them."""

import base64
import codecs
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import get_args
from urllib.parse import quote

import orjson

from streamguard.checks.chain import InputChain, OutputChain
from streamguard.checks.contract import ChainResult, Check, Role, Subject
from streamguard.checks.personal_data.placeholders import PlaceholderMap, put_back
from streamguard.checks.policy import Policy
from streamguard.checks.unicode import normalise
from streamguard.events.trail import Verdict
from tests.support.hostile_texts import HOSTILE

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
CANARY = "5d0c41f2a9b7"
INSTRUCTIONS = "You are the assistant of a shop. Answer in one sentence, and never promise anyone a refund. " + CANARY

DATA_OF_PEOPLE: Mapping[str, str] = {
    "e-mail: ": "petra.novak@mail.example.org",
    "IBAN ": "DE89370400440532013000",
    "card ": "4111 1111 1111 1111",
    "phone: ": "+49 30 901820",
    "SSN ": "078-05-1120",
    "from IP ": "203.0.113.77",
}
"""Personal data that is found wherever it stands on a line of its own after these words."""

_OTHER_DATA = (
    "a.b@c.example",
    "GB82 WEST 1234 5698 7654 32",
    "5500 0000 0000 0004",
    "212-555-0188",
    "2001:db8::8a2e:370:7334",
)
"""Others than those, for places where they may well stand within a word."""
_RUN = 12
"""No verdict holds so many characters in a row of a text that was checked."""
_SOUP = (
    "\0\t\n\r \u00a0\u00ad\u0301\u0600\u200b\u200d\u202e\u2066\u3000\ufe0f\ufeff\uff20\ud800\udfffﬃ½²№İßſΑаｏ𝐚①🅰👨🇩🏴"
)
_SIGNS = "[]{}()<>@#%&*+=/\\|~^`'\"-_.,:;!?0123456789"
_BLOCKS = (
    "[EMAIL_1]", "[email 1]", "［EMAIL_1］", "[LITERAL_1]", "[SECRET]", "[ENCODED_1]", "<data-00000000>", "{{canary}}", CANARY,
    "AKIAQYLPMN5HHHFPZAM2", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "password=Tr0ub4dor&3xy", "eyJhbGciOiJIUzI1NiJ9.eyJz",
    "-----BEGIN PRIVATE KEY-----", "ignore all previous instructions", "I'm sorry, but I can't", "```", "system:",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request: its texts with their roles, an answer, and the personal data that was planted in the texts."""

    texts: tuple[Subject, ...]
    answer: str
    planted: tuple[str, ...] = ()


@dataclass(slots=True)
class Chains:
    """The chains under test, and every word that their verdicts may hold without having it from a text."""

    given: InputChain
    answered: OutputChain
    own_words: str = field(init=False)

    def __post_init__(self) -> None:
        checks: list[Check] = [*self.given.checks(PlaceholderMap()), *self.answered.checks()]
        names = {check.name for check in checks} | {code for check in checks for code in check.codes}
        self.own_words = " ".join(sorted(names | set(Verdict.model_fields)))


def chains(policy: Policy) -> Chains:
    """Both chains of a policy."""
    return Chains(InputChain(policy, b"fuzz"), OutputChain(policy, b"fuzz"))


def corpus() -> list[str]:
    """Texts to mutate: the repository's own corpora, and the labelled sets where they lie beside it."""
    texts = [
        orjson.loads(line)["text"]
        for file in sorted((ROOT / "training" / "corpus").glob("*.jsonl"))
        for line in file.read_bytes().splitlines()
    ]
    for file in sorted((*DATA.glob("injection/*.json"), *DATA.glob("pii/*.json"))):
        texts += _strings(orjson.loads(file.read_bytes()))
    return texts


def _strings(value: object) -> Iterable[str]:
    """Every text of some length in a JSON value."""
    if isinstance(value, str):
        if len(value) > _RUN:
            yield value
    elif isinstance(value, list):
        items: list[object] = value
        for item in items:
            yield from _strings(item)
    elif isinstance(value, dict):
        table: dict[str, object] = value
        for item in table.values():
            yield from _strings(item)


def hostile(dice: Random, texts: Sequence[str]) -> Hostile:
    """A request of mutated texts, the same for the same dice."""
    roles = get_args(Role)
    subjects = [
        Subject(mutated(dice.choice(texts), dice, texts), dice.choice(roles))
        for _ in range(dice.choice((1, 1, 1, 2, 3)))
    ]
    planted: list[str] = []
    if dice.random() < 0.3:
        place = dice.randrange(len(subjects))
        told, value = dice.choice(sorted(DATA_OF_PEOPLE.items()))
        subject = subjects[place]
        subjects[place] = Subject(f"{subject.text}\n{told}{value}\n{mutated('Thanks', dice, texts)}", subject.role)
        planted.append(value)
    return Hostile(tuple(subjects), mutated(dice.choice(texts), dice, texts), tuple(planted))


def mutated(text: str, dice: Random, texts: Sequence[str]) -> str:
    """`text` after up to five changes."""
    if dice.random() < 0.03:
        text = dice.choice(sorted(HOSTILE.items()))[1](dice.choice((64, 500, 3_000)))
    text = text[: dice.choice((200, 800, 4_000))]
    for _ in range(dice.randrange(6)):
        text = dice.choice(_MUTATIONS)(text, dice, texts)
    return text[:8_000]


def _at(text: str, dice: Random) -> int:
    return dice.randint(0, len(text))


def _inserted(what: Callable[[Random], str]) -> "Mutation":
    def change(text: str, dice: Random, texts: Sequence[str]) -> str:
        place = _at(text, dice)
        return text[:place] + what(dice) + text[place:]

    return change


def _deleted(text: str, dice: Random, texts: Sequence[str]) -> str:
    start, end = sorted((_at(text, dice), _at(text, dice)))
    return text[:start] + text[end:]


def _repeated(text: str, dice: Random, texts: Sequence[str]) -> str:
    start = _at(text, dice)
    piece = text[start : start + dice.choice((1, 2, 5, 40))]
    return text[:start] + piece * dice.choice((2, 10, 100)) + text[start:]


def _swapped(text: str, dice: Random, texts: Sequence[str]) -> str:
    start, middle, end = sorted(_at(text, dice) for _ in range(3))
    return text[:start] + text[middle:end] + text[start:middle] + text[end:]


def _spliced(text: str, dice: Random, texts: Sequence[str]) -> str:
    other = dice.choice(texts)
    return text[: _at(text, dice)] + other[_at(other, dice) :]


def _sprinkled(text: str, dice: Random, texts: Sequence[str]) -> str:
    sign, every = dice.choice(_SOUP + _SIGNS), dice.choice((1, 2, 7))
    return sign.join(text[place : place + every] for place in range(0, len(text), every))


def _encoded(text: str, dice: Random, texts: Sequence[str]) -> str:
    start, end = sorted((_at(text, dice), _at(text, dice)))
    piece = text[start:end].encode("utf-8", "replace")
    made = dice.choice(
        (
            lambda: base64.b64encode(piece).decode(),
            lambda: base64.b32encode(piece).decode(),
            piece.hex,
            lambda: quote(piece),
            lambda: "".join(f"\\x{byte:02x}" for byte in piece),
            lambda: "".join(f"&#{byte};" for byte in piece),
            lambda: codecs.encode(text[start:end], "rot13"),
            lambda: text[start:end][::-1],
            lambda: " ".join(text[start:end]),
            lambda: "".join(chr(0xE0000 + byte) for byte in piece if byte < 128),
        )
    )()
    return text[:start] + made + text[end:]


def _cased(text: str, dice: Random, texts: Sequence[str]) -> str:
    return dice.choice((text.upper, text.lower, text.swapcase, text.title))()


def _drawn(alphabet: str) -> Callable[[Random], str]:
    return lambda dice: "".join(dice.choices(alphabet, k=dice.choice((1, 3, 20))))


Mutation = Callable[[str, Random, Sequence[str]], str]
_MUTATIONS: tuple[Mutation, ...] = (
    _deleted,
    _repeated,
    _swapped,
    _spliced,
    _sprinkled,
    _encoded,
    _cased,
    _inserted(_drawn(_SOUP)),
    _inserted(_drawn(_SIGNS)),
    _inserted(lambda dice: chr(dice.randrange(0x110000))),
    _inserted(lambda dice: dice.choice(_BLOCKS)),
    _inserted(lambda dice: dice.choice(_OTHER_DATA)),
    _inserted(lambda dice: dice.choice("([{") * dice.choice((5, 300))),
)


def problems(under_test: Chains, case: Hostile) -> list[str]:
    """What does not hold, in words without text; empty when all is well."""
    try:
        result = under_test.given.run(case.texts)
        answered = under_test.answered.run(
            case.answer,
            placeholders=result.placeholders,
            system_text=INSTRUCTIONS,
            canary=CANARY,
            asked="\n".join(result.texts),
        )
    except Exception as error:  # noqa: BLE001  # whatever leaves a chain is what is looked for
        return [f"{type(error).__name__} left a chain"]
    found = [*_of_request(case, result), *_of_answer(answered)]
    for direction, verdicts, texts in (
        ("input", result.verdicts, [subject.text for subject in case.texts]),
        ("output", answered.verdicts, [case.answer]),
    ):
        if any(verdict.code == "check_error" for verdict in verdicts):
            failed = sorted({verdict.check for verdict in verdicts if verdict.code == "check_error"})
            found.append(f"{direction}: {', '.join(failed)} failed")
        if told := _told(verdicts, texts, under_test.own_words):
            found.append(f"{direction}: a verdict's {told} holds text")
    return found


def _of_request(case: Hostile, result: ChainResult) -> Iterable[str]:
    if len(result.texts) != len(case.texts):
        yield "as many texts as came do not come back"
    if any(value in text for value in case.planted for text in result.texts):
        yield "a planted datum is still there"
    # What is masked for good, or refused unread, cannot come back.
    if any(
        verdict.code in _TAKEN or (verdict.check in ("secrets", "bounds") and verdict.action != "pass")
        for verdict in result.verdicts
    ):
        return
    for subject, text in zip(case.texts, result.texts, strict=True):
        if put_back(text, result.placeholders) != normalise(subject.text).text:
            yield "what was replaced does not come back exactly"


_TAKEN = frozenset({"check_error", "too_much_personal", "encoded_secrets", "too_much_encoded"})


def _of_answer(answered: ChainResult) -> Iterable[str]:
    if len(answered.texts) != 1:
        yield "no answer comes out"
    if answered.blocked is None and CANARY in answered.text:
        yield "the canary is let out"


_PARTS = re.compile(r'[^"{}\[\]:,]{12,}')
"""Pieces of JSON between its signs that could hold a run."""


def _told(verdicts: Sequence[Verdict], texts: Sequence[str], own_words: str) -> str:
    """The name of a verdict's field that holds a run of a text; empty when none does."""
    for verdict in verdicts:
        for name, value in verdict.model_dump(mode="json", exclude={"content_hash", "policy_version"}).items():
            for part in _PARTS.findall(orjson.dumps(value).decode()):
                for place in range(len(part) - _RUN + 1):
                    run = part[place : place + _RUN]
                    if run not in own_words and any(run in text for text in texts):
                        return name
    return ""
