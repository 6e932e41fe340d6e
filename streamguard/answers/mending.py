"""Mending what is almost JSON, in one pass, in time linear in its length.

Mended are: single and typographic quotes, quotes inside of strings, raw line breaks, wrong escapes, keys and words without
quotes, Python's literals, comments, missing and superfluous commas, missing brackets, and an end that was cut off. What is
further from JSON is not guessed at. (Why not a library: docs/decisions/0004-json-repair.md.)
"""

import re

_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z))*")
_SPACE = re.compile(r"\s*")
_PLAIN = re.compile(r"[^\"'\\\x00-\x1f“”‘’]+")
_BARE = re.compile(r"[^\s,:{}\[\]\"'“”‘’]+(?:[ \t]+[^\s,:{}\[\]\"'“”‘’]+)*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_AFTER_NUMBER = frozenset(("", ",", "}", "]", " ", "\n", "\r", "\t", "/"))
_ALMOST_NUMBER = re.compile(r"[+-]?[\d.][\d.,_]*")
_ESCAPE = re.compile(r"\\(?:[\"\\/bfnrt]|u[0-9A-Fa-f]{4})")
_CLOSING = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_WORDS = {"true": "true", "false": "false", "null": "null", "none": "null", "undefined": "null", "nan": "null"}


def mend(text: str, *, max_depth: int) -> str | None:
    """The JSON that `text`, which begins with a bracket, was meant to be; what follows its end is left out.

    None where that cannot be told, or where it nests deeper than `max_depth`. The result still needs to be parsed.
    """
    try:
        mender = _Mender(text, max_depth)
        mender.value(0)
        return "".join(mender.out)
    except _Hopeless:
        return None


class _Hopeless(Exception):
    pass


class _Mender:
    def __init__(self, text: str, max_depth: int) -> None:
        self._text = text
        self._at = 0
        self._max_depth = max_depth
        self.out: list[str] = []

    def value(self, depth: int) -> None:
        if depth > self._max_depth:
            raise _Hopeless
        character = self._next()
        if character in "{[" and character:
            self._collection(character, depth)
        elif character in _CLOSING:
            self._string(character, ",}]:")
        else:
            self._word()

    def _collection(self, opener: str, depth: int) -> None:
        self.out.append(opener)
        self._at += 1
        closer = "}" if opener == "{" else "]"
        first = True
        while True:
            character = self._next()
            if character == ",":
                self._at += 1
                continue
            if character in ("", "}", "]"):
                # the other bracket means that this one was forgotten: it is the outer one's
                self._at += character == closer
                break
            mark = len(self.out)
            if not first:
                self.out.append(",")
            if opener == "{" and not self._key():
                del self.out[mark:]
                break
            self.value(depth + 1)
            first = False
        self.out.append(closer)

    def _key(self) -> bool:
        """A key and its colon; False when the text ends before the key's value begins."""
        character = self._next()
        if character in _CLOSING:
            self._string(character, ":")
        else:
            self.out.append(f'"{self._bare()}"')
        if self._next() != ":":
            if self._at >= len(self._text):
                return False
            raise _Hopeless
        self._at += 1
        self.out.append(":")
        return self._next() != ""

    def _string(self, quote: str, follows: str) -> None:
        """A string up to the quote that one of `follows`, or the end, comes after; other quotes are part of it."""
        text, out, closing = self._text, self.out, _CLOSING[quote]
        out.append('"')
        self._at += 1
        while self._at < len(text):
            if plain := _PLAIN.match(text, self._at):
                out.append(plain.group())
                self._at = plain.end()
                continue
            character = text[self._at]
            if character == "\\":
                self._escape()
                continue
            self._at += 1
            if character == closing and self._ends(follows):
                break
            if character == '"':
                out.append('\\"')
            elif character < " ":
                out.append(f"\\u{ord(character):04x}")
            else:
                out.append(character)
        out.append('"')

    def _ends(self, follows: str) -> bool:
        space = _SPACE.match(self._text, self._at)
        after = space.end() if space else self._at
        if after >= len(self._text) or self._text[after] in follows:
            return True
        # a forgotten comma: the next key or item begins on a new line
        return follows != ":" and "\n" in self._text[self._at : after] and self._text[after] in _CLOSING

    def _escape(self) -> None:
        if escape := _ESCAPE.match(self._text, self._at):
            self.out.append(escape.group())
            self._at = escape.end()
            return
        following = self._text[self._at + 1 : self._at + 2]
        if following == "'":
            self.out.append("'")
            self._at += 2
        else:
            self.out.append("\\\\")
            self._at += 1

    def _word(self) -> None:
        number = _NUMBER.match(self._text, self._at)
        if number and self._text[number.end() : number.end() + 1] in _AFTER_NUMBER:
            self.out.append(number.group())
            self._at = number.end()
            return
        word = self._bare()
        if _ALMOST_NUMBER.fullmatch(word):
            raise _Hopeless  # 1.000 or 007: guessing at numbers does harm
        self.out.append(_WORDS.get(word.lower(), f'"{word}"'))

    def _bare(self) -> str:
        found = _BARE.match(self._text, self._at)
        if found is None or "\\" in found.group():
            raise _Hopeless
        self._at = found.end()
        return found.group()

    def _next(self) -> str:
        """The next character that counts, which stays unread; empty at the end."""
        blank = _BLANK.match(self._text, self._at)
        if blank:
            self._at = blank.end()
        return self._text[self._at : self._at + 1]
