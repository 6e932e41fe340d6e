"""What the windows of a stream filter look for: leaked instructions, credentials, personal data of others."""

import re
from dataclasses import replace

from streamguard.checks.answer.leak_index import leak_index
from streamguard.checks.contract import Action
from streamguard.checks.echo import MASK as REMOVED
from streamguard.checks.echo import EchoRules, PersonalEcho
from streamguard.checks.personal_data.detectors import LONGEST_DATUM, MOST, Datum, TooMuchFound, personal_data
from streamguard.checks.personal_data.opening import open_start
from streamguard.checks.prompt_leak import MASK as LEAKED
from streamguard.checks.prompt_leak import PromptLeak, PromptLeakRules
from streamguard.checks.secrets import MASK as SECRET
from streamguard.checks.secrets import Secrets, open_from, secrets_in
from streamguard.checks.streaming.window import Piece, Scan
from streamguard.checks.text.wording import SHINGLE, shingles_of, word_places
from streamguard.events.reason import Reason

ROUNDS = 4
"""So many windows in a row mask personal data, each in what the one before it left; what is found after them ends the stream."""


class LeakSpotter:
    """The instructions `system_text` and the `canary`, as `prompt_leak` treats them.

    An answer whose share of the instructions reaches the bound ends where the passage begins that reached it.
    """

    def __init__(self, rules: PromptLeakRules, system_text: str, canary: str | None) -> None:
        self._rules = rules
        self._check = PromptLeak(rules, system_text, canary)
        self._index = leak_index(system_text, canary)
        self._shared: set[int] = set()

    def scan(self, text: str, *, ended: bool) -> Scan:
        index, rules = self._index, self._rules
        shingles = shingles_of(text)
        open_place = len(text) if ended else index.open_from(text)
        known = not index.shingles.isdisjoint(shingles)
        if not known and not index.has_canary(text):
            return Scan(self._quoted(text) if ended else (), open_place)
        spans = index.spans(text)
        pieces = [
            Piece(span.start, span.end, span.kind, "canary", "block", None, 1.0, Reason.LEAKED_PROMPT)
            for span in spans
            if span.kind == "canary"
        ]
        blocks = rules.lines == "block"
        pieces += (
            Piece(
                *(span.start, span.end, span.kind, "instruction_line", rules.lines),
                written=LEAKED if rules.lines == "transform" else None,
                reason=Reason.LEAKED_PROMPT if blocks else None,
            )
            for span in self._check.repeated(text, spans)
        )
        if known:
            pieces += self._too_much(text, shingles, ended=ended)
        pieces.sort(key=lambda piece: (piece.start, -piece.end))
        last = min((piece for piece in pieces if piece.action == "block"), key=lambda piece: piece.start, default=None)
        if last is not None:
            return Scan(_up_to(last, pieces), open_place)
        return Scan([*pieces, *(self._quoted(text) if ended else ())], open_place)

    def settled(self, text: str) -> None:
        self._shared.update(self._index.shingles.intersection(shingles_of(text)))

    def _too_much(self, text: str, shingles: tuple[int, ...], *, ended: bool) -> tuple[Piece, ...]:
        """The place where so much is shared that the answer ends: the beginning of that passage."""
        index, shared = self._index, set(self._shared)
        places = list(word_places(text))
        first = 0
        for word, shingle in enumerate(shingles):
            if shingle not in index.shingles:
                first = word + 1
                continue
            if places[word + SHINGLE - 1][1] == len(text) and not ended:
                break  # its last word may still grow
            shared.add(shingle)
            if self._check.is_too_much(shared):
                start = places[first][0]
                score = round(len(shared) / len(index.shingles), 4)
                return (Piece(start, start, "run", "instructions", "block", None, score, Reason.LEAKED_PROMPT),)
        return ()

    def _quoted(self, text: str) -> tuple[Piece, ...]:
        """At the end: more of the instructions than goes unmentioned."""
        self.settled(text)
        if not self._check.is_noted(len(self._shared)):
            return ()
        score = round(len(self._shared) / len(self._index.shingles), 4)
        return (Piece(len(text), len(text), "run", "instructions", "flag", None, score),)


