"""Words drawn apart or drawn with other signs: spaced letters, leetspeak, emoji that are letters, turned letters."""

import re
from collections.abc import Iterator
from itertools import islice

from streamguard.checks.decoding.passages import Passage, TooMuch, reads
from streamguard.checks.decoding.vocabulary import ENGLISH, KNOWN, ORDERS
from streamguard.checks.text.confusables import LETTERS
from streamguard.checks.text.matching import Pattern

_MOST = 1_000
"""Spaced letters of one passage that are put together: finding the words among them takes a dozen steps a letter."""
# Letters of any script part words: "i ç" is Turkish. Few wide ranges, for an automaton that knows every letter fills its memory.
_NEITHER = r"[^A-Za-z0-9\x{C0}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3040}-\x{D7FF}]"
_SPACED = Pattern(rf"(?:^|{_NEITHER})([A-Za-z0-9@$](?:{_NEITHER}{{1,4}}[A-Za-z0-9@$]){{4,}})(?:$|{_NEITHER})", group=1)
_APART = re.compile(r"[^A-Za-z0-9@$]+")
_HELD = 0.4
"""Share of its letters that stand in known words, from which spaced letters are words."""
_PIECES = 800
"""Passages of spaced letters that are put together, a long one counted by its hundreds of characters."""
_LONGEST = max(map(len, KNOWN))

_LEET_TOKEN = Pattern(r"(?:[A-Za-z]+[0-9@$!|+]|[0-9@$!|+]+[A-Za-z])[A-Za-z0-9@$!|+]*")
_LEET_WRITTEN = re.compile(r"[A-Za-z0-9@$!|+]+")
_LEET_SIGN = re.compile(r"[0-9@$!|+]")
_LEET = (str.maketrans("0123456789@$!|+", "oizeasgtbgasilt"), str.maketrans("0123456789@$!|+", "olzeasgtbgasiit"))
_SENTENCE = re.compile(r"[.?]\s|\n")
_REACH = 400
_LONG = 8_000
"""Characters of one passage in leetspeak."""
_CANDIDATES = 20_000
"""Words with signs in them, and lines with turned letters, of one text that are tried."""

_EMOJI = "\U0001f150-\U0001f169\U0001f170-\U0001f189\U0001f1e6-\U0001f1ff"
_ANY_EMOJI = re.compile(f"[{_EMOJI}]")
_EMOJI_LETTERS = Pattern(rf"[{_EMOJI}](?:[^{_EMOJI}A-Za-z0-9]{{0,4}}[{_EMOJI}]){{4,}}")

