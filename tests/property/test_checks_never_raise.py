"""Hostile requests: no exception leaves a chain, no check fails, no datum stays, no verdict holds text, all comes back.

A fixed sample of what `python -m tests.fuzz_checks` sends by the hundred thousand.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar

import pytest
from hypothesis import given, settings

from streamguard.checks.chain import InputChain, OutputChain
from streamguard.checks.contract import PASS, ChainResult, Finding, Subject
from streamguard.checks.personal import PersonalRules
from streamguard.checks.policy import InputRules, Policy, load
from streamguard.events.trail import Span
from tests.support.fuzzing import CANARY, DATA_OF_PEOPLE, Chains, Hostile, chains, corpus, hostile, problems
from tests.support.hostile_drawn import CASES
from tests.support.hostile_texts import HOSTILE

UNDER_TEST = chains(load())
POLICY = Policy(version="1")


@settings(deadline=None, max_examples=100)
@given(CASES)
def test_drawn_requests(case: Hostile) -> None:
    assert problems(UNDER_TEST, case) == []


def test_mutated_requests() -> None:
    texts = corpus()
    found = {number: problems(UNDER_TEST, hostile(Random(f"quick/{number}"), texts)) for number in range(300)}
    assert {number: told for number, told in found.items() if told} == {}


@pytest.mark.parametrize("name", HOSTILE)
def test_texts_made_to_be_slow(name: str) -> None:
    text = HOSTILE[name](2_000)
    assert problems(UNDER_TEST, Hostile((Subject(text), Subject(text, "document")), text)) == []


class Bad:
    """A check with a fault."""

    name = "bad"
    codes: ClassVar[Mapping[str, str]] = {"found": "Something was found in the text. Nothing to do."}

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        if self._fault == "raises":
            raise ValueError(text)
        if self._fault == "changes":
            return Finding(action="transform", code="found", text=text.upper())
        if self._fault == "tells by code":
            return Finding(action="flag", code=text[:14])
        if self._fault == "tells by kind":
            return Finding(action="flag", code="found", spans=(Span(kind=text[2:15], start=0, end=1),))
        if self._fault == "tells by contribution":
            return Finding(action="flag", code="found", contributions={text[3:15]: 1.0})
        return PASS


class Raising(InputChain):
    """A chain that lets an error through."""

    def run(self, texts: Sequence[Subject]) -> ChainResult:
        raise KeyError("no text here")


TEXT = "my new shoes are too small for me\ne-mail: petra.novak@mail.example.org\nThanks"
CASE = Hostile((Subject(TEXT),), "Here you are.", (DATA_OF_PEOPLE["e-mail: "],))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("none", []),
        ("raises", ["input: bad failed", "output: bad failed"]),
        ("changes", ["what was replaced does not come back exactly"]),
        ("tells by code", ["input: a verdict's code holds text"]),
        ("tells by kind", ["input: a verdict's spans holds text"]),
        ("tells by contribution", ["input: a verdict's contributions holds text"]),
    ],
)
def test_a_planted_fault_is_told(fault: str, told: list[str]) -> None:
    bad = [Bad(fault)]
    under_test = Chains(InputChain(POLICY, b"k", extra=bad), OutputChain(POLICY, b"k", extra=bad))
    assert [problem for problem in problems(under_test, CASE) if problem in told or not told] == told


def test_an_error_that_leaves_a_chain_is_told() -> None:
    assert problems(Chains(Raising(POLICY, b"k"), UNDER_TEST.answered), CASE) == ["KeyError left a chain"]


def test_a_datum_that_stays_is_told() -> None:
    blind = Policy(version="1", input=InputRules(personal=PersonalRules(kinds=frozenset())))
    assert problems(chains(blind), CASE) == ["a planted datum is still there"]


class Careless(OutputChain):
    """Lets every answer out."""

    def run(self, output: str, **more: object) -> ChainResult:
        return ChainResult((output,), ())


def test_a_canary_that_is_let_out_is_told() -> None:
    case = Hostile((Subject("Hello"),), f"It says {CANARY}.")
    assert problems(UNDER_TEST, case) == []
    assert problems(Chains(UNDER_TEST.given, Careless(POLICY, b"k")), case) == ["the canary is let out"]
