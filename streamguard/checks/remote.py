"""A second opinion from a model behind an endpoint: a moderation service, or a classifier of injections.

Catches what wording cannot tell: insinuation, new words for old attacks, other languages, as well as the model behind it does.
Misses what that model misses; and whatever comes while the endpoint is down or slow, unless the policy says otherwise: see
`RemoteRules.on_failure`. An opinion only adds: what the local checks flagged, escalated or blocked stays so.
Costs a call over the network, 10 to 1,000 ms (what is here: 20 µs), within `RemoteRules.timeout`. Blocked requests are not asked
about, with `when = "unsure"` only those that the local checks are in two minds about.

The model reads what the chain left of a text: personal data and secrets are out of it, and it is not asked before. Pure: who asks
is `streamguard.stages.second_opinion`, how is in `streamguard.providers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Protocol, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from streamguard.checks.contract import PASS, ChainResult, Direction, Finding, Graded, Role, Rules, Scored, Thresholds
from streamguard.checks.injection import InjectionRules, combine
from streamguard.checks.moderating.scores import CATEGORIES, Moderated, ModerationRules, judged
from streamguard.checks.remote_labels import INJECTION, MEANINGS, NOTHING, OTHER
from streamguard.events.reason import Reason
from streamguard.events.trail import Verdict

RemoteScores = Mapping[str, float]
"""What a model says about one text: scores from 0 to 1 by its own labels."""
Shown = Literal["user", "assistant", "tool", "variable", "document"]
"""Roles; what the service itself says is shown to nobody."""
Meaning = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9/_.-]{0,39}$")]

_FOREIGN: frozenset[Role] = frozenset({"document", "tool"})
_SEVERITY: tuple[Graded, ...] = ("pass", "flag", "escalate", "block")
_NOTABLE = 0.05
"""Categories below this are noise that models give for every text, and are not recorded."""


class RemoteModel(Protocol):
    """A model that scores texts."""

    async def judge(self, texts: Sequence[str], *, timeout: float) -> Sequence[RemoteScores]:
        """The scores of each text, in their order, within `timeout` seconds for all of them together.

        Raises `streamguard.errors.ProviderError` only, whose `code` tells why (`timeout`, `connect`, `rate_limited`, `paused` …)
        and which never holds text; lets a cancellation through, and leaves nothing running then. Does not block the event
        loop. Safe to call concurrently.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections. Idempotent; `judge` must not be called afterwards."""
        ...


class RemoteRules(Rules):
    """Section `remote.NAME`, of input and of output; NAME is one of `[[remote_checks]]` in the configuration."""

    when: Literal["never", "unsure", "always"] = "always"
    """`unsure`: for texts that the local check scores within `unsure`: injection of what is asked, moderation of answers."""
    unsure: tuple[float, float] = (0.1, 0.5)
    """From which local score up to which one (both included)."""
    reads: frozenset[Shown] = frozenset(get_args(Shown))
    """Whose texts are shown to it, of what is asked."""
    thresholds: Thresholds = Thresholds(flag=0.5)
    """For its own injection score. Beside this, that score joins the local ones and `injection` of the policy applies to the sum,
    in which it weighs as much as the local classifier."""
    labels: Mapping[str, Meaning] = Field(default_factory=dict)
    """What its labels mean: `injection`, `nothing`, or a category of moderation (one that is not known there is flagged, from
    0.9 on left to a person). The usual labels are known; any other one counts as the category `other`."""
    weights: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    """By label, what its scores are multiplied with; 1 for those not named."""
    on_failure: Graded = "flag"
    """What it leads to when there is no opinion (down, too slow, garbage): the local checks alone decide (`pass`; `flag` says so
    in the record), a person does (`escalate`), or the request fails with `check_unavailable` (`block`). Only the last two are
    safe against somebody who can make the endpoint fail."""
    timeout: float = Field(default=1.0, gt=0, le=20)
    """Seconds for the opinion on all texts of a request; also never beyond the request's deadline."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if not 0 <= self.unsure[0] <= self.unsure[1] <= 1:
            raise ValueError("unsure must be two scores from 0 to 1, the lower one first")
        return self

    def meaning(self, label: str) -> str:
        """`injection`, `nothing` or a category. Never a word of the model's own, which might be anything."""
        return self._meanings.get(label.casefold(), OTHER)

    def weight(self, label: str) -> float:
        """What a label's scores are multiplied with."""
        return self._weights.get(label.casefold(), 1.0)

    @cached_property
    def _meanings(self) -> Mapping[str, str]:
        own = {label.casefold(): meaning for label, meaning in self.labels.items()}
        return {**{category: category for category in CATEGORIES}, **MEANINGS, **own}

    @cached_property
    def _weights(self) -> Mapping[str, float]:
        return {label.casefold(): weight for label, weight in self.weights.items()}


