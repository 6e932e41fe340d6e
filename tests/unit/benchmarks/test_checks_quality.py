"""Chains whose quality is known get the figures that they must."""

from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import pytest

from benchmarks import checks_personal, checks_secrets
from benchmarks.checks_figures import Rate
from benchmarks.checks_quality import Group, aim_of, groups, judge, judge_set
from benchmarks.checks_reading import LabelledSet, Row
from benchmarks.pii_scoring import Span
from streamguard.checks.contract import Action, ChainResult, Subject
from streamguard.events.stages import Placeholder
from streamguard.events.trail import Verdict

ROWS = (
    Row("attack one", 1),
    Row("attack two", 1),
    Row("attack three", 1, "document"),
    Row("question one", 0),
    Row("question two", 0),
)
SET = LabelledSet("jailbreaks", ROWS)


class Planted:
    """A chain that does to each text what it is told to."""

    def __init__(
        self,
        action: Callable[[str], Action],
        *,
        score: Callable[[str], float] = lambda text: 0.0,
        check: str = "injection",
    ) -> None:
        self._action, self._score, self._check = action, score, check

    def run(self, texts: Sequence[Subject], /) -> ChainResult:
        [subject] = texts
        score = self._score(subject.text)
        layers = {"rules": score / 2, "classifier": score}
        verdict = Verdict(check=self._check, action=self._action(subject.text), score=score, contributions=layers)
        return ChainResult((subject.text,), (Verdict(check="unicode", action="pass"), verdict))


def figures(
    chain: Planted, seen: Callable[[str], bool] = lambda text: False, thresholds: Sequence[float] = ()
) -> list[Group]:
    return groups("jailbreaks", judge_set(chain, SET, (), seen), lambda role: 0.5, thresholds)


@pytest.mark.parametrize(("action", "hits"), [("block", True), ("escalate", True), ("flag", False), ("pass", False)])
def test_a_chain_that_does_one_thing_to_all(action: Action, hits: bool) -> None:
    found = figures(Planted(lambda text: action))
    assert [(group.label, group.role, group.stopped) for group in found] == [
        (1, "document", Rate(hits, 1)),
        (1, "user", Rate(2 * hits, 2)),
        (0, "user", Rate(2 * hits, 2)),
    ]
    assert [group.verdict for group in found] == (
        ["met ≥ 0.7", "met ≥ 0.92", "MISSED ≤ 0.03"] if hits else ["MISSED ≥ 0.7", "MISSED ≥ 0.92", "met ≤ 0.03"]
    )
    assert [group.noted.hits for group in found] == ([1, 2, 2] if action == "flag" else [0, 0, 0])


def test_which_check_and_which_layer_it_was() -> None:
    [document, user, benign] = figures(
        Planted(
            lambda text: "block" if "attack" in text else "flag", score=lambda text: 0.6 if "attack" in text else 0.4
        )
    )
    assert document.by_check == {"injection": 1}
    assert user.by_layer == {"classifier": (2, 2), "rules": (0, 2)}
    assert benign.by_check == {"injection (noted)": 2}
    assert benign.by_layer == {"classifier": (0, 2), "rules": (0, 2)}


def test_rows_that_were_trained_on_stand_apart_and_are_judged_by_no_aim() -> None:
    found = figures(Planted(lambda text: "pass"), seen=lambda text: text.endswith("two"))
    assert [(group.label, group.seen, group.stopped.n, group.verdict) for group in found if group.role == "user"] == [
        (1, False, 1, "MISSED ≥ 0.92"),
        (1, True, 1, ""),
        (0, False, 1, "met ≤ 0.03"),
        (0, True, 1, ""),
    ]


def test_other_thresholds_change_what_injection_stops_and_nothing_else() -> None:
    by_score = Planted(lambda text: "pass", score=lambda text: {"one": 0.3, "two": 0.6}.get(text.split()[-1], 0.9))
    [document, user, _] = figures(by_score, thresholds=(0.2, 0.5, 0.95))
    assert document.at == {0.2: Rate(1, 1), 0.5: Rate(1, 1), 0.95: Rate(0, 1)}
    assert user.at == {0.2: Rate(2, 2), 0.5: Rate(1, 2), 0.95: Rate(0, 2)}
    by_another = Planted(lambda text: "block", check="moderation")
    assert figures(by_another, thresholds=(1.0,))[1].at == {1.0: Rate(2, 2)}


def test_a_buried_attack_was_seen_when_its_bare_form_was() -> None:
    row = judge(
        Planted(lambda text: "pass"),
        Row("Dear Ann, attack", 1, "document"),
        lambda text: text == "attack",
        known_as="attack",
    )
    assert row.seen


