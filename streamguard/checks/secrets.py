"""Credentials: refused in what is asked, so that they neither reach a model nor stay in a store; masked in answers.

Catches tokens of some 150 vendors' formats, private keys, JWTs, passwords in URLs and headers, and values that their names
call passwords or keys. A right checksum makes certain; placeholders, vendors' examples, hashes, UUIDs, identifiers and words
that begin like a token are let pass.

Misses keys without a form or a name beside them, passwords that are plain words or hold characters beyond ASCII, and what is
split over messages or encoded (`encoded` looks into that).

Costs about 45 µs on 2 KB where nothing is found. One pass of Aho-Corasick looks for the formats' literals and for names;
what stands at each is matched on a bounded piece, so that the work is linear in the text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from streamguard.checks.contract import PASS, Finding, Rules, Subject
from streamguard.checks.credentials.entropy import bits, decoded, drawn, invented, mixed
from streamguard.checks.credentials.formats import RULES, SHAPES, Proof, SecretRule
from streamguard.checks.credentials.named import CORES, is_password, named_at
from streamguard.checks.text.matching import Pattern, Words
from streamguard.checks.text.splicing import spliced
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

MASK = "[SECRET]"
LONGEST_SECRET = 16_384
"""Characters of the longest secret that is found as one; what follows in a longer run is text again."""
_REACH = 640
"""Whether a secret begins at a place depends on no more characters after it than these."""
_MATERIAL = 256
"""Within so many characters after its BEGIN line a private key's first line must have come."""
_LISTED = 16
_WRONG_CHECKSUM = 0.15
"""What a wrong checksum takes from the score: not enough to let a random token of the right form pass."""


class SecretsRules(Rules):
    """What is done about credentials."""

    action: Literal["block", "mask"] = "block"
    """Refuse what is asked, or mask the credential and go on. Answers are masked either way."""
    least_score: float = Field(default=0.5, ge=0, le=1)
    """A credential counts from this score on: 0.6 named in a sentence, 0.75 assigned to a name, 0.8 a form whose checksum is
    wrong, 0.95 a vendor's form, 1 a right checksum."""
    ignored: frozenset[str] = frozenset()
    """Kinds that may pass, as the spans of verdicts name them (`twilio_account`)."""


class Secret(NamedTuple):
    """A credential at characters `start` (included) to `end` (excluded), and how sure that is (0 to 1)."""

    start: int
    end: int
    kind: str
    score: float


class Secrets:
    """Blocks on a credential in what is asked, or masks it, by policy; masks one in an answer unless the asker gave it."""

    name = "secrets"
    codes: ClassVar[Mapping[str, str]] = {
        "secret": (
            "A credential (a token, key or password) stands in the text; it is masked, and what is asked is refused unless the"
            " policy only masks. Who sent it should revoke it and ask again without it."
        )
    }

    def __init__(self, rules: SecretsRules | None = None, *, asked: str = "") -> None:
        """`asked` is, for an answer, the text that the asker sent: a credential in it is theirs already."""
        self._rules = SecretsRules() if rules is None else rules
        self._asked = asked
        _formats()

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        found = [secret for secret in secrets_in(text) if self._counts(secret)]
        if subject.direction == "output":
            found = [secret for secret in found if self.is_foreign(secret, text)]
        unseen = [secret for hidden in subject.hidden for secret in secrets_in(hidden) if self._counts(secret)]
        if not found and not unseen:
            return PASS
        blocks = subject.direction == "input" and self._rules.action == "block"
        return Finding(
            action="block" if blocks else "transform",
            code="secret",
            spans=tuple(Span(kind=one.kind, start=one.start, end=one.end) for one in found[:_LISTED]),
            score=max(one.score for one in (*found, *unseen)),
            reason=Reason.SECRET_IN_INPUT if blocks else None,
            text=spliced(text, ((one.start, one.end, MASK) for one in found)) if found else None,
        )

    def is_foreign(self, secret: Secret, text: str) -> bool:
        """Does this credential, which stands in the answer `text`, count, and is not the asker's own?"""
        return self._counts(secret) and (not self._asked or text[secret.start : secret.end] not in self._asked)

    def _counts(self, secret: Secret) -> bool:
        return secret.score >= self._rules.least_score and secret.kind not in self._rules.ignored