_JOINERS = re.compile("[\u200b-\u200d\u2060\ufe0f]")
_COUNTRY_CODES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz ca cc
cd cf cg ch ci ck cl cm cn co cp cr cu cv cw cx cy cz de dg dj dk dm do dz ea ec ee eg eh er es et eu fi fj fk fm fo fr
ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu ic id ie il im in io iq ir is it je jm jo jp
ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu
mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb
sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz ta tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um un
us uy uz va vc ve vg vi vn vu wf ws xk ye yt za zm zw
"""
_COUNTRIES = frozenset(_COUNTRY_CODES.split())

_TURNED = dict(zip("ɐqɔpǝɟƃɓɥᴉıɾʞlɯuodbɹsʇnʌʍxʎzʃ", "abcdefgghiijklmnopqrstuvwxyzl", strict=True))
_SURELY_TURNED = re.compile("[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ]")
_FEW_TURNED = 5


def spaced(text: str) -> Iterator[Passage]:
    """Letters with signs between them: `i g n o r e`, `i.g.n.o.r.e`, `i-g-n-o-r-e`."""
    left = _PIECES
    for start, end in _SPACED.spans(text):
        for place in range(start, end, 2 * _MOST):
            piece = text[place : min(end, place + 2 * _MOST)]
            if _few_letters(piece):
                continue
            left -= 1 + len(piece) // 100
            if left < 0:
                raise TooMuch
            said = _put_together(piece)
            if said is not None:
                yield Passage("spaced", place, place + len(piece), said)


def _few_letters(piece: str) -> bool:
    """Whether `piece` is rather a row of numbers, or of a few letters again and again (genes)."""
    letters = [character for character in piece if character.isalpha()]
    if len(letters) < 0.6 * sum(character.isalnum() for character in piece):
        return True
    return len(letters) > 40 and len(set(letters)) < 8


def _put_together(piece: str) -> str | None:
    """The words of spaced letters: as wider gaps part them, or else as known words do; None when they are none."""
    gaps = _APART.findall(piece)
    letters = [letter for letter in _APART.split(piece) if letter]
    narrow = min(map(len, gaps), default=1)
    if any(len(gap) > narrow for gap in gaps):
        parted = "".join(
            letter + (" " if len(gap) > narrow else "") for letter, gap in zip(letters, [*gaps, ""], strict=False)
        )
        for said in _plainly(parted):
            if reads(said):
                return said
    for said in _plainly("".join(letters)):
        words = _segmented(said.lower()[:_MOST])
        held = sum(len(word) for word in words if word in KNOWN and len(word) >= 3)
        if held >= max(_HELD * len(said[:_MOST]), 6):
            return " ".join(words)
    return None


def _plainly(text: str) -> tuple[str, ...]:
    """`text` as it is when it has no sign for a letter, else its two readings."""
    return tuple(text.translate(table) for table in _LEET) if _LEET_SIGN.search(text) else (text,)


def _segmented(letters: str) -> list[str]:
    """`letters` parted into known words, the longest first to count; what lies between them stays together."""
    best: list[int] = [0]
    lengths: list[int] = [0]
    for end in range(1, len(letters) + 1):
        score, length = best[end - 1] - 1, 0
        for size in range(1, min(_LONGEST, end) + 1):
            if letters[end - size : end] in KNOWN and best[end - size] + size * size >= score:
                score, length = best[end - size] + size * size, size
        best.append(score)
        lengths.append(length)
    words: list[str] = []
    end, unknown = len(letters), ""
    while end > 0:
        size = lengths[end]
        if size:
            words += (unknown, letters[end - size : end]) if unknown else (letters[end - size : end],)
            unknown = ""
        else:
            unknown = letters[end - 1] + unknown
        end -= size or 1
    return [*([unknown] if unknown else ()), *reversed(words)]


def leet(text: str) -> Iterator[Passage]:
    """Sentences in which digits and signs stand for letters: `1gn0r3 pr3v10us`."""
    reached = 0
    hits: list[tuple[int, int, str]] = []
    known: dict[str, str | None] = {}
    for count, (start, end) in enumerate(_LEET_TOKEN.spans(text)):
        if count == _CANDIDATES:
            raise TooMuch
        token = text[start:end]
        if token not in known:
            known[token] = _leet_word(token)
        if word := known[token]:
            hits.append((start, end, word))
    for place, (start, end, word) in enumerate(hits):
        follower = hits[place + 1] if place + 1 < len(hits) else None
        beside = follower is not None and follower[0] - end < _REACH // 2 and max(len(word), len(follower[2])) > 2
        strong = word in ORDERS and len(word) >= 6
        if start < reached or not (beside or strong or (len(word) > 2 and _dense(text, start, end))):
            continue
        since = max(reached, start - _REACH)
        first = max((match.end() for match in _SENTENCE.finditer(text, since, start)), default=since)
        last = end
        for other in islice(hits, place + 1, None):
            if other[0] - last >= _REACH // 2 or last - first > _LONG:
                break
            last = other[1]
        stop = _SENTENCE.search(text, last, min(len(text), last + _REACH))
        reached = stop.start() if stop else min(len(text), last + _REACH)
        yield Passage("leet", first, reached, _LEET_WRITTEN.sub(_leet_written, text[first:reached]))


def _dense(text: str, start: int, end: int) -> bool:
    """Whether half of the words around a place mix letters and signs."""
    tokens = text[max(0, start - 60) : end + 60].split()[1:-1]
    mixed = sum(bool(_LEET_SIGN.search(token)) and not token.isdigit() for token in tokens)
    return len(tokens) >= 3 and 2 * mixed >= len(tokens)


def _leet_word(token: str) -> str | None:
    """The known English word of two letters or more that `token` stands for."""
    token = token.strip("!|+").lower()
    if not 2 <= len(token) <= 20 or not _LEET_SIGN.search(token):
        return None
    return next((word for table in _LEET if (word := token.translate(table)) in ENGLISH), None)


def _leet_written(match: re.Match[str]) -> str:
    token = match.group()
    if not _LEET_SIGN.search(token) or len(token) > 40:
        return token
    if token.isdigit():  # `1` and `70` are words where all others are written so
        return next((word for table in _LEET if (word := token.translate(table)) in ENGLISH), token)
    word = _leet_word(token)
    if word is not None:
        return word
    return token.lower().translate(_LEET[0])


def emoji(text: str) -> Iterator[Passage]:
    """Letters of flags and of black boxes that spell words. Flags in a row spell none."""
    if text.isascii() or not _ANY_EMOJI.search(text):
        return
    for start, end in _EMOJI_LETTERS.spans(text):
        piece = _JOINERS.sub("", text[start:end][: 4 * _MOST])
        if _only_flags(piece):
            continue
        piece = piece.translate(LETTERS)
        letters = [letter for letter in _APART.split(piece) if letter]
        if any(len(letter) > 1 for letter in letters):
            said = " ".join(letters) if len(letters) > 1 else " ".join(_segmented(letters[0][:_MOST]))
        else:
            said = _put_together(piece) or ""
        if reads(said, certain=True):
            yield Passage("emoji", start, end, said)


def _only_flags(piece: str) -> bool:
    """Whether all rows of letters in `piece` are flags of countries, side by side."""
    rows = re.findall("[\U0001f1e6-\U0001f1ff]+", piece)
    pairs = [row[at : at + 2].translate(LETTERS) for row in rows for at in range(0, len(row), 2)]
    return bool(pairs) and all(pair in _COUNTRIES for pair in pairs)


def turned(text: str) -> Iterator[Passage]:
    """Lines written upside down, and so from right to left."""
    if text.isascii() or len(_SURELY_TURNED.findall(text)) < _FEW_TURNED:
        return
    start = 0
    for count, line in enumerate(text.split("\n")):
        if count == _CANDIDATES:
            raise TooMuch
        places = [match.start() for match in _SURELY_TURNED.finditer(line)]
        if len(places) >= _FEW_TURNED:
            first = line.rfind(" ", 0, places[0]) + 1
            last = line.find(" ", places[-1])
            stop = len(line) if last < 0 else last
            said = "".join(_TURNED.get(letter, letter) for letter in reversed(line[first:stop].lower()))
            if reads(said):
                yield Passage("turned", start + first, start + stop, said)
        start += len(line) + 1