@dataclass(frozen=True, slots=True)
class RemoteCheck:
    """One remote model as one prompt uses it, in one direction. Its verdicts are of the check `remote.NAME`."""

    codes: ClassVar[Mapping[str, str]] = {
        "remote_unavailable": "A remote check gave no opinion: it is down, too slow, skipped for a pause, or answers nonsense. "
        "The local checks stand alone; `remote.NAME.on_failure` of the policy says what follows, the metric "
        "`streamguard_remote_checks_total` why. Other codes of remote checks are those of `injection` and `moderation`.",
    }

    name: str
    rules: RemoteRules
    direction: Direction
    moderation: ModerationRules
    injection: InjectionRules
    stamp: str
    """The policy's, for the verdicts."""

    def wanted(self, result: ChainResult, roles: Sequence[Role]) -> tuple[int, ...]:
        """The places of the texts to ask about, in order. `roles` are the texts' roles."""
        if self.rules.when == "never" or result.blocked is not None:
            return ()
        local = result.scored.get("injection" if self.direction == "input" else "moderation", ())
        return tuple(
            place
            for place, text in enumerate(result.texts)
            if text.strip() and self._concerns(roles[place], local[place] if local else None)
        )

    def joined(self, result: ChainResult, roles: Sequence[Role], scores: Mapping[int, RemoteScores]) -> ChainResult:
        """`result` with the scores that were given to the texts at some places."""
        findings = [
            (place, finding)
            for place, given in scores.items()
            for finding in self._findings(result, roles[place], place, given)
        ]
        telling = [(place, finding) for place, finding in findings if finding.action != "pass"]
        if not telling:
            highest = max((finding.score for _, finding in findings if finding.score is not None), default=None)
            return self._with(result, Finding(score=highest), result.hash)
        for place, finding in telling:
            result = self._with(result, finding, result.hashes[place])
        return result

    def unavailable(self, result: ChainResult) -> ChainResult:
        """`result` when there was no opinion: the failure policy applies."""
        action = self.rules.on_failure
        reason = {"escalate": Reason.LOW_CONFIDENCE, "block": Reason.CHECK_UNAVAILABLE}.get(action)
        return self._with(result, Finding(action=action, code="remote_unavailable", reason=reason), result.hash)

    def _concerns(self, role: Role, local: Scored | None) -> bool:
        if self.direction == "input" and role not in self.rules.reads:
            return False
        low, high = self.rules.unsure
        return self.rules.when == "always" or low <= (local.score if local else 0.0) <= high

    def _findings(self, result: ChainResult, role: Role, place: int, given: RemoteScores) -> tuple[Finding, Finding]:
        injection: float | None = None
        categories: dict[str, float] = {}
        for label, score in given.items():
            meaning, weighed = self.rules.meaning(label), round(score * self.rules.weight(label), 4)
            if meaning == INJECTION:
                injection = max(weighed, injection or 0.0)
            elif meaning != NOTHING and weighed >= _NOTABLE:
                categories[meaning] = max(weighed, categories.get(meaning, 0.0))
        moderated = self._moderated(Moderated(categories), _local(result, "moderation", place))
        if self.direction == "output" or injection is None:
            return PASS, moderated
        return self._injected(injection, role, _local(result, "injection", place)), moderated

    def _injected(self, remote: float, role: Role, local: Scored | None) -> Finding:
        """The injection score made anew with the contribution `remote`."""
        # A local check that passed a text may give its score alone, which stands for all its layers then.
        before = dict(local.contributions) or {"classifier": local.score} if local else {}
        contributions = {**before, "remote": remote}
        score = combine(contributions)
        foreign = role in _FOREIGN
        thresholds = self.injection.document if foreign else self.injection.user
        action: Graded = max(thresholds.action(score), self.rules.thresholds.action(remote), key=_severity)
        stood = thresholds.action(local.score) if local else "pass"
        if action == "pass" or (_severity(action) <= _severity(stood) and remote < _least(self.rules.thresholds)):
            return Finding(score=score)  # the local finding stands as it is
        if action == "flag" or role == "assistant":
            return Finding(action="flag", code="suspicious", score=score, contributions=contributions)
        code = "buried_instruction" if foreign else "prompt_injection"
        return Finding(
            action=action, code=code, score=score, reason=Reason.PROMPT_INJECTION, contributions=contributions
        )

    def _moderated(self, remote: Moderated, local: Scored | None) -> Finding:
        """Categories of both; only where the remote model itself has something to say."""
        if judged(remote, self.moderation, self.direction).action == "pass":
            return PASS
        merged = remote.merge(Moderated(local.contributions)) if local else remote
        return judged(merged, self.moderation, self.direction)

    def _with(self, result: ChainResult, finding: Finding, content_hash: str) -> ChainResult:
        """`result` with a verdict more, and stopped or left to a person where that is the first to say so."""
        verdict = Verdict(
            check=f"remote.{self.name}",
            direction=self.direction,
            action=finding.action,
            code=finding.code,
            score=finding.score,
            contributions=dict(finding.contributions),
            policy_version=self.stamp,
            content_hash=content_hash,
        )
        result = replace(result, verdicts=(*result.verdicts, verdict))
        if finding.action == "block" and result.blocked is None:
            return replace(result, blocked=finding.reason, escalated=None, code=finding.code)
        if finding.action == "escalate" and result.blocked is None and result.escalated is None:
            return replace(result, escalated=finding.reason, code=finding.code)
        return result


def _local(result: ChainResult, check: str, place: int) -> Scored | None:
    scored = result.scored.get(check)
    return scored[place] if scored else None


def _severity(action: Graded) -> int:
    return _SEVERITY.index(action)


def _least(thresholds: Thresholds) -> float:
    """The lowest of them; above every score when there is none."""
    given = (thresholds.flag, thresholds.escalate, thresholds.block)
    return min((value for value in given if value is not None), default=2.0)
