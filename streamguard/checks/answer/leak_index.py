"""What is known of one prompt's instructions, so that answers can be looked through for them: also while they grow."""

import codecs
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache

from streamguard.checks.text.folding import fold
from streamguard.checks.text.wording import SHINGLE, hashed, last_places, shingles_of, word_places, words_of
from streamguard.events.trail import Span

RUN_WORDS = 8
"""Words in order, shared with the instructions, from which a passage counts as repeated."""
_RUN = RUN_WORDS - SHINGLE + 1  # that many shingles in a row

_FOREIGN = re.compile(r"[^\x00-\x7f]")
_FENCE = re.compile(r"</?data-\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")
# What is said to a model rather than told to a reader.
_ADDRESSING = frozenset(
    """
    you your yourself never always must mustn't don't do not should shall answer reply respond refuse ignore say repeat reveal
    rely ask tell write keep avoid use treat act pretend assistant instructions instruction prompt rules
    du dein deine deiner dich dir sie ihre ihr nie niemals immer musst darfst sollst antworte antworten verrate nenne erwähne
    wiederhole schreibe befolge anweisungen regeln
    vous votre tu jamais toujours réponds répondez nunca siempre responde usted mai sempre rispondi responda você
    """.split()  # noqa: SIM905  # a list of sixty words, one a line, is no easier to read
)

# Of languages whose words of addressing are known above: where none of these stand, a sentence may be an order all the same.
_TELLING = (
    frozenset(("the", "and", "are", "from", "to", "for", "our")),
    frozenset(("und", "das", "ist", "sind", "von", "bis", "uhr", "unser", "unsere", "im", "am")),
)