def _up_to(last: Piece, pieces: list[Piece]) -> list[Piece]:
    """The pieces that `last` leaves to be seen, and it, from the beginning of those that it overlaps."""
    before = [piece for piece in pieces if piece.end <= last.start and piece is not last and piece.action != "block"]
    start = min(piece.start for piece in pieces if piece not in before)
    return [*before, replace(last, start=start)]


class SecretSpotter:
    """Credentials that do not stand in what was asked."""

    def __init__(self, check: Secrets) -> None:
        self._check = check

    def scan(self, text: str, *, ended: bool) -> Scan:
        found = secrets_in(text)
        pieces = [
            Piece(one.start, one.end, one.kind, "secret", "transform", SECRET, one.score)
            for one in found
            if self._check.is_foreign(one, text)
        ]
        return Scan(pieces, len(text) if ended else open_from(text, found))

    def settled(self, text: str) -> None: ...


class PersonalSpotter:
    """Personal data that is neither the asker's nor told by the prompt or the policy.

    `again`: for text that went through another such spotter. There it need only be looked for where something was taken out:
    what stood directly beside it may be seen as a datum only now. `last`: what is found all the same ends the stream.
    """

    def __init__(self, rules: EchoRules, check: PersonalEcho, *, again: bool = False, last: bool = False) -> None:
        self._action: Action = "block" if last else rules.foreign
        self._code = "too_much_personal" if last else "personal_echo"
        self._check = check
        self._again = again
        self._known: dict[tuple[str, str], bool] = {}
        self._before: tuple[str, int, list[Datum]] = "", 0, []
        """The text seen last, from where on it was open, and its data."""

    def scan(self, text: str, *, ended: bool) -> Scan:
        if self._again and REMOVED not in text:
            return Scan((), len(text))
        try:
            data = self._data(text)
            place = len(text)
            # What is let go is looked at again, and must hold nothing open there either.
            for _ in range(0 if ended else ROUNDS):
                before, place = place, _open_from(text[:place], data)
                if place == before:
                    break
        except TooMuchFound:
            return Scan([Piece(0, 0, "personal", "too_much_personal", "block", reason=Reason.UNSAFE_OUTPUT)], len(text))
        self._before = text, place, data
        action = self._action
        pieces = [
            Piece(
                *(datum.start, datum.end, datum.kind.lower(), self._code, action),
                written=REMOVED if action == "transform" else None,
                reason=Reason.UNSAFE_OUTPUT if action == "block" else None,
            )
            for datum in data
            if self._is_foreign(text, datum)
        ]
        return Scan(pieces, place)

    def settled(self, text: str) -> None: ...

    def _data(self, text: str) -> list[Datum]:
        """`personal_data`. Where what was open and what followed are mere words, the rest has been found already."""
        before, place, data = self._before
        if before and text.startswith(before) and _ONLY_WORDS.fullmatch(text, place):
            return [datum for datum in data if datum.end <= place]
        return personal_data(text)

    def _is_foreign(self, text: str, datum: Datum) -> bool:
        told = datum.kind, text[datum.start : datum.end]
        foreign = self._known.get(told)
        if foreign is None:
            if len(self._known) == MOST:
                self._known.clear()  # a bound on what is remembered
            foreign = self._known[told] = bool(self._check.foreign(text, (datum,)))
        return foreign


# No datum fits in: all have a digit, a sign of e-mail addresses, colons or dashes, or are longer than any of these words.
_ONLY_WORDS = re.compile(r"(?:[A-Za-z]{1,19}(?![A-Za-z])|[ \n,.!?;'\"])*")


def _open_from(text: str, data: list[Datum]) -> int:
    """`detectors.open_from` for a text whose data are known."""
    start = open_start(text, LONGEST_DATUM, by_words=False)
    return next((datum.start for datum in data if datum.start < start < datum.end), start)
