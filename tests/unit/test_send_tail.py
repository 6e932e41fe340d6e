"""`streamguard send` and `tail`: what is told of mistakes before any broker is asked, and what is masked of records."""

import logging
import shlex
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pydantic_core
import pytest
from click.testing import CliRunner
from pydantic import BaseModel, JsonValue

from streamguard.cli import main
from streamguard.cli.request_lines import objects_of
from streamguard.cli.tail_records import TEXT, decoded, fields_of, fits, line_of, tenant_of, written
from streamguard.events.codec import RECORDS, encode
from streamguard.events.request import Message, Request
from streamguard.intake.contract import Received


@pytest.fixture(autouse=True)
def _logs() -> Generator[None]:
    """Commands silence loggers: these speak again for the tests that follow."""
    loggers = [logging.getLogger(name) for name in ("aiokafka", "streamguard")]
    levels = [one.level for one in loggers]
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


@pytest.mark.parametrize(
    ("arguments", "given", "complaint"),
    [
        ("send", "", "send what? Give FILE, - for the standard input, or --text"),
        ("send x --text y", "", "send what?"),
        ("send - --prompt support", "", "--prompt belongs to --text"),
        ("send -", "", "standard input: holds no request"),
        ("send -", '{"messages":[{"role":"user","content":"x"}]}\n\n{"secret"', "standard input, line 3: is no JSON"),
        ("send -", '{"mesages": "secret"}', "line 1: a request has no field 'mesages'; did you mean 'messages'?"),
        ("send -", '{"messages": "secret"}', "line 1: messages: Input should be a valid tuple"),
        ("send -", '["secret"]', "line 1: must be a JSON object"),
        ("send /nowhere", "", "/nowhere: cannot be read"),
        ("send --text secret\udcff", "", "--text: is no UTF-8 text"),
        ("send --text x --tenant a/secret", "", "--text: tenant_id: String should match pattern"),
        ("send --text x --timeout 0", "", "0 is not in the range"),
        ("tail nowhere", "", "there is no topic 'nowhere'"),
        ("tail --filter refused", "", "--filter wants FIELD=VALUE"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments: str, given: str, complaint: str) -> None:
    result = CliRunner().invoke(main, arguments.split(), input=given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr.replace("a/secret", "")


def test_a_standard_input_that_is_closed_is_one_line_and_status_2() -> None:
    command = f"exec {shlex.quote(sys.executable)} -m streamguard send - <&-"
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (2, "streamguard: standard input: is closed\n")


@pytest.mark.parametrize("command", [("send", "--text", "x"), ("tail", "responses")])
def test_no_broker_is_one_line_and_status_2(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "streamguard.toml"
    file.write_text('[kafka]\nbrokers = "127.0.0.1:1"\n')
    result = CliRunner().invoke(main, [*command, "--config", str(file)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no broker answers at 127.0.0.1:1" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_objects_are_one_a_line_or_one_in_all() -> None:
    assert list(objects_of("f", '{"a": 1}\n\n{"b":\t2}\n')) == [("f, line 1", '{"a": 1}'), ("f, line 3", '{"b":\t2}')]
    assert list(objects_of("f", '{\n "a": 1\n}\n')) == [("f", '{\n "a": 1\n}\n')]
    assert [where for where, _ in objects_of("f", '{\n "a"\n')] == ["f, line 1", "f, line 2"]
    assert list(objects_of("f", " \n")) == []


# -- what is masked ----------------------------------------------------------------------------------------------------

CODES = frozenset(
    {
        *(f"RequestHead.{name}" for name in ("request_id", "tenant_id", "user_id", "conversation_id", "session_id")),
        *(f"RequestHead.{name}" for name in ("feature", "client_ip", "actions")),
        *("JsonSchemaFormat.name", "FunctionCall.name", "PromptRef.name", "Document.id", "FunctionTool.name"),
        *("NamedFunction.name", "PromptUsed.name", "TrailEntry.decision", "TrailEntry.detail", "Admitted.head_fields"),
        *(f"Verdict.{name}" for name in ("check", "code", "contributions", "policy_version", "content_hash")),
        *("Span.kind", "Ask.route", "Ask.static_text", "Placeholder.token", "Placeholder.kind", "Shown.digest"),
        *("Guarded.fingerprint", "Guarded.policy_version"),
        *(f"CacheEntry.{name}" for name in ("tenant_id", "provider", "model", "price_version", "source")),
        *(f"Completion.{name}" for name in ("fingerprint", "policy_version", "provider", "model")),
        *("Completion.finish_reason", "Completion.price_version", "Outcome.finish_reason", "Outcome.fingerprint"),
        *(f"Call.{name}" for name in ("call_id", "provider", "model", "error", "price_version", "response_id")),
        *("Call.response_model", "Call.finish_reason", "Timings.stages_us"),
        *(f"Ended.{name}" for name in ("model", "provider", "price_version")),
        *("Response.request_id", "Response.tenant_id"),
        *(f"Provenance.{name}" for name in ("policy_version", "provider", "model", "content_hash", "key_id")),
        "Provenance.signature",
        *(f"JournalEntry.{name}" for name in ("tenant_id", "request_id", "user_id", "client_ip", "src")),
        *(
            f"{record}.{name}"
            for record in ("Settlement", "Payload")
            for name in ("request_id", "tenant_id", "user_id")
        ),
        *(f"Telemetry.{name}" for name in ("request_id", "tenant_id", "user_id", "conversation_id", "session_id")),
        *(f"Telemetry.{name}" for name in ("feature", "trace_id", "source", "prompt_name", "policy_version")),
        *(f"Telemetry.{name}" for name in ("provider", "model", "finish_reason", "price_version")),
        *("Chunk.request_id", "Chunk.tenant_id", "Cancellation.tenant_id", "Cancellation.request_id"),
        *("BreakerChange.provider", "BreakerChange.model", "BreakerChange.worker"),
    }
)
"""Fields of any text that hold ids, names and codes alone: shown."""


def free(annotation: Any, models: set[type[BaseModel]]) -> bool:
    """Whether a field may hold any text; adds the models that it holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        models.add(annotation)
        return False
    if annotation in (str, Any) or annotation is JsonValue:
        return True
    if get_origin(annotation) is Literal:
        return False
    inside = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return any([free(one, models) for one in inside])


def test_every_field_that_may_hold_text_is_decided_on() -> None:
    todo, seen, undecided = set[type[BaseModel]](RECORDS.values()), set[type[BaseModel]](), set[str]()
    while todo:
        model = todo.pop()
        seen.add(model)
        kinds = [kind.__name__ for kind in model.__mro__]
        for name, field in model.model_fields.items():
            inside: set[type[BaseModel]] = set()
            if free(field.annotation, inside) and not any(f"{kind}.{name}" in TEXT | CODES for kind in kinds):
                undecided.add(f"{model.__name__}.{name}")
            todo |= inside - seen
    assert undecided == set(), "is it text of users or models (tail_records.TEXT), or a code (CODES here)?"
    assert not TEXT & CODES
    known = {f"{kind.__name__}.{name}" for model in seen for kind in model.__mro__ for name in model.model_fields}
    assert known >= TEXT


def received(value: bytes, key: bytes = b"acme", **headers: bytes) -> Received:
    return Received("p.requests", 3, 17, 1_800_000_000_123, key, value, tuple(headers.items()), "")


def request() -> Request:
    return Request.model_validate(
        {
            "request_id": "r-1",
            "tenant_id": "acme",
            "user_id": "u",
            "messages": [{"role": "user", "content": "secret"}],
            "metadata": {"secret": "secret"},
            "of_a_later_release": {"secret": 1},
        }
    )


def test_a_record_is_shown_without_its_texts() -> None:
    one = received(encode(request()), schema=b"streamguard.request/1")
    line = line_of(one, "requests", decoded(Request, one), text=False)
    assert "secret" not in str(line)
    assert (line["topic"], line["partition"], line["offset"]) == ("requests", 3, 17)
    assert (line["timestamp"], line["key"], line["schema"]) == (
        "2027-01-15T08:00:00.123Z",
        "acme",
        "streamguard.request/1",
    )
    assert line["value"]["messages"] == [{"role": "user", "content": "(6 characters)"}]
    assert line["value"]["metadata"] == line["value"]["of_a_later_release"] == "(hidden)"
    assert fits(line, {"consent.retention": "true", "lane": "interactive", "no.such": ""})
    assert not fits(line, {"lane": "batch"})


def test_with_text_all_is_shown_as_it_lies_there() -> None:
    shown = fields_of(request(), text=True)
    assert shown["messages"] == [{"role": "user", "content": "secret"}]
    assert shown["metadata"] == {"secret": "secret"}
    assert shown["of_a_later_release"] == {"secret": 1}
    assert Request.model_validate(shown) == request()


@pytest.mark.parametrize("value", [b"secret", b"\xffsecret", b'{"secret": 1}'])
def test_what_is_no_record_shows_its_size_alone(value: bytes) -> None:
    one = received(value, key=b"a secret", schema=b"secret")
    line = line_of(one, "requests", decoded(Request, one), text=False)
    assert line["value"]["bytes"] == len(value)
    assert "secret" not in str(line)
    assert "secret" in str(line_of(one, "requests", "undecodable", text=True)) or value.startswith(b"\xff")


def test_dead_letters_show_what_was_wrong_with_them() -> None:
    one = received(b"secret", **{"dlq.code": b"undecodable", "other": b"secret"})
    line = line_of(one, "dead-letters", decoded(None, one), text=False)
    assert line["headers"] == {"dlq.code": "undecodable"}
    assert line["value"] == {"undecoded": "bytes", "bytes": 6}
    assert "secret" not in str(line)


@pytest.mark.parametrize("number", ["123456789012345678901234567890", "-1e400", "NaN", "0.5"])
def test_numbers_of_any_size_are_shown(number: str) -> None:
    """Whoever may write a request must not be able to end the `tail --text` of an operator."""
    value = encode(request())[:-1] + f',"theirs":{number}}}'.encode()
    one = received(value)
    shown = pydantic_core.from_json(written(line_of(one, "requests", decoded(Request, one), text=True)))
    assert shown["value"]["theirs"] == (None if number in ("-1e400", "NaN") else pydantic_core.from_json(number))


@pytest.mark.parametrize("milliseconds", [-1, 253_402_300_800_000, 10**16, (1 << 63) - 1])
def test_a_time_that_is_none_is_left_out(milliseconds: int) -> None:
    """Where a topic keeps its producers' timestamps, they write what they like."""
    one = Received("requests", 0, 1, milliseconds, b"acme", encode(request()), (), "")
    assert line_of(one, "requests", decoded(Request, one), text=False)["timestamp"] is None


def test_whose_a_record_is() -> None:
    assert tenant_of(request(), b"globex") == "acme"
    assert tenant_of("undecodable", b"globex/c") == "globex"
    assert tenant_of("undecodable", None) == ""
    assert tenant_of(Message(role="user", content="x"), b"globex") == "globex"
