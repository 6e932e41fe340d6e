"""The chains: which checks run over a request and over an answer, in which order, and what their findings add up to.

Input: `bounds` and `empty` look at all texts together. Then each text passes `unicode`, `secrets`, `encoded`, `lists`,
`injection`, `moderation` and `personal`, each seeing what those before it left of the text. A block does not end the chain: the
texts of a refused request are kept too, so they must be redacted all the same.

Output: `unicode`, `coherence`, `prompt_leak`, `secrets`, `lists`, `moderation`, `business`, `personal_echo`. It sees the answer
with placeholders in it; they are put back after it (`streamguard.checks.personal_data.placeholders.put_back`).

A check that raises blocks (`check_error`, `internal`). A check that passes every text leaves one verdict for the request, any
other finding leaves its own.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

from streamguard.checks import bounds, empty
from streamguard.checks.business import Business
from streamguard.checks.coherence import Coherence
from streamguard.checks.contract import PASS, ChainResult, Check, Direction, Finding, Scored, Subject
from streamguard.checks.echo import PersonalEcho
from streamguard.checks.encoded import Encoded
from streamguard.checks.injection import Injection
from streamguard.checks.lists import Lists
from streamguard.checks.moderation import Moderation
from streamguard.checks.personal import RedactPersonal
from streamguard.checks.personal_data.placeholders import PlaceholderMap
from streamguard.checks.policy import Policy
from streamguard.checks.prompt_leak import PromptLeak
from streamguard.checks.secrets import Secrets
from streamguard.checks.streaming.filter import PhraseRules, StreamFilter
from streamguard.checks.unicode import UnicodeTricks
from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder
from streamguard.events.trail import Verdict

CHECK_ERROR = "check_error"
_FAILED = Finding(action="block", code=CHECK_ERROR, reason=Reason.INTERNAL)


class InputChain:
    """Checks what is asked of one prompt. Holds compiled rules: build one and use it for all requests."""

    def __init__(self, policy: Policy, key: bytes, prompt: str = "", *, extra: Sequence[Check] = ()) -> None:
        """`key` keys the content hashes. `extra` checks run before personal data is taken out, and see it."""
        self._stamp = policy.stamp, key
        self._rules = rules = policy.of(prompt).input
        secrets, lists = Secrets(rules.secrets), Lists(rules.lists)
        injection, moderation = Injection(rules.injection), Moderation(rules.moderation)
        encoded = Encoded(rules.encoded, (secrets, lists, injection, moderation))
        self._checks: tuple[Check, ...] = (
            UnicodeTricks(rules.unicode),
            secrets,
            encoded,
            lists,
            injection,
            moderation,
            *extra,
        )

    def run(self, texts: Sequence[Subject]) -> ChainResult:
        """Check all texts of one request: its messages or variables, and its documents. Never raises."""
        story = _Story(*self._stamp, "input", texts)
        if story.tell(bounds.NAME, bounds.within_bounds(texts, self._rules.bounds)):
            return story.end(("",) * len(texts))
        found = PlaceholderMap()
        checks = self.checks(found)
        subjects = tuple(story.through(checks, subject, place) for place, subject in enumerate(texts))
        story.tell(empty.NAME, empty.something_asked(subjects))
        redacted = found.sweep([subject.text for subject in subjects])
        return story.end(redacted, found.placeholders())

    def checks(self, found: PlaceholderMap) -> tuple[Check, ...]:
        """What each text of one request passes, in order; `found` collects what is replaced."""
        return (*self._checks, RedactPersonal(found, self._rules.personal))


class OutputChain:
    """Checks the answers of one prompt. Build one and use it for all."""

    def __init__(self, policy: Policy, key: bytes, prompt: str = "", *, extra: Sequence[Check] = ()) -> None:
        """`key` keys the content hashes. `extra` checks run before foreign personal data is masked."""
        self._stamp = policy.stamp, key
        self._rules = policy.of(prompt).output
        self._first: tuple[Check, ...] = (UnicodeTricks(self._rules.unicode),)
        self._last = (
            Lists(self._rules.lists),
            Moderation(self._rules.moderation),
            Business(self._rules.business),
            *extra,
        )

    def run(
        self,
        output: str,
        *,
        others: Sequence[str] = (),
        placeholders: Sequence[Placeholder] = (),
        system_text: str = "",
        asked: str = "",
        known: str = "",
        canary: str | None = None,
        finish_reason: str | None = None,
    ) -> ChainResult:
        """Check an answer that still has its placeholders. Never raises.

        `others` are more texts of it: the arguments of the tools that it calls. `known` holds what else the service has said,
        such as the tools it offers: data in it is nobody's secret.
        `placeholders` are the asker's; `system_text` holds the instructions as sent, `canary` the word that stands in them;
        `asked` holds the other messages as sent, `finish_reason` is the provider's word for why the answer ended. A blocked
        answer's text is empty when a check failed; otherwise it is there, for people who review it.
        """
        subjects = [Subject(text, "assistant", "output") for text in (output, *others)]
        story = _Story(*self._stamp, "output", subjects)
        checks = self.checks(placeholders, system_text, asked, canary, finish_reason, known=known)
        texts = tuple(story.through(checks, subject, place).text for place, subject in enumerate(subjects))
        return story.end(texts, tuple(placeholders))

    def stream(
        self,
        *,
        placeholders: Sequence[Placeholder] = (),
        system_text: str = "",
        asked: str = "",
        canary: str | None = None,
    ) -> StreamFilter:
        """What shows an answer while it comes, with the asker's data put back: run the chain over all of it all the same."""
        return StreamFilter(
            self._rules,
            placeholders=placeholders,
            system_text=system_text,
            asked=asked,
            canary=canary,
            phrases=self._phrases,
        )

    @cached_property
    def _phrases(self) -> PhraseRules:
        return PhraseRules(self._rules)

    def checks(
        self,
        placeholders: Sequence[Placeholder] = (),
        system_text: str = "",
        asked: str = "",
        canary: str | None = None,
        finish_reason: str | None = None,
        *,
        known: str = "",
    ) -> tuple[Check, ...]:
        """What one answer passes, in order; the arguments are those of `run`."""
        return (
            *self._first,
            Coherence(self._rules.coherence, finish_reason, asked),
            PromptLeak(self._rules.prompt_leak, system_text, canary),
            Secrets(self._rules.secrets, asked=asked),
            *self._last,
            PersonalEcho(
                self._rules.personal_echo,
                placeholders,
                f"{system_text}\n{asked}\n{known}\n{self._rules.business.own_words}",
            ),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """One step of a text through a chain: what `check` was given, what it found, and the subject for the next one."""

    check: str
    subject: Subject
    finding: Finding
    left: Subject


def steps(checks: Iterable[Check], subject: Subject) -> Iterator[Seen]:
    """The text's way through `checks`. A check that raises blocks."""
    for check in checks:
        try:
            finding = check.inspect(subject)
        except Exception:  # noqa: BLE001  # whatever it is, an unchecked text must not go on, and its message may hold text
            finding = _FAILED
        left = subject
        if finding.text is not None:
            left = replace(left, text=finding.text)
        if finding.score:
            left = replace(left, earlier={**left.earlier, check.name: finding.score})
        if finding.hidden:
            left = replace(left, hidden=(*left.hidden, *finding.hidden))
        yield Seen(check.name, subject, finding, left)
        subject = left


C = TypeVar("C", InputChain, OutputChain)


class Chains(Generic[C]):
    """A chain for each prompt that has rules of its own, and one for all others. Built once, when a worker starts."""

    def __init__(self, kind: type[C], policy: Policy, key: bytes, *, extra: Sequence[Check] = ()) -> None:
        self.stamp = policy.stamp
        self._common = kind(policy, key, extra=extra)
        self._own = {prompt: kind(policy, key, prompt, extra=extra) for prompt in policy.prompts}

    def of(self, prompt: str) -> C:
        return self._own.get(prompt, self._common)


class _Story:
    """The verdicts of one run, while it runs."""

    def __init__(self, stamp: str, key: bytes, direction: Direction, subjects: Sequence[Subject]) -> None:
        self._stamp = stamp
        self._direction: Direction = direction
        self._hashes = [_keyed(key, subject.text) for subject in subjects]
        self._together = self._hashes[0] if len(self._hashes) == 1 else _keyed(key, "".join(self._hashes))
        self._verdicts: list[Verdict] = []
        self._passed: dict[str, float | None] = {}
        self._scored: dict[str, list[Scored | None]] = {}
        self._blocked: Reason | None = None
        self._escalated: tuple[Reason, str] | None = None
        self._code = ""
        self._unread = False

    def through(self, checks: Sequence[Check], subject: Subject, place: int) -> Subject:
        """The subject as the checks left it."""
        for step in steps(checks, subject):
            self._unread = self._unread or step.finding is _FAILED
            self.tell(step.check, step.finding, place)
            subject = step.left
        return subject

    def tell(self, check: str, finding: Finding, place: int | None = None) -> bool:
        """Record a finding about the text at `place`, or about all together. True when it blocks."""
        if finding.score is not None and place is not None:
            scored = self._scored.setdefault(check, [None] * len(self._hashes))
            scored[place] = Scored(finding.score, finding.contributions)
        if finding.action == "pass":
            before = self._passed.get(check)
            self._passed[check] = finding.score if before is None else max(before, finding.score or 0.0)
            return False
        self._verdicts.append(
            Verdict(
                check=check,
                direction=self._direction,
                action=finding.action,
                code=finding.code,
                spans=finding.spans,
                score=finding.score,
                contributions=dict(finding.contributions),
                policy_version=self._stamp,
                content_hash=self._together if place is None else self._hashes[place],
            )
        )
        blocks = finding.action == "block"
        if blocks and self._blocked is None:
            self._blocked = finding.reason or Reason.INTERNAL
            self._code = finding.code
        if finding.action == "escalate" and self._escalated is None:
            self._escalated = finding.reason or Reason.LOW_CONFIDENCE, finding.code
        return blocks

    def end(self, texts: Sequence[str], placeholders: tuple[Placeholder, ...] = ()) -> ChainResult:
        spoke = {verdict.check for verdict in self._verdicts}
        passed = tuple(
            Verdict(
                check=check,
                direction=self._direction,
                action=PASS.action,
                score=score,
                policy_version=self._stamp,
                content_hash=self._together,
            )
            for check, score in self._passed.items()
            if check not in spoke
        )
        escalated, code = (None, self._code) if self._blocked or not self._escalated else self._escalated
        return ChainResult(
            texts=("",) * len(texts) if self._unread else tuple(texts),
            verdicts=(*self._verdicts, *passed),
            placeholders=() if self._unread else placeholders,
            blocked=self._blocked,
            escalated=escalated,
            code=code,
            hash=self._together,
            hashes=tuple(self._hashes),
            scored={check: tuple(scored) for check, scored in self._scored.items()},
        )


def _keyed(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def content_key(secret: bytes) -> bytes:
    """The key of content hashes, derived from the configuration's secret: equal wherever the same text is checked."""
    return hmac.digest(secret, b"streamguard/content-hash", "sha256")
