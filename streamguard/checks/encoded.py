"""Encoded passages: what they say is put before the other checks, as if it had been written plainly.

Catches orders, abuse, credentials and personal data written in one of the codings that `streamguard.checks.decoding` undoes, or
hidden in characters that nobody sees (`streamguard.checks.text.smuggling`).
Misses what those miss; and of a text with more disguised passages, or more code, than is decoded nothing but that is known.
Costs 40 µs on 2 KB without any; with some, what the other checks cost on what they say (64 KB at most).
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from pydantic import Field

from streamguard.checks.contract import PASS, Action, Check, Finding, Graded, Rules, Subject, Thresholds
from streamguard.checks.decoding.payloads import Decoded, Payload, decoded
from streamguard.checks.personal_data.detectors import CERTAIN_KINDS, Datum, TooMuchFound, personal_data
from streamguard.checks.secrets import MASK
from streamguard.checks.text.splicing import spliced
from streamguard.checks.unicode import normalise
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

ENCODED = "ENCODED"
"""The kind of a placeholder that stands for a whole encoded passage."""
HIDDEN = "hidden"
"""The kind of a passage in characters that nobody sees; they were taken out, so its span is empty."""
_LISTED = 16
_CROWD = 4
"""More passages than these that are no disguise are first looked at together."""
_HOST = 64
"""More than these are looked at together only."""
_SEVERITY: dict[Action, int] = {"pass": 0, "transform": 1, "flag": 1, "escalate": 2, "block": 3}


class EncodedRules(Rules):
    """What follows from encoded passages by themselves; what they say is judged by the other checks' rules."""

    weight: float = Field(default=0.3, ge=0, le=1)
    """What one disguised passage says of intent; several say more."""
    hidden_weight: float = Field(default=0.9, ge=0, le=1)
    """What a text in invisible characters says of it."""
    thresholds: Thresholds = Thresholds(flag=0.2)
    """By the score of the passages together."""
    unread: Graded = "block"
    """What happens to a text with more encoded passages than are looked into."""


