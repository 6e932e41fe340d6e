"""Any list of our messages becomes a body that keeps the rules of Anthropic's API."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamguard.events.request import (
    FunctionCall,
    FunctionTool,
    JsonSchemaFormat,
    Message,
    NamedFunction,
    NamedTool,
    Tool,
    ToolCall,
    ToolChoice,
)
from streamguard.providers.anthropic_body import body_of
from streamguard.providers.anthropic_form import form_of
from streamguard.providers.contract import ChatRequest

TOOL = Tool(function=FunctionTool(name="look_up", description="Looks up a parcel.", parameters={"properties": {}}))
OTHER = Tool(function=FunctionTool(name="refund"))
CACHED = {"type": "ephemeral"}


def system(text: str) -> Message:
    return Message(role="system", content=text)


def user(text: str) -> Message:
    return Message(role="user", content=text)


def assistant(text: str, *calls: tuple[str, str]) -> Message:
    made = tuple(ToolCall(id=name, function=FunctionCall(name="look_up", arguments=given)) for name, given in calls)
    return Message(role="assistant", content=text, tool_calls=made or None)


def result(call: str | None, text: str) -> Message:
    return Message(role="tool", content=text, tool_call_id=call)


def sent(
    *messages: Message, cache: bool = False, form: JsonSchemaFormat | None = None, **changes: Any
) -> dict[str, Any]:
    """The body as it goes over the wire."""
    ask = ChatRequest("m", messages, 50, "key", "id", **changes)
    body = body_of(ask, form_of(form) if form else None, cache_prompts=cache, stream=False)
    return orjson.loads(orjson.dumps(body))


def spoken(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Roles and texts."""
    return [
        (message["role"], [block.get("text", block["type"]) for block in message["content"]])
        for message in body["messages"]
    ]


def test_a_question_has_its_instructions_apart() -> None:
    body = sent(system("Be kind."), system("Be brief."), user("Hi"), temperature=0.5)
    assert body == {
        "model": "m",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "temperature": 0.5,
    }


@pytest.mark.parametrize(("asked", "given_on"), [(0.0, 0.0), (1.0, 1.0), (1.7, 1.0)])
def test_a_temperature_beyond_theirs_is_the_highest_of_theirs(asked: float, given_on: float) -> None:
    assert sent(user("Hi"), temperature=asked)["temperature"] == given_on


def test_what_stands_first_is_marked_for_the_cache_and_later_instructions_are_not() -> None:
    body = sent(system("a"), system("b"), user("Hi"), system("c"), tools=(OTHER, TOOL), cache=True)
    assert [block.get("cache_control") for block in body["system"]] == [None, CACHED, None]
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, CACHED]
    assert b"cache_control" not in orjson.dumps(sent(system("a"), user("Hi"), tools=(TOOL,)))


def test_marks_do_not_pile_up_in_a_form_that_is_used_again() -> None:
    form = form_of(JsonSchemaFormat(schema={"type": "object"}))
    body_of(ChatRequest("m", (user("Hi"),), 50, "key", "id"), form, cache_prompts=True, stream=False)
    assert "cache_control" not in form.tool


def test_neighbours_of_one_role_are_one_message() -> None:
    body = sent(user("a"), user("b"), system("x"), user("c"), assistant("d"), assistant("e"), user("f"))
    assert spoken(body) == [("user", ["a", "b", "c"]), ("assistant", ["d", "e"]), ("user", ["f"])]


def test_blank_messages_are_left_out_and_do_not_part_their_neighbours() -> None:
    assert spoken(sent(user("a"), assistant(" \n"), user(""), user("b"))) == [("user", ["a", "b"])]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((), [("user", ["Continue."])]),
        ((system("x"),), [("user", ["Continue."])]),
        ((assistant("Hello!"), user("Hi")), [("user", ["Continue."]), ("assistant", ["Hello!"]), ("user", ["Hi"])]),
        ((user("Hi"), assistant("Well")), [("user", ["Hi"]), ("assistant", ["Well"]), ("user", ["Continue."])]),
    ],
)
def test_the_user_speaks_first_and_last(messages: tuple[Message, ...], expected: list[tuple[str, list[str]]]) -> None:
    assert spoken(sent(*messages)) == expected


def test_calls_of_tools_and_their_results_stand_side_by_side() -> None:
    body = sent(
        user("Where?"),
        assistant("I look.", ("c1", '{"id": 7}'), ("c2", "{}")),
        user("Hurry!"),
        result("c2", "nothing"),
        result("c1", "Oslo"),
        tools=(TOOL,),
    )
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "c1", "name": "look_up", "input": {"id": 7}},
                {"type": "tool_use", "id": "c2", "name": "look_up", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c2", "content": "nothing"},
                {"type": "tool_result", "tool_use_id": "c1", "content": "Oslo"},
                {"type": "text", "text": "Hurry!"},
            ],
        },
    ]


@pytest.mark.parametrize("broken", ["", "{", "[1]", "3", '{"a": NaN}', "\ud800"])
def test_arguments_that_are_no_object_are_an_empty_one(broken: str) -> None:
    call = ToolCall.model_construct(id="c", function=FunctionCall.model_construct(name="look_up", arguments=broken))
    asked = Message.model_construct(role="assistant", content="", tool_calls=(call,), tool_call_id=None)
    assert sent(user("a"), asked, result("c", "b"))["messages"][1]["content"][0]["input"] == {}


