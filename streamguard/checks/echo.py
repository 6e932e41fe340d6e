"""Personal data in an answer that is not the asker's: masked. It came out of training, a document or an invention.

Catches every kind that `streamguard.checks.personal_data` finds. Lets stand the asker's own data and what the prompt holds, both
also in another spelling (spaces, case, a telephone with or without its country), and what the policy allows. Misses what the
detectors miss: most names, spelled-out digits. Costs what the detectors cost, and nothing more while they find nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from streamguard.checks.contract import PASS, Finding, Rules, Subject
from streamguard.checks.personal_data.detectors import Datum, TooMuchFound, personal_data
from streamguard.checks.personal_data.placeholders import KINDS
from streamguard.checks.text.matching import Words
from streamguard.checks.text.splicing import spliced
from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder
from streamguard.events.trail import Span

MASK = "[removed]"
_LISTED = 64
_ROUNDS = 4
_PHONE_DIGITS = 7
_TOKEN = re.compile(rf"\[(?:{'|'.join(KINDS)})_[1-9][0-9]{{0,5}}\]")


class EchoRules(Rules):
    """Section `personal_echo`."""

    foreign: Literal["flag", "transform", "block"] = "transform"
    """What personal data of others leads to; `transform` puts `[removed]` for it."""
    allow: tuple[str, ...] = Field(default=(), max_length=10_000)
    """The service's own: e-mail addresses, domains (`example.com`, with all below it), telephone and account numbers. In any
    spelling."""
    unknown_placeholder: Literal["off", "flag", "transform"] = "flag"
    """What a placeholder that nobody gave out (`[EMAIL_7]`) leads to. It tells nothing about anybody, and taking it out may
    break a sentence that only speaks of placeholders: so it is left standing and flagged, unless the policy says `transform`."""

    @field_validator("allow")
    @classmethod
    def _says_something(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for place, entry in enumerate(allow):
            if not any(map(str.isalnum, entry)):
                raise ValueError(f"allow[{place}] has neither letters nor digits")
        return allow


_DEFAULT = EchoRules()


class PersonalEcho:
    """Masks personal data, except the asker's own and what stands in the prompt as it was sent.

    The prompt was redacted: what is left in it is not personal (an order number), or the service's own (its hotline). Made
    anew for each answer.
    """

    name = "personal_echo"
    codes: ClassVar[Mapping[str, str]] = {
        "personal_echo": "The answer holds personal data that neither the asker nor the prompt gave: it was masked. List the "
        "service's own contact data in `personal_echo.allow`.",
        "too_much_personal": "The answer holds more personal data than a text can, or so much without a gap that it cannot "
        "be told apart: it was refused.",
        "unknown_placeholder": "The answer holds a placeholder that stands for nothing, such as [EMAIL_7]: the model made it up.",
    }

    def __init__(
        self, rules: EchoRules = _DEFAULT, placeholders: Iterable[Placeholder] = (), prompt_text: str = ""
    ) -> None:
        self._rules = rules
        self._placeholders = tuple(placeholders)
        self._prompt_text = prompt_text

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        strangers = self._strangers(text)
        try:
            foreign = self._foreign(text)
            if not foreign and not strangers:
                return PASS
            if not foreign:
                return self._unknown(text, strangers)
            spans = _spans(foreign, strangers)
            if self._rules.foreign != "transform":
                blocks = self._rules.foreign == "block"
                reason = Reason.UNSAFE_OUTPUT if blocks else None
                return Finding(action=self._rules.foreign, code="personal_echo", spans=spans, reason=reason)
            # Again after masking: what stood directly beside a datum may be seen as one only now.
            for _ in range(_ROUNDS):
                text = spliced(text, ((datum.start, datum.end, MASK) for datum in foreign))
                if not (foreign := self._foreign(text)):
                    break
            else:
                raise TooMuchFound
        except TooMuchFound:
            return Finding(action="block", code="too_much_personal", reason=Reason.UNSAFE_OUTPUT, text="")
        if self._rules.unknown_placeholder == "transform":
            text = _masked(text, self._strangers(text))
        return Finding(action="transform", code="personal_echo", spans=spans, text=text)

    def _foreign(self, text: str) -> list[Datum]:
        """Raises `TooMuchFound`."""
        return self.foreign(text, personal_data(text))

    def foreign(self, text: str, data: Sequence[Datum]) -> list[Datum]:
        """Those of `data`, which stand in `text`, that neither the asker nor the prompt nor the policy gave."""
        if not data:
            return []
        values = {text[datum.start : datum.end] for datum in data}
        if len(values) == 1:
            # As a stream asks, datum by datum: most stand nowhere in the prompt, and looking for one is quick.
            values = {value for value in values if value in self._prompt_text}
        told = {word for _, _, word in Words(values).whole(self._prompt_text)} | self._own if values else self._own
        return [
            datum
            for datum in data
            if (value := text[datum.start : datum.end]) not in told and not self._known_otherwise(datum.kind, value)
        ]

    def _unknown(self, text: str, strangers: tuple[tuple[int, int], ...]) -> Finding:
        masks = self._rules.unknown_placeholder == "transform"
        return Finding(
            action="transform" if masks else "flag",
            code="unknown_placeholder",
            spans=_spans((), strangers),
            text=_masked(text, strangers) if masks else None,
        )

    def _strangers(self, text: str) -> tuple[tuple[int, int], ...]:
        """Placeholders in `text` that were given to nobody."""
        if "[" not in text or self._rules.unknown_placeholder == "off":
            return ()
        found = [match.span() for match in _TOKEN.finditer(text)]
        if not found:
            return ()
        prompt = self._prompt_text
        given = {placeholder.token for placeholder in self._placeholders}
        given.update(_TOKEN.findall(prompt))
        return tuple((start, end) for start, end in found if text[start:end] not in given)

    def _known_otherwise(self, kind: str, value: str) -> bool:
        plain = _plain(value)
        if plain in self._known:
            return True
        if kind == "EMAIL":
            labels = plain.rpartition("@")[2].split(".")
            return any(".".join(labels[first:]) in self._domains for first in range(len(labels)))
        if kind == "PHONE":
            return any(_same_line(plain, line) for line in self._lines.get(plain[-_PHONE_DIGITS:], ()))
        return False

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset(placeholder.value for placeholder in self._placeholders)

    @cached_property
    def _known(self) -> frozenset[str]:
        prompt = self._prompt_text
        try:
            told = [prompt[datum.start : datum.end] for datum in personal_data(prompt)]
        except TooMuchFound:
            told = []
        return frozenset(map(_plain, (*self._rules.allow, *self._own, *told)))

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        """What may be telephone numbers among the known, by their last digits."""
        lines: dict[str, list[str]] = {}
        for known in self._known:
            if known.isdigit():
                lines.setdefault(known[-_PHONE_DIGITS:], []).append(known)
        return lines

    @cached_property
    def _domains(self) -> frozenset[str]:
        entries = (entry.casefold().strip() for entry in self._rules.allow)
        return frozenset(entry.lstrip("@.") for entry in entries if "." in entry and "@" not in entry[1:])


def _plain(value: str) -> str:
    """A datum without what may be spelled one way or another. In an e-mail address punctuation counts."""
    value = value.strip().casefold()
    return value if "@" in value else "".join(filter(str.isalnum, value))


def _same_line(one: str, other: str) -> bool:
    """Whether two telephone numbers are one, with and without country or leading zero."""
    one, other = one.lstrip("0"), other.lstrip("0")
    return min(len(one), len(other)) >= _PHONE_DIGITS and (one.endswith(other) or other.endswith(one))


def _spans(data: Iterable[Datum], strangers: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    """The first of both, in order."""
    places = sorted(
        [
            *((datum.start, datum.end, datum.kind.lower()) for datum in data),
            *((start, end, "placeholder") for start, end in strangers),
        ]
    )
    return tuple(Span(kind=kind, start=start, end=end) for start, end, kind in places[:_LISTED])


def _masked(text: str, places: Iterable[tuple[int, int]]) -> str:
    return spliced(text, ((start, end, MASK) for start, end in places))
