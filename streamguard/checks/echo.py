"""Personal data in an answer that is not the asker's: masked. It came out of training, a document or an invention."""

from collections.abc import Iterable

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.checks.detectors import TooMuchFound, personal_data
from streamguard.checks.splicing import spliced
from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder
from streamguard.events.trail import Span

MASK = "[removed]"
_LISTED = 64
_ROUNDS = 4


class PersonalEcho:
    """Masks personal data, except the asker's own and what stands in the prompt as it was sent.

    The prompt was redacted: what is left in it is not personal (an order number), or the service's own (its hotline).
    """

    name = "personal_echo"

    def __init__(self, placeholders: Iterable[Placeholder], prompt_text: str) -> None:
        self._own = {placeholder.value for placeholder in placeholders}
        self._prompt_text = prompt_text

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        spans: tuple[Span, ...] = ()
        # Again after masking: what stood directly beside a datum may be seen as one only now.
        for _ in range(_ROUNDS):
            try:
                data = personal_data(text)
            except TooMuchFound:
                return Finding(action="block", code="too_much_personal", reason=Reason.UNSAFE_OUTPUT, text="")
            foreign = [datum for datum in data if not self._known(text[datum.start : datum.end])]
            if not foreign:
                break
            if not spans:
                spans = tuple(
                    Span(kind=datum.kind.lower(), start=datum.start, end=datum.end) for datum in foreign[:_LISTED]
                )
            text = spliced(text, ((datum.start, datum.end, MASK) for datum in foreign))
        if not spans:
            return PASS
        return Finding(action="transform", code="personal_echo", spans=spans, text=text)

    def _known(self, value: str) -> bool:
        return value in self._own or value in self._prompt_text
