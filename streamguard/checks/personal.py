"""Personal data in what is asked: replaced by placeholders, so that no model, log or cache sees it.

Catches data whose form can be checked (e-mail, telephones of all countries, cards, IBANs, social security and national ids, IP
and hardware addresses, crypto wallets), those that the words before them announce (dates of birth, passports, driver's licences),
street addresses, and, where switched on, names.
Misses telephones in a country's own spelling that nothing announces, numbers with a mistyped check digit, data spelled out in
words, and, of names and street addresses, all that no strong sign gives away.
Costs 85 µs on a clean text of 2 KB (250 with two dozen long numbers in it, 2 without a digit), 500 with nine data.
"""

from collections.abc import Mapping
from itertools import islice
from typing import ClassVar

from pydantic import Field

from streamguard.checks.contract import PASS, Finding, Rules, Subject
from streamguard.checks.encoded import personal_payloads
from streamguard.checks.personal_data.detectors import (
    CERTAIN_KINDS,
    MOST,
    Datum,
    PersonalKind,
    TooMuchFound,
    personal_data,
)
from streamguard.checks.personal_data.placeholders import LITERAL, LOOKALIKE, PlaceholderMap
from streamguard.checks.text.matching import Pattern
from streamguard.checks.text.splicing import spliced
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_LOOKALIKE = Pattern(LOOKALIKE)
_LISTED = 64
_ROUNDS = 4


class PersonalRules(Rules):
    """Which personal data is replaced."""

    kinds: frozenset[PersonalKind] = Field(
        default=CERTAIN_KINDS, description="The kinds that are replaced, besides names and street addresses."
    )
    addresses: bool = Field(default=True, description="Whether street addresses are replaced too.")
    names: bool = Field(default=False, description="Whether people's names are replaced too.")

    def looked_for(self) -> frozenset[PersonalKind]:
        """All kinds that are replaced, the two switches included."""
        switched: set[PersonalKind] = set()
        if self.addresses:
            switched.add("ADDRESS")
        if self.names:
            switched.add("NAME")
        return self.kinds | switched


_DEFAULT = PersonalRules()


class RedactPersonal:
    """Puts placeholders for personal data. Made anew for each request: equal values share a token over all its texts."""

    name = "personal"
    codes: ClassVar[Mapping[str, str]] = {
        "personal_data": (
            "Personal data was replaced by placeholders before the text went on; they are put back into the answer. Nothing to"
            " do. Which kinds are replaced is set by the policy (`input.personal`)."
        ),
        "placeholder_lookalike": (
            "The text held something that looks like one of our placeholders; it got one itself, so that it cannot name another"
            " person's data. Nothing to do."
        ),
        "too_much_personal": (
            f"The text holds more than {MOST} personal data, or more numbers than can be looked at: it is refused as too long."
            " Send lists and tables in parts."
        ),
    }

    def __init__(self, found: PlaceholderMap, rules: PersonalRules = _DEFAULT) -> None:
        self._found = found
        self._kinds = rules.looked_for()

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        try:
            data = _with_literals(text, _with_payloads(text, self._kinds, personal_data(text, self._kinds)))
            if not data:
                return PASS
            redacted = self._replaced(text, data)
            # What stood directly beside a datum may be seen as one only now.
            for _ in range(_ROUNDS):
                if not (beside := personal_data(redacted, self._kinds)):
                    break
                redacted = self._replaced(redacted, beside)
        except TooMuchFound:
            return Finding(action="block", code="too_much_personal", reason=Reason.INPUT_TOO_LONG, text="")
        return Finding(
            action="transform",
            code="personal_data" if any(datum.kind != LITERAL for datum in data) else "placeholder_lookalike",
            spans=tuple(Span(kind=datum.kind.lower(), start=datum.start, end=datum.end) for datum in data[:_LISTED]),
            text=redacted,
        )

    def _replaced(self, text: str, data: list[Datum]) -> str:
        return spliced(
            text,
            ((datum.start, datum.end, self._found.token(datum.kind, text[datum.start : datum.end])) for datum in data),
        )


def _with_payloads(text: str, kinds: frozenset[str], data: list[Datum]) -> list[Datum]:
    """`data`, with an encoded passage that holds some in place of what seems to stand in its letters."""
    payloads = personal_payloads(text, kinds)
    if not payloads:
        return data
    covered = {place for payload in payloads for place in range(payload.start, payload.end)}
    outside = (datum for datum in data if covered.isdisjoint(range(datum.start, datum.end)))
    return sorted((*payloads, *outside), key=lambda datum: datum.start)


def _with_literals(text: str, data: list[Datum]) -> list[Datum]:
    """`data` and the look-alikes of placeholders, in order and without overlaps. Raises `TooMuchFound`.

    What is found inside a look-alike is part of it; a datum that reaches into one, or out of one, takes it with it.
    """
    if "[" not in text and "［" not in text:
        return data
    literals = [Datum(LITERAL, *span) for span in islice(_LOOKALIKE.spans(text), MOST + 1)]
    if len(literals) > MOST:
        raise TooMuchFound
    if not literals:
        return data
    apart: list[Datum] = []
    for datum in sorted((*literals, *data), key=lambda datum: (datum.start, -datum.end, datum.kind != LITERAL)):
        if not apart or datum.start >= apart[-1].end:
            apart.append(datum)
        elif datum.end > apart[-1].end:
            before = apart[-1]
            kind = datum.kind if before.kind == LITERAL else before.kind
            apart[-1] = Datum(kind, before.start, datum.end)
    return apart