@pytest.mark.parametrize(
    ("name", "label", "role", "aim"),
    [
        ("deepset_test", 1, "user", "≥ 0.8"),
        ("deepset_test", 0, "user", "≤ 0.03"),
        ("Jailbreaks_2", 1, "user", "≥ 0.92"),
        ("in_the_wild", 1, "variable", "≥ 0.92"),
        ("bipia", 1, "document", "≥ 0.7"),
        ("bipia", 0, "document", "≤ 0.03"),
    ],
)
def test_what_is_aimed_at(name: str, label: int, role: str, aim: str) -> None:
    assert str(aim_of(name, label, "document" if role == "document" else "user")) == aim


TEXT = "Mail ann@example.com or ring 212-555-0188 now"


class Redacting:
    """Replaces what it is told to, and takes invisible characters out first."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def run(self, texts: Sequence[Subject], /) -> ChainResult:
        text = texts[0].text.replace("\u200b", "")
        placeholders: list[Placeholder] = []
        for value, kind in self._values.items():
            token = f"[{kind}_1]"
            placeholders.append(Placeholder(token=token, kind=kind, value=value))
            text = text.replace(value, token)
        return ChainResult((text,), (), tuple(placeholders))


def test_spans_are_those_of_what_was_asked() -> None:
    chain = Redacting({"ann@example.com": "EMAIL", "212-555-0188": "PHONE"})
    for text in (TEXT, f"[EMAIL_7] {TEXT}", f"\u200b{TEXT}", TEXT.replace("or", "o\u200br")):
        spans = list(checks_personal.replaced(text, chain.run([Subject(text)])))
        assert [(span.type, text[span.start : span.end]) for span in spans] == [
            ("EMAIL", "ann@example.com"),
            ("PHONE", "212-555-0188"),
        ]
    literal = Redacting({"ann": "LITERAL"})
    assert list(checks_personal.replaced(TEXT, literal.run([Subject(TEXT)]))) == []
    assert list(checks_personal.replaced(TEXT, Redacting({"Mail": "NAME"}).run([Subject(TEXT)]))) == [
        Span("NAME", 0, 4)
    ]


@pytest.mark.parametrize(
    ("values", "precision", "recall"),
    [
        ({"ann@example.com": "EMAIL", "212-555-0188": "PHONE"}, 1.0, 1.0),
        ({"ann@example.com": "EMAIL"}, 1.0, 0.5),
        ({"ann@example.com": "EMAIL", "212-555-0188": "CARD"}, 0.5, 0.5),
        ({"ann@example.com": "EMAIL", "212-555-0188": "PHONE", "now": "MAC"}, 2 / 3, 1.0),
        ({}, None, 0.0),
    ],
)
def test_personal_data_by_planted_chains(
    tmp_path: Path, values: dict[str, str], precision: float | None, recall: float
) -> None:
    spans = [
        {"entity_type": "EMAIL_ADDRESS", "start_position": 5, "end_position": 20},
        {"entity_type": "PHONE_NUMBER", "start_position": 29, "end_position": 41},
    ]
    file = tmp_path / "labelled.json"
    file.write_bytes(orjson.dumps([{"full_text": TEXT, "spans": spans}]))
    found = checks_personal.measure(file, Redacting(values))
    assert (found.micro.precision, found.micro.recall) == (precision, recall)
    assert found.stopped == Rate(0, 1)


class Finding:
    """Says of every text what it is told to."""

    def __init__(self, check: str, code: str, action: Action) -> None:
        self._verdict = Verdict(check=check, code=code, action=action)

    def run(self, texts: Sequence[Subject], /) -> ChainResult:
        return ChainResult((texts[0].text,), (self._verdict,))


@pytest.mark.parametrize(
    ("check", "code", "action", "found", "stopped"),
    [
        ("secrets", "secret", "block", 1, 1),
        ("secrets", "secret", "transform", 1, 0),
        ("encoded", "encoded_secrets", "block", 1, 1),
        ("secrets", "", "pass", 0, 0),
        ("injection", "prompt_injection", "block", 0, 1),
    ],
)
def test_secrets_by_planted_chains(check: str, code: str, action: Action, found: int, stopped: int) -> None:
    rows = (Row("a", 1, kind="aws"), Row("b", 1, kind="unlisted_acme"), Row("c", 0, kind="sha"))
    measured = checks_secrets.measure(LabelledSet("s", rows), Finding(check, code, action))
    assert (measured.recall, measured.unlisted, measured.false_alarms) == (Rate(found, 1),) * 3
    assert measured.stopped == Rate(stopped, 1)
    assert measured.by_kind == {
        "aws": (1, Rate(found, 1)),
        "sha": (0, Rate(found, 1)),
        "unlisted_acme": (1, Rate(found, 1)),
    }
