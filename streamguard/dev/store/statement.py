"""Where the data of an INSERT begins: ClickHouse's HTTP interface takes statement and data in one piece."""

import re
from collections.abc import Generator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
      (?P<space>\s+ | --[^\n]*(?:\n|$) | /\*.*?\*/)
    | (?P<quoted>'(?:\\.|''|[^'\\])*' | "(?:\\.|[^"\\])*" | `(?:\\.|[^`\\])*`)
    | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_FORMAT_NAME = re.compile(rb"\s+([A-Za-z_][A-Za-z_0-9]*)[ \t]*;?[ \t]*(?:\r?\n)?")
_TRAILING_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b.*)?;?\s*$", re.IGNORECASE | re.DOTALL)
_KAFKA_TABLE = re.compile(r"\bENGINE\s*=?\s*Kafka\b", re.IGNORECASE)
_ASSIGNMENT = re.compile(rb"\s+\w+\s*=")
_ENDS_INSERT = frozenset({b"VALUES", b"FORMAT", b"SELECT", b"WITH", b"FROM", b"WATCH"})


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose data comes with it: `INSERT INTO t (a, b)`, the format's name, the data's bytes."""

    statement: str
    format: str
    data: bytes


def split_insert(query: bytes, body: bytes) -> Insert | None:
    """The parts of an INSERT that brings data; None for any other statement, `INSERT … SELECT` and plain VALUES among them.

    `query` is the URL's, `body` the request's; either may be empty. Raises `UnicodeDecodeError` when the statement is no UTF-8.
    """
    text = query if query.strip() else body
    data_apart = body if query.strip() else None
    depth, position, first = 0, 0, True
    while position < len(text) and (token := _TOKEN.match(text, position)) is not None:
        position = token.end()
        match token.lastgroup:
            case "space":
                continue
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "word":
                word = token.group().upper()
                if first and word != b"INSERT":
                    return None
                if depth == 0 and word in _ENDS_INSERT:
                    return _cut(text, token.start(), position, word, data_apart)
            case _:
                pass
        if first and token.lastgroup != "word":
            return None
        first = False
    if first or not data_apart:
        return None
    return Insert(text.decode(), "Values", data_apart)


def _cut(text: bytes, start: int, end: int, word: bytes, data_apart: bytes | None) -> Insert | None:
    if word == b"VALUES" and data_apart:
        return Insert(text[:start].decode(), "Values", text[end:] + data_apart)
    if word != b"FORMAT":
        return None
    name = _FORMAT_NAME.match(text, end)
    if name is None:
        return None
    data = text[name.end() :]
    return Insert(text[:start].decode(), name.group(1).decode(), data if data_apart is None else data + data_apart)


def from_file(statement: str, path: str, format_name: str) -> str:
    """The INSERT of `split_insert` with its data in a file. Its own SETTINGS must come behind the file's name."""
    text = statement.encode()
    found = next((at for at in _words(text, b"SETTINGS") if _ASSIGNMENT.match(text, at + len(b"SETTINGS"))), len(text))
    settings = text[found:].decode().strip().rstrip(";")
    return f"{text[:found].decode()}\nFROM INFILE '{path}'\n{settings}\nFORMAT {format_name}"


def _words(text: bytes, word: bytes) -> Generator[int]:
    """Where a word stands in a statement, outside of brackets, quotes and comments."""
    depth, position = 0, 0
    while position < len(text) and (token := _TOKEN.match(text, position)) is not None:
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth == 0 and token.lastgroup == "word" and token.group().upper() == word:
            yield token.start()
        position = token.end()


def tokens(statement: str) -> Generator[tuple[str, str]]:
    """A statement's tokens, in order: their kind (space, quoted, word, open, close, other) and text. Whole strings, names in
    quotes and comments are one each."""
    for token in _TOKEN.finditer(statement.encode()):
        yield token.lastgroup or "other", token.group().decode(errors="replace")


def named_format(statement: str) -> str | None:
    """The format that a statement asks for at its end."""
    found = _TRAILING_FORMAT.search(statement)
    return found.group(1) if found else None


def harms_the_store(statement: str) -> bool:
    """Whether a statement would make the engine's path unusable: a Kafka table, which the embedded engine lacks, does."""
    return _KAFKA_TABLE.search(statement) is not None and statement.lstrip()[:6].upper() in ("CREATE", "ATTACH")
