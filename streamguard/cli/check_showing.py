"""What `streamguard check` prints: verdicts, the text with what was found marked, and the outcome."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from streamguard.checks.chain import Seen
from streamguard.checks.contract import ChainResult
from streamguard.cli.check_texts import Given, part_of
from streamguard.cli.terminal import visible
from streamguard.events.trail import Span, Verdict

OUTCOMES = ("pass", "flag", "escalate", "block")
"""From mild to severe."""
_STYLES = {"pass": "green", "flag": "yellow", "escalate": "magenta", "block": "bold red", "transform": "cyan"}
_CHECKS = {
    "unicode": "black on bright_cyan",
    "secrets": "white on red",
    "encoded": "black on bright_magenta",
    "lists": "black on bright_yellow",
    "injection": "black on yellow",
    "moderation": "white on magenta",
    "personal": "black on green",
    "coherence": "white on blue",
    "prompt_leak": "white on red",
    "business": "black on bright_yellow",
    "personal_echo": "black on green",
}
_OTHER = "reverse"
_AROUND = 160
"""Characters of the text shown on either side of what is marked."""
_SPANS = 6
"""Places told in a verdict's line; all of them are marked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the chain said about something given, and the steps of each text through it."""

    given: Given
    result: ChainResult
    seen: Sequence[Sequence[Seen]]
    policy_version: str

    @property
    def outcome(self) -> str:
        """`pass`, `flag`, `escalate` or `block`. A text that was only changed passes."""
        if self.result.blocked is not None:
            return "block"
        if self.result.escalated is not None:
            return "escalate"
        return "flag" if any(verdict.action == "flag" for verdict in self.result.verdicts) else "pass"

    @property
    def reason(self) -> str:
        """The reason that the request would end with; empty where it goes on."""
        reason = self.result.blocked or self.result.escalated
        return reason.value if reason else ""


def records(answer: Answer) -> Iterator[dict[str, Any]]:
    """An object a verdict, then one for the outcome. They hold no text."""
    for verdict in answer.result.verdicts:
        part = part_of(answer.given, answer.result.hashes, verdict.content_hash)
        yield {"at": answer.given.at, "part": part, **verdict.model_dump(mode="json")}
    yield {
        "at": answer.given.at,
        "outcome": answer.outcome,
        "reason": answer.reason or None,
        "code": answer.result.code,
        "policy_version": answer.policy_version,
        "content_hash": answer.result.hash,
    }


def show(answer: Answer, console: Console) -> None:
    """For people: what was found a line each, what passed in one, the text with marks, the outcome."""
    given, result = answer.given, answer.result
    for verdict in result.verdicts:
        if verdict.action != "pass":
            console.print(_line(verdict, part_of(given, result.hashes, verdict.content_hash)), soft_wrap=True)
    passed = ", ".join(
        verdict.check + (f" {verdict.score:g}" if verdict.score else "")
        for verdict in result.verdicts
        if verdict.action == "pass"
    )
    if passed:
        console.print(Text(f"  passed: {passed}", "dim"), soft_wrap=True)
    for part, steps in zip(given.parts, answer.seen, strict=False):
        for heading, text, marks in _views(steps):
            console.print(Text(f"  {' '.join(word for word in (part, heading) if word)}:", "dim"), soft_wrap=True)
            for line in _marked(text, marks, plain=not console.is_terminal or console.no_color).split("\n"):
                console.print(Text("  | ").append_text(line), soft_wrap=True)
    ending = Text(f"{given.at}: ").append(answer.outcome, _STYLES[answer.outcome])
    if answer.reason:
        ending.append(f" {answer.reason}")
        if result.code != answer.reason:
            ending.append(f" ({result.code})")
    console.print(ending, soft_wrap=True)


def summary(counts: Mapping[str, int]) -> str:
    """How many came out how."""
    told = ", ".join(f"{counts.get(outcome, 0)} {outcome}" for outcome in OUTCOMES)
    return f"{sum(counts.values())} checked: {told}"


def _line(verdict: Verdict, part: str) -> Text:
    line = Text("  ").append(verdict.action.ljust(10), _STYLES.get(verdict.action, ""))
    line.append(f"{verdict.check.ljust(13)} ").append(verdict.code, "bold")
    details = [part] if part else []
    if verdict.score is not None:
        details.append(f"score {verdict.score:g}")
    if verdict.contributions:
        told = sorted(verdict.contributions.items(), key=lambda item: -item[1])
        details.append(" + ".join(f"{name} {value:g}" for name, value in told))
    if verdict.spans:
        more = f" and {len(verdict.spans) - _SPANS} more" if len(verdict.spans) > _SPANS else ""
        places = (f"{span.kind} {span.start}-{span.end}" for span in verdict.spans[:_SPANS])
        details.append(f"at {', '.join(places)}{more}")
    return line.append("".join(f"; {detail}" for detail in details))


Mark = tuple[Span, str]
"""What was found, and by which check."""


def _views(steps: Sequence[Seen]) -> Iterator[tuple[str, str, list[Mark]]]:
    """Each form of the text in which something was found. Places count in the form that the check was given, and checks change
    it: one text cannot show all of them."""
    heading, text, marks = "as it came", "", list[Mark]()
    for step in steps:
        if step.subject.text != text:
            if marks:
                yield heading, text, marks
            text, marks = step.subject.text, []
        marks += ((span, step.check) for span in step.finding.spans)
        if step.left.text != text:
            if marks:
                yield heading, text, marks
            heading, text, marks = f"as {step.check} left it", step.left.text, []
    if marks:
        yield heading, text, marks


def _marked(text: str, marks: Sequence[Mark], *, plain: bool) -> Text:
    """The text around the marks. What would steer a terminal, or cannot be seen, is written as escapes."""
    shown = Text()
    reached = 0
    for start, end, check in _apart(marks):
        _gap(shown, text, reached, start)
        style = "" if plain else _CHECKS.get(check, _OTHER)
        words = visible(text[start:end])
        shown.append(f"[[{words}]]" if plain or not words else words, style)
        reached = end
    _gap(shown, text, reached, len(text))
    return shown


def _gap(shown: Text, text: str, start: int, end: int) -> None:
    """What lies between two marks: all of it when it is short, else what is near them."""
    after, before = (_AROUND if start else 0), (_AROUND if end < len(text) else 0)
    if end - start <= after + before:
        shown.append(visible(text[start:end]))
    else:
        shown.append(visible(text[start : start + after])).append(" … ", "dim")
        shown.append(visible(text[end - before : end]))


def _apart(marks: Sequence[Mark]) -> list[tuple[int, int, str]]:
    """The marks from left to right. Where two overlap, the first check's goes as far as the other begins to stand alone."""
    apart: list[tuple[int, int, str]] = []
    for span, check in sorted(marks, key=lambda mark: (mark[0].start, mark[0].end)):
        start = max(span.start, apart[-1][1]) if apart else span.start
        if span.end > start or span.start == span.end == start:
            apart.append((start, span.end, check))
    return apart