def test_arguments_of_any_depth_are_passed_on() -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    assert orjson.dumps(
        sent(user("a"), assistant("", ("c", deep)), result("c", "b"))["messages"][1]["content"][0]["id"]
    )


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    body = sent(user("a"), assistant("", ("c1", "{}")), user("b"), assistant("", ("c2", "{}")))
    first, last = body["messages"][2], body["messages"][4]
    missing = {"type": "tool_result", "content": "This call was not made.", "is_error": True}
    assert first["content"] == [{**missing, "tool_use_id": "c1"}, {"type": "text", "text": "b"}]
    assert last["content"] == [{**missing, "tool_use_id": "c2"}]


def test_a_result_of_no_call_is_text() -> None:
    body = sent(user("a"), result(None, "b"), assistant("c"), result("x", "d"))
    assert spoken(body) == [("user", ["a", "b"]), ("assistant", ["c"]), ("user", ["d"])]


def test_ids_are_what_the_api_takes_and_never_twice() -> None:
    body = sent(
        user("a"),
        assistant("", ("tool:1/é", "{}"), ("same", "{}"), ("same", "{}")),
        result("tool:1/é", "one"),
        result("same", "two"),
        result("same", "three"),
        assistant("", ("same", "{}")),
        result("same", "four"),
    )
    used = [block["id"] for message in body["messages"] for block in message["content"] if block["type"] == "tool_use"]
    assert len(set(used)) == 4
    results = [
        (block["tool_use_id"], block["content"])
        for message in body["messages"]
        for block in message["content"]
        if block["type"] == "tool_result"
    ]
    assert results == list(zip(used, ["one", "two", "three", "four"], strict=True))


def test_tools_have_an_objects_schema() -> None:
    assert sent(user("a"), tools=(TOOL,))["tools"] == [
        {
            "name": "look_up",
            "description": "Looks up a parcel.",
            "input_schema": {"type": "object", "properties": {}},
        }
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, None),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        (NamedTool(function=NamedFunction(name="refund")), {"type": "tool", "name": "refund"}),
    ],
)
def test_the_choice_of_a_tool_has_their_names(asked: ToolChoice | None, expected: dict[str, str] | None) -> None:
    assert sent(user("a"), tools=(TOOL, OTHER), tool_choice=asked).get("tool_choice") == expected


def test_a_form_is_a_tool_that_must_be_called() -> None:
    body = sent(user("a"), form=JsonSchemaFormat(name="parcel.v1", schema={"type": "object"}), cache=True)
    assert body["tool_choice"] == {"type": "tool", "name": "parcel_v1", "disable_parallel_tool_use": True}
    assert [(tool["name"], tool["input_schema"], tool["cache_control"]) for tool in body["tools"]] == [
        ("parcel_v1", {"type": "object"}, CACHED)
    ]


TEXTS = st.sampled_from(["", " ", "\n", "hello", " hi \n", "wörd"])
IDS = st.sampled_from(["c1", "c2", "c:3", "call_0", "call_1", "é"])
ARGUMENTS = st.sampled_from(["{}", '{"a": 1}', "{", "[]", ""])
FUNCTIONS = st.builds(FunctionCall, name=st.just("look_up"), arguments=ARGUMENTS)
CALLS = st.lists(st.builds(ToolCall, id=IDS, function=FUNCTIONS), max_size=3).map(tuple)
MESSAGES = st.lists(
    st.one_of(
        st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXTS),
        st.builds(Message, role=st.just("assistant"), content=TEXTS, tool_calls=CALLS),
        st.builds(Message, role=st.just("tool"), content=TEXTS, tool_call_id=st.none() | IDS),
    ),
    max_size=12,
)


@given(messages=MESSAGES, cache=st.booleans())
@example(messages=[assistant("a"), result(None, ""), assistant("b")], cache=False)
def test_any_messages_keep_the_rules(messages: list[Message], cache: bool) -> None:
    body = sent(*messages, cache=cache)
    turns = body["messages"]
    roles = [turn["role"] for turn in turns]
    assert roles == (["user", "assistant"] * len(turns))[: len(turns)]
    assert roles[-1] == "user"
    ids: list[str] = []
    due: list[str] = []
    for turn in turns:
        blocks: list[dict[str, Any]] = turn["content"]
        assert blocks
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        # as many as there were calls, at the beginning, each of one of them
        assert sorted(results) == sorted(due)
        assert [block["type"] for block in blocks[: len(due)]] == ["tool_result"] * len(due)
        due = [block["id"] for block in blocks if block["type"] == "tool_use"]
        ids += due
        assert turn["role"] == "assistant" or not due
        for block in blocks:
            assert block["type"] != "text" or block["text"].strip()
            assert block["type"] != "tool_use" or isinstance(block["input"], dict)
            assert "content" not in block or block["content"].strip()
    assert len(set(ids)) == len(ids)
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in ids)
    assert all(block["text"].strip() for block in body.get("system", []))
    # nobody's words are lost
    said = [message.content for message in messages if message.content.strip()]
    wire = orjson.dumps([body.get("system", []), turns])
    assert all(orjson.dumps(text)[1:-1] in wire for text in said)
    assert sum(len(message.tool_calls or ()) for message in messages) == len(ids)
