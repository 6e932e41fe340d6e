"""Placeholders: what stands in a text for a personal datum, and putting it back."""

import re
from collections.abc import Iterable, Mapping, Sequence

from streamguard.checks.text.matching import Words
from streamguard.checks.text.splicing import spliced
from streamguard.events.stages import Placeholder

LITERAL = "LITERAL"
"""The kind of a user's own text that looks like a placeholder: it gets one itself, so it can never name another."""

KINDS = (
    "EMAIL",
    "PHONE",
    "CARD",
    "IBAN",
    "SSN",
    "NATIONAL_ID",
    "IP",
    "MAC",
    "WALLET",
    "BIRTH_DATE",
    "PASSPORT",
    "DRIVER_LICENSE",
    "ADDRESS",
    "NAME",
    "ENCODED",
    LITERAL,
)

TOKEN = re.compile(rf"\[(?:{'|'.join(KINDS)})_[1-9][0-9]{{0,5}}\]")
# Wider than a token: a model may well write `[email 1]` as `[EMAIL_1]` when it repeats it.
_ANY_GAP = "|".join(KINDS).replace("_", r"[\s_-]{0,3}")
LOOKALIKE = rf"(?i)[\[［]\s?(?:{_ANY_GAP})[\s_-]{{0,3}}\d{{1,9}}\s?[\]］]"


class PlaceholderMap:
    """The placeholders of one request, over all its texts.

    A value has one token wherever it stands; tokens are numbered a kind, in the order of first appearance. A value is what is
    written: `Ann@x.org` and `ann@x.org` get two tokens, since putting one back must give what stood there.
    """

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def token(self, kind: str, value: str) -> str:
        """The token that stands for `value`, a new one if it is not known yet."""
        known = self._tokens.get((kind, value))
        if known is not None:
            return known
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        token = self._tokens[kind, value] = f"[{kind}_{number}]"
        return token

    def placeholders(self) -> tuple[Placeholder, ...]:
        return tuple(Placeholder(token=token, kind=kind, value=value) for (kind, value), token in self._tokens.items())

    def sweep(self, texts: Sequence[str]) -> tuple[str, ...]:
        """`texts` with every known value replaced, also where it was not recognised on its own.

        A number may be recognised as a telephone's in one text only, by the words around it.
        """
        known = {value: token for (kind, value), token in self._tokens.items() if kind != LITERAL}
        if not known or (len(texts) == 1 and len(known) == 1 and next(iter(known)) not in texts[0]):
            return tuple(texts)
        words = Words(known)
        return tuple(_replaced(text, words, known) for text in texts)


def _replaced(text: str, words: Words, tokens: Mapping[str, str]) -> str:
    pieces: list[tuple[int, int, str]] = []
    reached = 0
    for start, end, word in sorted(words.whole(text), key=lambda place: (place[0], -place[1])):
        # Of two values that overlap the first is taken whole: half a value could not be put back.
        # And nobody is called [CARD_1]: a name stands outside of tokens.
        if start >= reached and not (text[start - 1 : start] == "[" and TOKEN.match(text, start - 1)):
            pieces.append((start, end, tokens[word]))
            reached = end
    return spliced(text, pieces) if pieces else text


def put_back(text: str, placeholders: Iterable[Placeholder]) -> str:
    """`text` with each token replaced by its value.

    One pass: a value that looks like a token stays as it is. Tokens nobody gave out are left standing.
    """
    values = {placeholder.token: placeholder.value for placeholder in placeholders}
    if not values or "[" not in text:
        return text
    return TOKEN.sub(lambda match: values.get(match.group(), match.group()), text)
