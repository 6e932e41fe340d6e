"""Anthropic's messages become our answers, whole and in events, and the two are the same."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.clock import FakeClock
from streamguard.events.request import FunctionCall, ToolCall
from streamguard.events.usage import Usage
from streamguard.providers.anthropic_answer import read_answer, read_usage
from streamguard.providers.anthropic_form import Form
from streamguard.providers.anthropic_stream import AnthropicStream
from streamguard.providers.contract import ChatAnswer, Progress
from streamguard.providers.errors import (
    CallFailed,
    EmptyAnswer,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ServerFailed,
    StreamBroken,
)
from streamguard.providers.events import Event
from tests.unit.providers.anthropic_writing import (
    BARE,
    CALL,
    COUNTS,
    HIDDEN,
    IN_FORM,
    IN_LIST,
    LIST,
    OBJECT,
    TEXT,
    THOUGHT,
    USAGE,
    events,
    message,
)


def whole(*blocks: dict[str, Any], form: Form | None = None, **changes: Any) -> ChatAnswer:
    return read_answer(orjson.dumps(message(*blocks, **changes)), form)


class Streamed:
    """A stream that was read."""

    def __init__(self, made: Sequence[dict[str, Any]], form: Form | None = None) -> None:
        self.progress = Progress(FakeClock().monotonic)
        self.stream = AnthropicStream(form, self.progress)
        self.seen: list[str] = []
        self.unseen: list[str] = []
        for event in made:
            self.take(event)

    def take(self, event: dict[str, Any]) -> None:
        self.stream.take(Event(event["type"], orjson.dumps(event)))
        seen, unseen = self.stream.gathered()
        self.seen.append(seen)
        self.unseen.append(unseen)

    @property
    def answer(self) -> ChatAnswer:
        return self.stream.answer()


CASES = [
    ((TEXT,), "end_turn", None, "Hello, Oslo!", (), "stop"),
    ((TEXT, TEXT), "stop_sequence", None, "Hello, Oslo!Hello, Oslo!", (), "stop"),
    ((THOUGHT, HIDDEN, TEXT), "max_tokens", None, "Hello, Oslo!", (), "length"),
    ((TEXT,), "model_context_window_exceeded", None, "Hello, Oslo!", (), "length"),
    ((TEXT,), "pause_turn", None, "Hello, Oslo!", (), "stop"),
    ((TEXT,), "refusal", None, "Hello, Oslo!", (), "content_filter"),
    ((TEXT,), "some_day", None, "Hello, Oslo!", (), "some_day"),
    ((TEXT, CALL, BARE), "tool_use", None, "Hello, Oslo!", ("look_up", "list_all"), "tool_calls"),
    ((CALL,), "tool_use", None, "", ("look_up",), "tool_calls"),
    ((IN_FORM,), "tool_use", OBJECT, '{"a":[1]}', (), "stop"),
    ((IN_FORM,), "max_tokens", OBJECT, '{"a":[1]}', (), "length"),
    ((TEXT, IN_FORM, IN_FORM), "tool_use", OBJECT, '{"a":[1]}', (), "stop"),
    ((BARE,), "tool_use", OBJECT, "{}", (), "stop"),
    ((IN_LIST,), "tool_use", LIST, '[1,{"b":{}}]', (), "stop"),
    ((IN_FORM,), "tool_use", LIST, '{"a":[1]}', (), "stop"),
    ((TEXT,), "refusal", LIST, "Hello, Oslo!", (), "content_filter"),
]


@pytest.mark.parametrize(("blocks", "reason", "form", "text", "tools", "finish"), CASES)
def test_whole_and_streamed_are_the_same_answer(
    blocks: tuple[dict[str, Any], ...],
    reason: str,
    form: Form | None,
    text: str,
    tools: tuple[str, ...],
    finish: str,
) -> None:
    answer = whole(*blocks, form=form, reason=reason)
    assert (answer.text, answer.finish_reason, answer.usage) == (text, finish, USAGE)
    assert tuple(call.function.name for call in answer.tool_calls) == tools
    assert (answer.response_id, answer.response_model) == ("msg_1", "claude-x")
    streamed = Streamed(events(*blocks, reason=reason), form)
    assert streamed.stream.finished
    assert streamed.answer == answer
    assert "".join(streamed.seen) == text


def test_calls_have_their_arguments_as_text() -> None:
    answer = whole(CALL, BARE, reason="tool_use")
    assert answer.tool_calls == (
        ToolCall(id="toolu_1", function=FunctionCall(name="look_up", arguments='{"id":7}')),
        ToolCall(id="toolu_2", function=FunctionCall(name="list_all", arguments="{}")),
    )


def test_what_is_charged_for_and_not_shown_is_told_apart() -> None:
    streamed = Streamed(events(THOUGHT, TEXT, CALL, reason="tool_use"))
    assert "".join(streamed.seen) == "Hello, Oslo!"
    assert "".join(streamed.unseen) == 'They mean the town.look_up{"id":7}'


def test_pings_bring_nothing() -> None:
    streamed = Streamed(events(TEXT)[:2])
    streamed.take({"type": "ping"})
    streamed.take({"type": "event_of_a_later_version", "more": 1})
    assert not any([*streamed.seen, *streamed.unseen])


def test_the_input_is_known_from_the_start_and_the_output_at_the_end() -> None:
    made = events(TEXT)
    streamed = Streamed(made[:1])
    assert streamed.progress.usage == USAGE.model_copy(update={"output_tokens": 1})
    assert (streamed.progress.response_id, streamed.progress.response_model) == ("msg_1", "claude-x")
    for event in made[1:]:
        streamed.take(event)
    assert streamed.progress.usage == USAGE


def test_counts_of_the_end_hold_over_those_of_the_start_unless_they_are_left_out() -> None:
    made = events(TEXT)
    made[-2]["usage"] = {
        "input_tokens": 12,
        "cache_read_input_tokens": None,
        "cache_creation_input_tokens": 0,
        "output_tokens": 9,
    }
    assert Streamed(made).answer.usage == USAGE.model_copy(update={"input_tokens": 3212, "output_tokens": 9})


@pytest.mark.parametrize("told", [None, {}, {"input_tokens": 5}, {"output_tokens": -1}, {"output_tokens": "many"}])
def test_without_the_counts_of_the_end_what_was_used_is_unknown(told: object) -> None:
    made = events(TEXT)
    made[-2]["usage"] = told
    streamed = Streamed(made)
    assert streamed.answer.usage is None
    assert streamed.progress.usage is not None  # of the input it is known all the same


@pytest.mark.parametrize(
    "told",
    [None, 3, [], {}, {"input_tokens": 1}, {"input_tokens": "1", "output_tokens": 1}, {"input_tokens": 0, "output_tokens": 0},
        {**COUNTS, "output_tokens": -1},
     {**COUNTS, "input_tokens": 10**12}, {**COUNTS, "cache_read_input_tokens": True}],
)  # fmt: skip
def test_usage_that_makes_no_sense_is_unknown_and_never_zero(told: object) -> None:
    assert read_usage(told) is None
    assert whole(TEXT, usage=told).usage is None


def test_usage_without_a_cache_is_plain() -> None:
    assert read_usage({"input_tokens": 3, "output_tokens": 2}) == Usage(input_tokens=3, output_tokens=2)


@pytest.mark.parametrize("blocks", [(), ({"type": "text", "text": " \n"},), (THOUGHT,)])
def test_an_answer_without_a_word_keeps_what_it_cost(blocks: tuple[dict[str, Any], ...]) -> None:
    for read in (lambda: whole(*blocks), lambda: Streamed(events(*blocks)).answer):
        with pytest.raises(EmptyAnswer) as caught:
            read()
        assert (caught.value.usage, caught.value.finish_reason, caught.value.response_id) == (USAGE, "stop", "msg_1")


def test_a_tool_that_the_model_made_up_is_a_wrong_answer_and_no_failure_of_the_provider() -> None:
    made_up = {"type": "tool_use", "id": "x", "name": "functions.track", "input": {}}
    answer = read_answer(orjson.dumps(message(made_up)), None)
    assert [call.function.name for call in answer.tool_calls] == ["functions_track"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>alice</html>",
        b"[]",
        b"{}",
        orjson.dumps(message(TEXT))[:-20],
        orjson.dumps({"content": "alice"}),
        orjson.dumps(message({"type": "text", "text": ["alice"]})),
        orjson.dumps(message({"type": "tool_use", "id": "x", "name": ["alice"], "input": {}})),
        orjson.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "alice"}}),
    ],
)
def test_what_is_no_message_is_invalid_and_not_quoted(body: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        read_answer(body, None)
    assert caught.value.code in ("invalid_response", "server_error")
    assert "alice" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_an_input_too_deep_for_json_is_invalid() -> None:
    deep = orjson.loads('{"a":' * 300 + "1" + "}" * 300)
    body = orjson.dumps(message()).replace(
        b'"content":[]',
        b'"content":[{"type":"tool_use","id":"x","name":"f","input":%s}]' % (b'{"a":' * 300 + b"1" + b"}" * 300),
    )
    assert deep
    for form in (None, OBJECT, LIST):
        with pytest.raises(InvalidResponse):
            read_answer(body, form)


def test_codes_that_look_like_text_are_dropped() -> None:
    answer = whole(TEXT, id="what alice said", model="x" * 500, reason="because alice said so")
    assert (answer.response_id, answer.response_model, answer.finish_reason) == (None, None, None)


def failed(kind: str, after: int) -> CallFailed:
    made = events(TEXT)[:after]
    with pytest.raises(CallFailed) as caught:
        Streamed([*made, {"type": "error", "error": {"type": kind, "message": "what alice said"}}])
    assert "alice" not in repr(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", ServerFailed),
        ("api_error", ServerFailed),
        ("timeout_error", ServerFailed),
        ("rate_limit_error", RateLimited),
        ("invalid_request_error", Refused),
        ("authentication_error", NotAuthorized),
        ("some_day_error", StreamBroken),
        ("", StreamBroken),
    ],
)
def test_an_error_before_the_message_is_what_its_status_would_have_been(kind: str, expected: type[CallFailed]) -> None:
    assert type(failed(kind, 0)) is expected


@pytest.mark.parametrize("after", [1, 4])
@pytest.mark.parametrize("kind", ["overloaded_error", "api_error", "some_day_error"])
def test_an_error_within_the_message_breaks_a_stream_that_may_be_charged(kind: str, after: int) -> None:
    error = failed(kind, after)
    assert (type(error), error.charge) == (StreamBroken, "unknown")


def test_an_error_after_the_end_takes_nothing_back() -> None:
    made = events(TEXT)
    made[-1:] = [{"type": "error", "error": {"type": "api_error"}}, {"type": "nonsense"}]
    assert Streamed(made).answer.text == "Hello, Oslo!"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 5, "delta": {"type": "text_delta", "text": "alice"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ["alice"]}},
        {"type": "content_block_delta", "index": 0, "delta": "alice"},
        {"type": "content_block_start", "index": 1},
        {"type": "message_delta"},
    ],
)
def test_an_event_that_cannot_be_read_breaks_the_stream(event: dict[str, Any]) -> None:
    streamed = Streamed(events(TEXT)[:4])
    with pytest.raises(StreamBroken) as caught:
        streamed.take(event)
    assert "alice" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_data_that_is_no_json_breaks_the_stream() -> None:
    with pytest.raises(StreamBroken):
        Streamed(()).stream.take(Event("ping", b"alice"))


def test_a_server_that_tells_neither_reason_nor_ends_of_blocks_is_understood() -> None:
    made = [event for event in events(CALL) if event["type"] not in ("content_block_stop", "message_delta")]
    answer = Streamed(made).answer
    assert [call.function.arguments for call in answer.tool_calls] == ['{"id":7}']
    assert (answer.finish_reason, answer.usage) == (None, None)


@given(
    blocks=st.lists(st.sampled_from([TEXT, THOUGHT, HIDDEN, CALL, BARE]), max_size=5),
    at=st.integers(0, 200),
    form=st.sampled_from([None, OBJECT, LIST]),
)
def test_a_stream_is_complete_when_all_is_told_and_not_before(
    blocks: list[dict[str, Any]], at: int, form: Form | None
) -> None:
    made = events(*blocks)
    streamed = Streamed(made[:at], form)
    assert streamed.stream.complete == (at >= len(made) - 1)
    assert streamed.stream.finished == (at >= len(made))
    if streamed.stream.complete and any(block["type"] in ("text", "tool_use") for block in blocks):
        assert streamed.answer == whole(*blocks, form=form)
        assert "".join(streamed.seen) == streamed.answer.text
