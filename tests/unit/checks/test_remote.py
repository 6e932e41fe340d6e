"""What a remote model's scores lead to, together with what the chain said before."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamguard.checks.contract import ChainResult, Direction, Graded, Role, Scored, Thresholds
from streamguard.checks.injection import InjectionRules
from streamguard.checks.moderating.scores import CATEGORIES, ModerationRules
from streamguard.checks.remote import RemoteCheck, RemoteRules
from streamguard.checks.remote_labels import MEANINGS
from streamguard.events.reason import Reason
from streamguard.events.trail import Verdict

SEVERITY = ["pass", "flag", "escalate", "block"]
USER: tuple[Role, ...] = ("user",)


def check(direction: Direction = "input", **rules: Any) -> RemoteCheck:
    return RemoteCheck("guard", RemoteRules(**rules), direction, ModerationRules(), InjectionRules(), "7+x")


def chain(*texts: str, **changes: Any) -> ChainResult:
    hashes = tuple(f"hash-{place}" for place in range(len(texts)))
    return replace(ChainResult(texts=texts, verdicts=(), hash="together", hashes=hashes), **changes)


def local(*scores: float, by: str = "injection") -> dict[str, tuple[Scored, ...]]:
    return {by: tuple(Scored(score, {"classifier": score}) for score in scores)}


def only(result: ChainResult) -> Verdict:
    (verdict,) = result.verdicts
    return verdict


def test_a_model_that_is_sure_adds_to_what_the_local_layers_say() -> None:
    result = check().joined(chain("x", scored=local(0.4)), USER, {0: {"INJECTION": 0.9, "BENIGN": 0.1}})

    verdict = only(result)
    assert (result.blocked, result.code) == (Reason.PROMPT_INJECTION, "prompt_injection")
    assert (verdict.check, verdict.action, verdict.content_hash) == ("remote.guard", "block", "hash-0")
    assert verdict.policy_version == "7+x"
    assert verdict.contributions == {"classifier": 0.4, "remote": 0.9}
    assert verdict.score == pytest.approx(0.8571)  # the odds of 0.4 times those of 0.9


def test_without_contributions_the_local_score_stands_for_all_layers() -> None:
    told = check().joined(chain("x", scored=local(0.4)), USER, {0: {"jailbreak": 0.8}})
    bare = check().joined(chain("x", scored={"injection": (Scored(0.4),)}), USER, {0: {"jailbreak": 0.8}})

    assert only(bare).score == only(told).score


def test_a_model_that_is_alone_is_believed_as_far_as_its_own_thresholds_say() -> None:
    before = chain("x", scored=local(0.001))

    assert only(check().joined(before, USER, {0: {"LABEL_1": 0.9}})).action == "flag"
    strict = check(thresholds=Thresholds(block=0.9)).joined(before, USER, {0: {"LABEL_1": 0.9}})
    assert strict.blocked is Reason.PROMPT_INJECTION


def test_one_that_sees_nothing_leaves_one_verdict_for_all_texts() -> None:
    quiet = {"INJECTION": 0.01, "harassment": 0.001}
    result = check().joined(chain("x", "y", scored=local(0.35, 0.0)), ("user", "user"), {0: quiet, 1: quiet})

    verdict = only(result)
    assert (verdict.action, verdict.content_hash, verdict.contributions) == ("pass", "together", {})
    assert (result.blocked, result.escalated) == (None, None)


@pytest.mark.parametrize(
    ("role", "code", "action"),
    [
        ("document", "buried_instruction", "block"),
        ("tool", "buried_instruction", "block"),
        ("assistant", "suspicious", "flag"),
    ],
)
def test_the_role_of_a_text_counts(role: Role, code: str, action: str) -> None:
    verdict = only(check().joined(chain("x", scored=local(0.4)), (role,), {0: {"injection": 0.95}}))

    assert (verdict.code, verdict.action) == (code, action)


@pytest.mark.parametrize(("remote", "action"), [(0.45, "pass"), (0.55, "flag")])
def test_a_flag_is_repeated_only_by_a_model_that_would_raise_it_itself(remote: float, action: str) -> None:
    assert only(check().joined(chain("x", scored=local(0.4)), USER, {0: {"injection": remote}})).action == action


def test_documents_have_thresholds_of_their_own() -> None:
    rules = InjectionRules(user=Thresholds(flag=0.9), document=Thresholds(escalate=0.6))
    strict = replace(check(thresholds=Thresholds()), injection=rules)
    before = chain("x", "y", scored=local(0.5, 0.5))
    result = strict.joined(before, ("user", "document"), {0: {"injection": 0.7}, 1: {"injection": 0.7}})

    assert [(verdict.action, verdict.content_hash) for verdict in result.verdicts] == [("escalate", "hash-1")]
    assert result.escalated is Reason.PROMPT_INJECTION


def test_what_is_blocked_is_not_left_to_a_person_as_well() -> None:
    for before in ({}, {"blocked": Reason.PROMPT_INJECTION, "code": "prompt_injection"}):
        result = check().joined(chain("x", "y", **before), ("user", "user"), {0: {"hate": 0.99}, 1: {"s6": 0.99}})

        assert [verdict.action for verdict in result.verdicts] == ["block", "escalate"]
        assert (result.blocked, result.escalated) == (before.get("blocked", Reason.UNSAFE_INPUT), None)


def test_categories_of_both_sides_stand_in_one_verdict() -> None:
    before = chain("x", scored={"moderation": (Scored(0.67, {"harassment": 0.67}),)})
    result = check().joined(before, USER, {0: {"hate": 0.95, "violence": 0.01}})

    assert (result.blocked, result.code) == (Reason.UNSAFE_INPUT, "unsafe")
    assert only(result).contributions == {"hate": 0.95, "harassment": 0.67}


def test_what_is_said_of_an_answer_has_the_reasons_of_answers_and_no_injections() -> None:
    output = check("output")

    unsafe = output.joined(chain("x"), ("assistant",), {0: {"sexual/minors": 0.99}})
    assert unsafe.blocked is Reason.UNSAFE_OUTPUT
    assert only(output.joined(chain("x"), ("assistant",), {0: {"injection": 0.99}})).action == "pass"


def test_a_label_that_nobody_explained_is_other_and_its_name_is_dropped() -> None:
    result = check().joined(chain("x"), USER, {0: {"what the user said": 0.95}})

    assert result.escalated is Reason.UNSAFE_INPUT
    assert only(result).contributions == {"other": 0.95}
    assert "user said" not in repr(result)


def test_the_policy_explains_and_weighs_labels() -> None:
    told = check(labels={"Rude": "harassment", "HATE": "nothing"}, weights={"RUDE": 0.5})
    verdict = only(told.joined(chain("x"), USER, {0: {"rude": 0.8, "hate": 0.99}}))

    assert verdict.contributions == {"harassment": 0.4}
    assert verdict.action == "flag"


@pytest.mark.parametrize(
    ("on_failure", "blocked", "escalated"),
    [
        ("pass", None, None),
        ("flag", None, None),
        ("escalate", None, Reason.LOW_CONFIDENCE),
        ("block", Reason.CHECK_UNAVAILABLE, None),
    ],
)
def test_no_opinion_leads_to_what_the_policy_says(
    on_failure: Graded, blocked: Reason | None, escalated: Reason | None
) -> None:
    result = check(on_failure=on_failure).unavailable(chain("x"))

    assert (result.blocked, result.escalated) == (blocked, escalated)
    assert (only(result).action, only(result).code) == (on_failure, "remote_unavailable")
    assert result.texts == ("x",)


def test_flagged_unless_the_policy_says_otherwise() -> None:
    assert only(check().unavailable(chain("x"))).action == "flag"


def test_who_is_asked_about_what() -> None:
    roles: tuple[Role, ...] = ("system", "user", "document", "user")
    before = chain("rules", "a question", "a page", " ", scored=local(0.0, 0.2, 0.6, 0.0))

    assert check().wanted(before, roles) == (1, 2)
    assert check(when="never").wanted(before, roles) == ()
    assert check(when="unsure").wanted(before, roles) == (1,)
    assert check(when="unsure", unsure=(0.2, 0.6)).wanted(before, roles) == (1, 2)
    assert check(reads={"document"}).wanted(before, roles) == (2,)
    assert check().wanted(replace(before, blocked=Reason.SECRET_IN_INPUT), roles) == ()
    assert check(when="unsure").wanted(chain("x"), USER) == ()  # nothing was scored, so nobody is unsure


def test_an_answer_is_unsure_by_its_moderation() -> None:
    before = chain("x", scored=local(0.33, by="moderation"))

    assert check("output", when="unsure").wanted(before, ("assistant",)) == (0,)
    assert check("output", when="unsure", unsure=(0.5, 0.9)).wanted(before, ("assistant",)) == ()


@pytest.mark.parametrize(
    "rules",
    [
        {"reads": {"system"}},
        {"unsure": (0.5, 0.1)},
        {"unsure": (-0.1, 0.5)},
        {"timeout": 0},
        {"labels": {"x": "What I think"}},
        {"weights": {"x": 2}},
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RemoteRules(**rules)


LABELS = st.sampled_from([*MEANINGS, *CATEGORIES, "nobody knows"])
SHARES = st.floats(0, 1)
REASONS: dict[str, Any] = {
    "pass": {},
    "escalate": {"escalated": Reason.HIGH_URGENCY, "code": "self_harm_risk"},
    "block": {"blocked": Reason.SECRET_IN_INPUT, "code": "secret"},
}


@given(
    before=st.sampled_from([*REASONS]),
    scores=st.tuples(SHARES, SHARES),
    given_=st.dictionaries(st.integers(0, 1), st.dictionaries(LABELS, SHARES, min_size=1)),
    direction=st.sampled_from(["input", "output"]),
)
def test_an_opinion_never_makes_anything_milder(
    before: str, scores: tuple[float, float], given_: dict[int, dict[str, float]], direction: Direction
) -> None:
    stood = chain("x", "y", scored=local(*scores), **REASONS[before])
    result = check(direction).joined(stood, ("user", "document"), given_)

    after = "block" if result.blocked else "escalate" if result.escalated else "pass"
    assert SEVERITY.index(after) >= SEVERITY.index(before)
    assert not (result.blocked and result.escalated)
    if stood.blocked:
        assert (result.blocked, result.code) == (stood.blocked, stood.code)
    worst = max((verdict.action for verdict in result.verdicts), key=SEVERITY.index)
    assert SEVERITY.index(after) == max(SEVERITY.index(before), SEVERITY.index(worst) if worst != "flag" else 0)
    assert {verdict.check for verdict in result.verdicts} == {"remote.guard"}
    known = {*CATEGORIES, "other", "remote", "classifier"}
    assert {name for verdict in result.verdicts for name in verdict.contributions} <= known
    assert (result.texts, result.placeholders) == (stood.texts, stood.placeholders)
