"""Personal data in what is asked: replaced by placeholders, so that no model, log or cache sees it."""

from itertools import islice

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.checks.detectors import MOST, Datum, TooMuchFound, personal_data
from streamguard.checks.matching import Pattern
from streamguard.checks.placeholders import LITERAL, LOOKALIKE, PlaceholderMap
from streamguard.checks.splicing import spliced
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

_LOOKALIKE = Pattern(LOOKALIKE)
_LISTED = 64
_ROUNDS = 4


class RedactPersonal:
    """Puts placeholders for personal data. Made anew for each request: equal values share a token over all its texts."""

    name = "personal"

    def __init__(self, found: PlaceholderMap) -> None:
        self._found = found

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        try:
            data = _with_literals(text, personal_data(text))
        except TooMuchFound:
            return Finding(action="block", code="too_much_personal", reason=Reason.INPUT_TOO_LONG, text="")
        if not data:
            return PASS
        redacted = self._replaced(text, data)
        # What stood directly beside a datum may be seen as one only now.
        for _ in range(_ROUNDS):
            if not (beside := personal_data(redacted)):
                break
            redacted = self._replaced(redacted, beside)
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


def _with_literals(text: str, data: list[Datum]) -> list[Datum]:
    """`data` and the look-alikes of placeholders, in order. Raises `TooMuchFound`."""
    if "[" not in text and "［" not in text:
        return data
    literals = [Datum(LITERAL, *span) for span in islice(_LOOKALIKE.spans(text), MOST + 1)]
    if len(literals) > MOST:
        raise TooMuchFound
    if not literals:
        return data
    covered = {place for literal in literals for place in range(literal.start, literal.end)}
    outside = (datum for datum in data if datum.start not in covered)
    return sorted((*literals, *outside), key=lambda datum: datum.start)
