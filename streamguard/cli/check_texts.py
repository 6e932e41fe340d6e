"""What `streamguard check` reads: a text, a text a line, or a JSON object a line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import click
import orjson
from pydantic import ValidationError

from streamguard.checks.contract import Direction, Role, Subject
from streamguard.errors import InputError
from streamguard.events.request import Request
from streamguard.stages.guard import subjects_of

Form = Literal["text", "lines", "jsonl", "request"]
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Given:
    """What is checked together. `at` names the file and the line, `parts` each text of a request.

    `prompt` is the one that a request names, None where that is left open.
    """

    at: str
    subjects: tuple[Subject, ...]
    parts: tuple[str, ...] = ("",)
    prompt: str | None = None


def read(name: str, form: Form, role: Role, direction: Direction) -> Iterator[Given]:
    """The texts of a file (`-`: of standard input). Lines are read one by one; blank ones are skipped.

    Raises `InputError` that names the line and what is wrong with it, never what it holds.
    """
    if form == "text":
        # The line end that editors and `echo` put after the last line is none of the text.
        text = read_text(name).removesuffix("\n").removesuffix("\r")
        yield Given(_named(name), (Subject(text, role, direction),))
        return
    for number, line in _lines(name):
        at = f"{_named(name)}:{number}"
        if form == "lines":
            yield Given(at, (Subject(line, role, direction),))
        elif form == "jsonl":
            yield Given(at, (_subject(at, line, role, direction),))
        else:
            yield _given(at, line)


def read_text(name: str) -> str:
    """A whole file as it stands. Raises `InputError`."""
    try:
        raw = click.get_binary_stream("stdin").read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise _unreadable(name, error) from None
    return _decoded(_named(name), raw)


def _lines(name: str) -> Iterator[tuple[int, str]]:
    try:
        with click.open_file(name, "rb") as file:
            for number, raw in enumerate(file, start=1):
                line = _decoded(f"{_named(name)}:{number}", raw.rstrip(b"\r\n"))
                if line.strip():
                    yield number, line
    except OSError as error:
        raise _unreadable(name, error) from None


def _decoded(at: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{at}: is no UTF-8 text (byte {error.start} does not fit); save it as UTF-8") from None


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(f"{_named(name)}: cannot be read ({error.strerror})")


def _named(name: str) -> str:
    return "stdin" if name == STDIN else name


def _object(at: str, line: str) -> dict[str, Any]:
    try:
        fields: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{at}: is no JSON (column {error.colno}); each line must be one JSON object") from None
    if not isinstance(fields, dict):
        raise InputError(f"{at}: must be a JSON object")
    return fields


def _subject(at: str, line: str, role: Role, direction: Direction) -> Subject:
    """Other fields, such as the label of a labelled set, are left alone. An answer is the assistant's, whatever stands there."""
    fields = _object(at, line)
    text, its = fields.get("text"), fields.get("role", role) if direction == "input" else role
    if not isinstance(text, str):
        raise InputError(f"{at}: text: must be there, as a string")
    if its not in get_args(Role):
        raise InputError(f"{at}: role: must be one of {', '.join(get_args(Role))}")
    return Subject(text, its, direction)


def _given(at: str, line: str) -> Given:
    try:
        request = Request.model_validate(_object(at, line))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise InputError(f"{at}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    return Given(at, tuple(subjects_of(request)), _parts(request), request.prompt.name if request.prompt else None)


def _parts(request: Request) -> tuple[str, ...]:
    """Where each of the request's subjects stands in it."""
    parts: list[str] = [f"messages.{place}" for place in range(len(request.messages or ()))]
    if request.prompt:
        parts += (f"prompt.variables.{name}" for name in sorted(request.prompt.variables))
    for place in range(len(request.context)):
        parts += (f"context.{place}.title", f"context.{place}.text")
    return tuple(parts)


def part_of(given: Given, hashes: Sequence[str], content_hash: str) -> str:
    """The part of a request that a verdict is about; empty where it is about all of them, or all there is."""
    if len(given.subjects) == 1:
        return given.parts[0]
    return next((part for part, its in zip(given.parts, hashes, strict=False) if its == content_hash), "")