class LeakIndex:
    """Finds the instructions `system_text` and the `canary` in answers. Build it with `leak_index`, which remembers it.

    A canary is one word of letters and digits; it is found in any case, with accents or lookalikes, and with anything but letters
    and digits between its characters, also reversed, in rot13, in base64 and in hex.
    """

    def __init__(self, system_text: str, canary: str | None) -> None:
        words = words_of(system_text)
        self.shingles = frozenset(shingles_of(system_text))
        """Of the whole instructions: what an answer's share is measured by."""
        self._longest_word = max(map(len, words), default=0)
        # Beginnings of passages, for answers that are still growing: runs shorter than a shingle.
        self._starts = tuple(frozenset(hashed(words, length)) for length in range(1, SHINGLE))
        self._sentences: dict[int, list[tuple[str, ...]]] = {}
        facts: set[int] = set()
        told: list[str] = []
        for sentence in (*map(words_of, _SENTENCE_END.split(system_text)), ()):
            if _is_fact(sentence):
                told += sentence
                continue
            facts.update(hashed(told, SHINGLE))
            told.clear()
            if len(sentence) >= RUN_WORDS and not _ADDRESSING.isdisjoint(sentence):
                self._sentences.setdefault(hash(sentence[:SHINGLE]), []).append(sentence)
        self.facts = frozenset(facts)
        """Those of sentences, in English or German, that speak to nobody: they state facts."""
        self._forms = _forms(canary) if canary else ()
        self._beginnings = frozenset(form[:end] for form in self._forms for end in range(1, len(form) + 1))

    def has_canary(self, text: str) -> bool:
        if not self._forms:
            return False
        letters = _letters(text)
        if any(form in letters for form in self._forms):
            return True
        # Quotes and dashes are no disguise.
        if text.isascii() or not any(map(_plain, set(_FOREIGN.findall(text)))):
            return False
        plain = _letters(fold(text))
        return any(form in plain for form in self._forms)

    def spans(self, text: str) -> tuple[Span, ...]:
        """What of the instructions stands in `text`, in order of kinds.

        `canary`: the word in one of its forms. `run`: a maximal run of at least `RUN_WORDS` words that stand so in the
        instructions. `line`: inside a run, a whole sentence of the instructions that speaks to the model. (What only states
        facts, such as opening hours, is there to be passed on.)
        """
        found = [Span(kind="canary", start=start, end=end) for start, end in self._canaries(text)]
        runs = list(self._runs(shingles_of(text)))
        if not runs:
            return tuple(found)
        places = list(word_places(text))
        words = words_of(text)

        def span(kind: str, first: int, last: int) -> Span:
            return Span(kind=kind, start=places[first][0], end=places[last - 1][1])

        found += (span("run", first, last) for first, last in runs)
        found += (span("line", *line) for run in runs for line in self._lines(words, *run))
        return tuple(found)

    def open_from(self, text: str) -> int:
        """From where on `text` may turn out to hold a span, or a longer one, if it goes on; its length if from nowhere.

        What stands before can be let out: no later word makes it part of a canary, a run or a line.
        """
        return min(self._run_open_from(text), self._canary_open_from(text))

    def _runs(self, shingles: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        """First word and end of each run."""
        if self.shingles.isdisjoint(shingles):
            return
        first = 0
        for place, known in enumerate((*map(self.shingles.__contains__, shingles), False)):
            if known:
                continue
            if place - first >= _RUN:
                yield first, place + SHINGLE - 1
            first = place + 1

    def _lines(self, words: tuple[str, ...], first: int, last: int) -> Iterator[tuple[int, int]]:
        place = first
        while place <= last - RUN_WORDS:
            for sentence in self._sentences.get(hash(words[place : place + SHINGLE]), ()):
                if words[place : place + len(sentence)] == sentence:
                    yield place, place + len(sentence)
                    place += len(sentence) - 1
                    break
            place += 1

    def _run_open_from(self, text: str) -> int:
        """The last word may still grow; the words before it count while the instructions know them in this order."""
        if not self.shingles:
            return len(text)
        words = words_of(text)
        if not words:
            return len(text)
        end = len(words)
        # A last word that touches the end may become another word: it is kept back, and what leads to it judged without it.
        # One that is longer than all of theirs never will be one of them.
        start, stop = last_places(text, 1)[-1]
        growing = stop == len(text) and stop - start <= self._longest_word
        end -= growing
        first = end
        for length in range(1, min(SHINGLE, end + 1)):
            if hash(words[end - length : end]) in self._starts[length - 1]:
                first = end - length
        if end - first == SHINGLE - 1:
            place = end - SHINGLE
            while place >= 0 and hash(words[place : place + SHINGLE]) in self.shingles:
                first = place
                place -= 1
        if first == len(words):
            return len(text)
        return last_places(text, len(words) - first)[first - len(words)][0]

    def _canaries(self, text: str) -> Iterator[tuple[int, int]]:
        if not self.has_canary(text):
            return
        letters, places = _lettered(text)
        for form in self._forms:
            start = letters.find(form)
            while start >= 0:
                yield places[start], places[start + len(form) - 1] + 1
                start = letters.find(form, start + len(form))

    def _canary_open_from(self, text: str) -> int:
        if not self._forms:
            return len(text)
        longest = max(map(len, self._forms))
        # Only so many letters can belong to a form that is not complete; they may stand far apart.
        letters, places = _lettered(text, longest)
        for start, letter in enumerate(letters):
            if letter in self._beginnings and letters[start:] in self._beginnings:
                return places[start]
        return len(text)


def _is_fact(sentence: tuple[str, ...]) -> bool:
    return _ADDRESSING.isdisjoint(sentence) and any(len(words.intersection(sentence)) >= 2 for words in _TELLING)


def leak_index(system_text: str, canary: str | None) -> LeakIndex:
    """The index of these instructions. The same for all requests of a prompt, whose fences and canaries differ."""
    plain = _FENCE.sub("", system_text)
    plain = plain.replace(canary, "") if canary else plain
    return (_index if len(plain) <= _SHORT else _long_index)(plain, canary)


_SHORT = 4_096
"""Characters of instructions whose index is small (some 200 KB). Longer ones may hold what a service says anew each time: of
those only a few are remembered, since each takes some sixty times the memory of its text."""


@lru_cache(maxsize=256)
def _index(system_text: str, canary: str | None) -> LeakIndex:
    return LeakIndex(system_text, canary)


@lru_cache(maxsize=8)
def _long_index(system_text: str, canary: str | None) -> LeakIndex:
    return LeakIndex(system_text, canary)


def _letters(text: str) -> str:
    return "".join(words_of(text))


def _lettered(text: str, last: int | None = None) -> tuple[str, list[int]]:
    """The letters and digits of `text`, in plain lower case, and their places; those before the `last` ones may lack."""
    if text.isascii():
        reach = len(text) if last is None else 2 * last
        while True:
            begin = max(0, len(text) - reach)
            places = [place for place, letter in enumerate(text[begin:], begin) if letter.isalnum()]
            if not begin or len(places) >= (last or 0):
                return "".join([text[place] for place in places]).lower(), places
            reach *= 4
    letters: list[str] = []
    places = []
    for place in range(len(text) - 1, -1, -1):
        for letter in reversed(_plain(text[place])):
            letters.append(letter)
            places.append(place)
        if last is not None and len(letters) >= last:
            break
    return "".join(reversed(letters)), places[::-1]


@lru_cache(maxsize=4_096)
def _plain(character: str) -> str:
    """Its letters and digits as they are drawn: `а` and `á` are `a`, a comma is nothing."""
    return "".join(filter(str.isalnum, fold(character)))


def _forms(canary: str) -> tuple[str, ...]:
    """The canary as it can come back, in lower case, letters and digits alone."""
    raw = canary.encode()
    # Base64 of a text with the canary in it: its inner part is the same for each of the three places it can begin at.
    inner = (
        b64encode(b"\0" * skip + raw)[(skip * 8 + 5) // 6 : (skip + len(raw)) * 8 // 6].decode() for skip in range(3)
    )
    written = (canary, canary[::-1], codecs.encode(canary, "rot13"), raw.hex(), *inner)
    return tuple(dict.fromkeys(_letters(form) for form in written))