def secrets_in(text: str) -> list[Secret]:
    """The credentials in `text`, from left to right, apart from each other. Where two overlap they are one, of the surer's
    kind."""
    formats = _formats()
    found: list[Secret] = []
    names: list[int] = []
    covered = 0
    for last, literal in formats.literals.ends(_lowered(text)):
        place = last + 1 - len(literal)
        if place < covered:
            continue
        for finder in formats.finders[literal]:
            if finder is None:
                names.append(place)
            elif (secret := finder(text, place)) is not None:
                covered = max(covered, secret.end)
                if secret.score:
                    found.append(secret)
    found += _shaped(text)
    covered = 0
    for place in names:
        if place >= covered and (named := named_at(text, place)) is not None:
            found.append(Secret(*named))
            covered = named.end
    return _apart(found)


def open_from(text: str, found: list[Secret] | None = None) -> int:
    """The first place from which a credential could still come to be, or grow, if more followed; the length of `text` if none.

    All credentials of any longer text that begin before it are those that `secrets_in(text)` finds there, and they end
    before it too. `found` is `secrets_in(text)`, where that is known.
    """
    length = len(text)
    # No credential but a private key holds a space or a character beyond ASCII. One that has not begun within `_REACH` of
    # where it could have will not.
    place = length
    while place > 0 and length - place < _REACH and "!" <= text[place - 1] <= "~":
        place -= 1
    tail = max(0, length - LONGEST_SECRET)
    for last, literal in _formats().blocks.ends(_lowered(text[tail:])):
        begin = tail + last + 1 - len(literal)
        if begin < place and _block_open(text, begin):
            place = begin
            break
    for secret in reversed(secrets_in(text) if found is None else found):
        if secret.start < place and (secret.end > place or secret.end == length):
            place = secret.start
    return place


_Finder = Callable[[str, int], Secret | None]


class _Formats(NamedTuple):
    """The table, compiled. A finder that is None stands for a name."""

    literals: Words
    finders: Mapping[str, tuple[_Finder | None, ...]]
    blocks: Words


@cache
def _formats() -> _Formats:
    finders: dict[str, list[_Finder | None]] = {}
    for rule in RULES:
        finder = _finder(rule)
        for literal in rule.literals:
            finders.setdefault(literal.lower(), []).append(finder)
    for literal in _BLOCKS:
        finders.setdefault(literal, []).append(_block)
    for core in CORES:
        finders.setdefault(core, []).append(None)
    return _Formats(Words(finders), {literal: tuple(each) for literal, each in finders.items()}, Words(_BLOCKS))


def _finder(rule: SecretRule) -> _Finder:
    expression = re.compile(rule.expression)
    back = re.compile(f"{rule.back}{{0,{rule.before}}}") if rule.before else None
    more = re.compile(rule.more + "*") if rule.more else None
    group = 1 if rule.inner else 0
    proof = _PROOFS[rule.proof]

    def find(text: str, place: int) -> Secret | None:
        if back is not None and (run := back.match(text[max(0, place - rule.before) : place][::-1])) is not None:
            place -= run.end()
        match = expression.match(text, place, place + _REACH)
        if match is None:
            return None
        if not proof(match[1]):
            # What was judged once is not judged again from each of the literals in it.
            return None if rule.inner else Secret(*match.span(), rule.kind, 0.0)
        start, end = match.span(group)
        if more is not None and (rest := more.match(text, end, start + LONGEST_SECRET)) is not None:
            end = rest.end()
        return Secret(start, end, rule.kind, _score(rule, text[start:end]))

    return find


