"""Log lines are JSON with codes and numbers; whatever an error or a library says, a user's words stay out of them."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from types import TracebackType
from typing import Any

import orjson
import pytest

from streamguard import logs
from streamguard.errors import InvalidRecord, StreamguardError

WORDS = "my card is 4111 1111 1111 1111"
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def raised(error: Exception) -> ExcInfo:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - any error will do
        return type(caught), caught, caught.__traceback__


def line(
    message: object,
    *arguments: object,
    logger: str = "aiokafka.consumer",
    exc_info: ExcInfo | None = None,
    **extra: object,
) -> str:
    record = logging.LogRecord(logger, logging.WARNING, "x.py", 1, message, arguments, exc_info)
    record.__dict__.update(extra)
    return logs.JsonFormatter("worker-0").format(record)


def fields(text: str) -> dict[str, Any]:
    return orjson.loads(text)


def test_a_line_names_time_level_process_logger_and_its_fields() -> None:
    got = fields(line("event buried", logger="streamguard.stream.stage_step", stage="guard", code="invalid_record"))
    assert got.pop("at").endswith("+00:00")
    assert got == {
        "level": "warning",
        "process": "worker-0",
        "logger": "streamguard.stream.stage_step",
        "message": "event buried",
        "stage": "guard",
        "code": "invalid_record",
    }


def test_of_a_foreign_error_only_its_class_and_where_it_was_raised_is_kept() -> None:
    text = line("it failed", exc_info=raised(ValueError(WORDS)))
    assert WORDS not in text
    got = fields(text)
    assert got["error"] == "ValueError"
    assert got["frames"][0].startswith("test_logs.py:")
    assert "error_message" not in got


def test_of_our_own_errors_the_message_is_kept() -> None:
    got = fields(line("it failed", exc_info=raised(InvalidRecord("invalid_record", ("messages.0.role",)))))
    assert (got["error"], got["error_message"]) == ("InvalidRecord", "invalid_record: messages.0.role")


def test_a_foreign_error_that_caused_ours_says_nothing() -> None:
    try:
        try:
            raise ValueError(WORDS)
        except ValueError as cause:
            raise StreamguardError("offset 7 is gone") from cause
    except StreamguardError as error:
        text = line("it failed", exc_info=(type(error), error, error.__traceback__))
    assert WORDS not in text
    assert fields(text)["error_message"] == "offset 7 is gone"


def test_errors_among_arguments_and_fields_are_named_by_their_class() -> None:
    text = line("node %s: %r", 3, ValueError(WORDS), cause=KeyError(WORDS))
    assert WORDS not in text
    assert fields(text)["message"] == "node 3: 'ValueError'"
    assert fields(text)["cause"] == "KeyError"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{WORDS}')>", "Task exception was"),
        (f"Exception in callback send('{WORDS}') at x.py:3", "Exception in callback send"),
        (f"Executing <Task coro=<step('{WORDS}')>> took 2.0 seconds", "Executing"),
    ],
)
def test_what_asyncio_quotes_is_cut_off(said: str, kept: str) -> None:
    text = line(said, logger="asyncio")
    assert WORDS not in text
    assert fields(text)["message"].startswith(kept)


@pytest.mark.parametrize("arguments", [(WORDS,), (1, WORDS)])
def test_arguments_that_do_not_fit_are_left_out(arguments: tuple[object, ...]) -> None:
    text = line("%d records", *arguments)
    assert fields(text)["message"] == "%d records"
    assert WORDS not in text


@pytest.mark.parametrize("value", ["half a pair \ud800", 2**70, {1: "a key that is no text"}, {"a", "set"}, object])
def test_a_field_that_json_cannot_hold_costs_no_line(value: object) -> None:
    got = fields(line("it went on", odd=value))
    assert "it went on" in got["message"]
    assert "odd" in got


@pytest.fixture
def stderr() -> Iterator[StringIO]:
    """A process's logging as `configure` sets it up, into memory; put back afterwards."""
    root, ours, hook = logging.getLogger(), logging.getLogger("streamguard"), sys.excepthook
    before = (root.handlers[:], root.level, ours.level)
    logs.configure("worker-0", "info")
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    out = StringIO()
    handler.setStream(out)  # pyright: ignore[reportUnknownMemberType] - the type of its stream is not known
    yield out
    root.handlers[:], sys.excepthook = before[0], hook
    root.setLevel(before[1])
    ours.setLevel(before[2])


def messages(stderr: StringIO) -> list[str]:
    return [fields(text)["message"] for text in stderr.getvalue().splitlines()]


def test_ours_from_the_level_on_and_libraries_from_warnings_on(stderr: StringIO) -> None:
    logging.getLogger("streamguard.app").info("ours")
    logging.getLogger("streamguard.app").debug("too fine")
    logging.getLogger("faust").info("a library's")
    logging.getLogger("faust").warning("a library's warning")
    assert messages(stderr) == ["ours", "a library's warning"]


def test_a_librarys_message_comes_once_a_second_ours_always(stderr: StringIO) -> None:
    handler = logging.getLogger().handlers[0]
    for at in (100.0, 100.4, 100.9, 101.1):
        for logger, message in (("aiokafka", "node %s is away"), ("aiokafka", "other"), ("streamguard.app", "ours")):
            record = logging.LogRecord(logger, logging.WARNING, "x.py", 1, message, None, None)
            record.created = at
            handler.handle(record)
    said = messages(stderr)
    assert said.count("node %s is away") == said.count("other") == 2
    assert said.count("ours") == 4


async def test_a_task_that_nobody_waits_for_fails_without_its_words(stderr: StringIO) -> None:
    async def fails() -> None:
        raise ValueError(WORDS)

    task = asyncio.ensure_future(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    assert messages(stderr) == ["Task exception was never retrieved"]
    assert WORDS not in stderr.getvalue()


def test_an_uncaught_error_ends_the_process_with_one_line_and_no_traceback() -> None:
    program = f"from streamguard import logs; logs.configure('worker-0', 'info'); raise ValueError({WORDS!r})"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    got = fields(process.stderr)
    assert (got["level"], got["message"], got["error"]) == ("critical", "uncaught error", "ValueError")
    assert WORDS not in process.stderr