_DEFAULT = EncodedRules()


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a check said about a payload."""

    payload: Payload
    check: str
    finding: Finding

    @property
    def severity(self) -> tuple[int, float]:
        return _SEVERITY[self.finding.action], self.finding.score or 0.0

    @property
    def masked(self) -> bool:
        """Whether the passage must go no further: the check would have taken something out of it."""
        return self.finding.text is not None and self.finding.action != "flag"


class Encoded:
    """Passes on the worst that the inner checks say of any encoded passage; the code names the check (`encoded_injection`).

    Personal data in a passage is flagged here; the check `personal` puts a placeholder for the whole passage
    (`personal_payloads`).
    """

    name = "encoded"
    codes: ClassVar[Mapping[str, str]] = {
        "encoded_text": (
            "Words stand in code (the span's kind tells which) where plain ones would do. Nothing bad was found in them, but"
            " ordinary texts have none. Its score tells `injection` so."
        ),
        "encoded_injection": "An encoded passage gives the model orders. Refused or flagged as the same words are when plain.",
        "encoded_moderation": "An encoded passage holds what moderation refuses or flags when it is written plainly.",
        "encoded_secrets": "An encoded passage holds a credential. Revoke it: encoding protects nothing.",
        "encoded_lists": "An encoded passage holds what the prompt's deny-list names.",
        "encoded_personal": "An encoded passage holds personal data. A placeholder stands for the whole passage.",
        "encoded_unread": (
            "More encoded passages, or larger ones, than are looked into. Refused by default, since nobody knows what the others"
            " say; `input.encoded.unread` in the policy decides. Send data as documents in parts."
        ),
    }

    def __init__(self, rules: EncodedRules = _DEFAULT, inner: Sequence[Check] = ()) -> None:
        """`inner` checks look into each passage. They must not be made anew for each request."""
        self._rules = rules
        self._inner = tuple(inner)

    def inspect(self, subject: Subject) -> Finding:
        found = _decoded(subject.text)
        if not found.payloads and found.complete and not subject.hidden:
            return PASS
        hidden = tuple(_hidden(subject.hidden, len(subject.text)))
        payloads = (*hidden, *found.payloads)
        judged = [one for payload in self._worth_judging(payloads, subject) for one in self._judged(payload, subject)]
        score = self._score(payloads)
        remark = self._remark(subject, found.complete, score)
        worst = max(judged, key=lambda one: one.severity, default=None)
        if worst is not None and worst.severity[0] < _SEVERITY[remark.action]:
            worst = None
        masked = sorted(
            {(one.payload.start, one.payload.end) for one in judged if one.masked and one.payload.kind != HIDDEN}
        )
        text = spliced(subject.text, ((start, end, MASK) for start, end in masked)) if masked else None
        if worst is None and remark.action == "pass":
            return PASS if score == 0 else Finding(score=score, contributions={"encoded": score})
        said = {one.check: one.finding.score for one in judged if one.finding.score}
        finding = remark if worst is None else worst.finding
        return Finding(
            action="flag" if finding.action == "transform" else finding.action,
            code=remark.code if worst is None else f"encoded_{worst.check}",
            spans=_spans(payloads if worst is None else (worst.payload,)),
            score=max(score, finding.score or 0.0),
            reason=finding.reason,
            text=text,
            contributions={"encoded": score, **said},
        )

    def _worth_judging(self, payloads: Sequence[Payload], subject: Subject) -> Iterator[Payload]:
        """The payloads, but for a crowd of ids and addresses of which all together nothing is said."""
        others = [payload for payload in payloads if not payload.disguised]
        yield from (payload for payload in payloads if payload.disguised)
        if len(others) <= _CROWD:
            yield from others
            return
        end = max(payload.end for payload in others)
        said = "\n".join(payload.text for payload in others)
        together = Payload(others[0].kind, others[0].start, end, said, 1, disguised=False)
        if next(self._judged(together, subject), None) is not None:
            yield from others if len(others) <= _HOST else (together,)

    def _judged(self, payload: Payload, subject: Subject) -> Iterator[_Judged]:
        text = normalise(payload.text).text
        asked = Subject(text, subject.role, subject.direction)
        for check in self._inner:
            finding = check.inspect(asked)
            if finding.action != "pass":
                yield _Judged(payload, check.name, finding)
        if _holds_personal_data(text, CERTAIN_KINDS):
            yield _Judged(payload, "personal", Finding(action="flag", code="personal_data"))

    def _score(self, payloads: Sequence[Payload]) -> float:
        innocent = 1.0
        places: set[tuple[int, int]] = set()
        for payload in payloads:
            if payload.kind == HIDDEN:
                innocent *= 1 - self._rules.hidden_weight
            elif payload.disguised and (payload.start, payload.end) not in places:
                places.add((payload.start, payload.end))
                innocent *= 1 - self._rules.weight
        return round(1 - innocent, 4)

    def _remark(self, subject: Subject, complete: bool, score: float) -> Finding:
        """What is said of the passages whatever they say."""
        if not complete and subject.role != "system" and self._rules.unread != "pass":
            severe = self._rules.unread in ("block", "escalate")
            return Finding(
                action=self._rules.unread,
                code="encoded_unread",
                reason=_reason(subject) if severe else None,
                score=score,
            )
        action = self._rules.thresholds.action(score) if subject.role != "system" else "pass"
        severe = action in ("block", "escalate")
        return Finding(action=action, code="encoded_text", reason=_reason(subject) if severe else None, score=score)


def personal_payloads(text: str, kinds: Set[str] = CERTAIN_KINDS) -> list[Datum]:
    """The encoded passages of `text` that hold personal data of these kinds, each one datum of the kind `ENCODED`, in order and
    without overlaps.
    """
    found: list[Datum] = []
    for payload in _decoded(text).payloads:
        if (not found or payload.start >= found[-1].end) and _holds_personal_data(normalise(payload.text).text, kinds):
            found.append(Datum(ENCODED, payload.start, payload.end))
    return found


def _holds_personal_data(text: str, kinds: Set[str]) -> bool:
    """Whether some stands in it; more than can be looked at is some: the passage goes as a whole."""
    try:
        return bool(personal_data(text, kinds))
    except TooMuchFound:
        return True


@lru_cache(maxsize=4)
def _decoded(text: str) -> Decoded:
    """Remembered for the last few: `personal` asks again about the texts that `encoded` has seen."""
    return decoded(text)


def _hidden(texts: Sequence[str], end: int) -> Iterator[Payload]:
    """What was hidden, and what stands encoded in it."""
    for text in texts:
        yield Payload(HIDDEN, end, end, text, 1)
        for inner in decoded(text).payloads:
            yield Payload(HIDDEN, end, end, inner.text, inner.depth + 1)


def _reason(subject: Subject) -> Reason:
    return Reason.INPUT_NOT_ALLOWED if subject.direction == "input" else Reason.UNSAFE_OUTPUT


def _spans(payloads: Sequence[Payload]) -> tuple[Span, ...]:
    places = dict.fromkeys((payload.kind, payload.start, payload.end) for payload in payloads)
    return tuple(Span(kind=kind, start=start, end=end) for kind, start, end in places)[:_LISTED]