def _score(rule: SecretRule, token: str) -> float:
    if rule.checksum is None:
        return rule.score
    return 1.0 if rule.checksum(token) else round(rule.score - _WRONG_CHECKSUM, 2)


def _shaped(text: str) -> Iterator[Secret]:
    for start, end in _shapes().spans(text):
        piece = text[start:end]
        for kind, expression, proof, score in _SHAPES:
            if (match := expression.fullmatch(piece)) is not None and _PROOFS[proof](match[match.lastindex or 0]):
                yield Secret(start, end, kind, score)
                break


def _block(text: str, place: int) -> Secret | None:
    """A private key in several lines, from its first to its last, or to the bound or the text's end where the last lacks."""
    header = _HEADER.match(text, place, place + _REACH)
    if header is None:
        return None
    line = _LINE.search(text, header.end(), header.end() + _MATERIAL)
    if line is None or not drawn(line[0]):
        return None
    end = _END.search(text, line.end(), place + LONGEST_SECRET)
    return Secret(place, min(len(text), place + LONGEST_SECRET) if end is None else end.end(), "private_key", 1.0)


def _block_open(text: str, place: int) -> bool:
    """Could a private key whose first line stands at `place` still come to be, or go on?"""
    header = _HEADER.match(text, place)
    if header is None:
        return len(text) - place < _HEADER_LENGTH
    line = _LINE.search(text, header.end(), header.end() + _MATERIAL)
    if line is None or line.end() == len(text):
        return len(text) < header.end() + _MATERIAL
    if not drawn(line[0]):
        return False
    return _END.search(text, line.end(), place + LONGEST_SECRET) is None and len(text) < place + LONGEST_SECRET


def _apart(found: list[Secret]) -> list[Secret]:
    apart: list[Secret] = []
    for secret in sorted(found):
        before = apart[-1] if apart else None
        if before is None or secret.start >= before.end:
            apart.append(secret)
            continue
        surer = max(before, secret, key=lambda one: one.score)
        apart[-1] = Secret(before.start, max(before.end, secret.end), surer.kind, surer.score)
    return apart


def _lowered(text: str) -> str:
    # The one character whose lower case is two: places would shift.
    return text.replace("İ", "i").lower()


def _basic(body: str) -> bool:
    plain = decoded(body)
    if plain is None:
        return False
    user, colon, password = plain.partition(b":")
    if colon and plain.isascii() and plain.decode("ascii").isprintable():
        return is_password(password.decode("ascii")) or drawn((password or user).decode("ascii"))
    return len(body) >= 24 and drawn(body) and mixed(body)


_PROOFS: Mapping[Proof, Callable[[str], bool]] = {
    "drawn": drawn,
    "dense": lambda body: bits(body) >= 2.5 and not invented(body),
    "mixed": lambda body: mixed(body) and drawn(body),
    "password": is_password,
    "basic": _basic,
    "form": lambda body: not invented(body),
}
_BLOCKS = ("-----begin ", "private-lines: ")
_HEADER_LENGTH = 80
_HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: [0-9]{1,3}(?=\s)")
_LINE = re.compile(r"[A-Za-z0-9+/]{16,64}")
_END = re.compile(r"-----END [A-Z0-9 ]{0,48}-----|Private-(?:MAC|Hash): [0-9a-f]{0,64}")
_SHAPES: tuple[tuple[str, re.Pattern[str], Proof, float], ...] = tuple(
    (kind, re.compile(expression), proof, score) for kind, expression, proof, score in SHAPES
)


@cache
def _shapes() -> Pattern:
    # An escaped line break may stand before, whose letter would hide where a word begins.
    either = "|".join(expression.replace("(", "(?:").replace("(?:?:", "(?:") for _, expression, _, _ in SHAPES)
    return Pattern(rf"(?:\b|\\[nrt])({either})", group=1)
