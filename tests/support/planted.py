"""Finds planted values, and runs of a text's words, in whatever a run of the line leaves behind.

Both sides are compared as words (runs of letters and digits) in Unicode's compatibility form without case, with the escapes
of JSON undone. So neither quoting, nor a line break turned into a blank, nor the guard's own normalising hides a value.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

RUN = 5
"""Words in a row that no two writers choose by chance."""

_WORD = re.compile(r"[^\W_]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf])")


def words(text: str) -> list[str]:
    """The words of a text, as they are compared here."""
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def telling(value: Sequence[str]) -> bool:
    """Whether a value that is found as whole words can only have come from the text it was planted in.

    Too short to tell are two-letter states, ages, years, house numbers and first names like `Key` or `Roy`: they stand in
    logs and records for other reasons. Six letters and digits tell, where a letter is among them. Bare numbers also
    stand in records as durations and counts: one alone tells from nine digits on (microseconds of a request have fewer,
    points in time are 13 or 16 digits that begin with 17 or 18, and no number of the data looks like these), several in a
    row from seven on. What is left out here is caught with its neighbours by `Runs`.
    """
    length = sum(map(len, value))
    if any(not word.isdecimal() for word in value):
        return length >= 6
    return length >= (9 if len(value) == 1 else 7)


class Planted:
    """Values to look for. Those that tell nothing (`telling`) are passed over; of those that are the same words, one stands
    for all."""

    def __init__(self, values: Iterable[str]) -> None:
        self._by_first: defaultdict[str, dict[tuple[str, ...], str]] = defaultdict(dict)
        for value in sorted(set(values)):
            as_words = tuple(words(value))
            if telling(as_words):
                self._by_first[as_words[0]][as_words] = value

    @property
    def values(self) -> set[str]:
        """What is looked for."""
        return {value for same in self._by_first.values() for value in same.values()}

    def found(self, there: Sequence[str]) -> set[str]:
        """Those that occur among these words."""
        found: set[str] = set()
        for place, word in enumerate(there):
            if word in self._by_first:
                for value, planted in self._by_first[word].items():
                    if tuple(there[place : place + len(value)]) == value:
                        found.add(planted)
        return found


class Runs:
    """All runs of `RUN` words of some texts; a run needs three real words, so that rows of numbers are none."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs = {run for text in texts for run in _runs(words(text))}

    def found(self, there: Sequence[str]) -> set[str]:
        """The runs that occur among these words."""
        return {" ".join(run) for run in _runs(there) if run in self._runs}

    def __len__(self) -> int:
        return len(self._runs)


def _runs(of: Sequence[str]) -> Iterable[tuple[str, ...]]:
    real = [len(word) >= 3 and word.isalpha() for word in of]
    for place in range(len(of) - RUN + 1):
        if sum(real[place : place + RUN]) >= 3:
            yield tuple(of[place : place + RUN])
