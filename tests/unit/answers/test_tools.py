"""Which calls of tools may stand in an answer, and in which form."""

from typing import Any

import orjson
import pytest

from streamguard.answers.tools import (
    MISSING_CALL,
    OTHER_CALL,
    UNKNOWN_TOOL,
    UNWANTED_CALL,
    calls_in_form,
    check_tools,
    restored,
    tool_problem,
)
from streamguard.events.request import FunctionCall, NamedFunction, NamedTool, Tool, ToolCall

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["to"],
    "properties": {
        "to": {"type": "string", "pattern": "^[a-z.]+@[a-z.]+$"},
        "card": {"type": "integer"},
        "phones": {"type": "array", "items": {"type": ["number", "null"]}},
        "note": {"type": ["string", "integer"]},
    },
    "additionalProperties": False,
}
VALUES = {"[EMAIL_1]": "ann@example.com", "[CARD_1]": "4111111111111111", "[PHONE_1]": "+4930901820"}


def tool(name: str = "send", schema: dict[str, Any] | None = None) -> Tool:
    return Tool.model_validate({"function": {"name": name, "parameters": SCHEMA if schema is None else schema}})


def call(arguments: str, name: str = "send") -> ToolCall:
    return ToolCall(id="c1", function=FunctionCall(name=name, arguments=arguments))


def restore(text: str) -> str:
    for token, value in VALUES.items():
        text = text.replace(token, value)
    return text


SEND = NamedTool(function=NamedFunction(name="send"))
GOOD = call('{"to": "ann@example.com"}')


@pytest.mark.parametrize(
    ("calls", "choice", "problem"),
    [
        ([GOOD], None, None),
        ([GOOD], "auto", None),
        ([GOOD], "required", None),
        ([GOOD], SEND, None),
        ([], None, None),
        ([], "none", None),
        ([], "required", MISSING_CALL),
        ([], SEND, MISSING_CALL),
        ([GOOD], "none", UNWANTED_CALL),
        ([GOOD, call("{}", "look")], SEND, OTHER_CALL),
        ([GOOD, call("{}", "drop_all")], None, UNKNOWN_TOOL),
        ([call('{"to": "an address of mine"}')], None, "the arguments for the tool send: to: breaks pattern"),
        (
            [call('{"secret_word": 1, "to": "a@b"}')],
            None,
            "the arguments for the tool send: the answer: has properties that the schema does not allow",
        ),
        ([call("[1]")], None, "the arguments for the tool send: the answer is not a JSON object"),
        ([call('"to"')], None, "the arguments for the tool send: the answer is not a JSON object"),
        ([call("")], None, "the arguments for the tool send: the answer: the property 'to' is missing"),
    ],
)
def test_what_is_wrong_with_calls(calls: list[ToolCall], choice: Any, problem: str | None) -> None:
    assert tool_problem(calls, [tool(), tool("look", {})], choice) == problem


@pytest.mark.parametrize("text", ["Sure: {'to': 'a@b.c',}", '```json\n{"to": "a@b.c"}\n```'])
def test_small_mistakes_are_mended_and_that_is_told(text: str) -> None:
    called = calls_in_form([call(text)], [tool()])

    assert called.repaired
    assert orjson.loads(called.calls[0].function.arguments) == {"to": "a@b.c"}


@pytest.mark.parametrize(
    "cut", ['{"to": "a@b.c", "card": 10', '{"to": "a@b.c"', '```json\n{"to": "a@b.c", "note": "pay 10']
)
def test_arguments_that_were_cut_off_are_not_completed(cut: str) -> None:
    assert tool_problem([call(cut)], [tool()]) == "the arguments for the tool send: the answer is not valid JSON"


@pytest.mark.parametrize("given", ['{"a": 1e999}', '{"a": [-1e999]}'])
def test_a_number_that_nobody_can_hold_is_no_argument(given: str) -> None:
    assert tool_problem([call(given)], [tool(schema={"type": "object"})]) is not None


def test_what_stands_twice_is_given_as_it_was_checked_and_digits_stay() -> None:
    called = calls_in_form([call('{"to": "x@y", "to": "a@b", "card": 123456789012345678901234567890}')], [tool()])

    assert called.calls[0].function.arguments == '{"to":"a@b","card":123456789012345678901234567890}'
    assert not called.repaired


def test_schemas_are_held_against_what_the_service_will_be_given() -> None:
    written = call('{"to": "[EMAIL_1]", "card": "[CARD_1]"}')

    assert tool_problem([written], [tool()]) is not None
    called = calls_in_form([written], [tool()], restore=restore)
    assert called.error is None
    assert orjson.loads(called.calls[0].function.arguments) == {"to": "[EMAIL_1]", "card": "[CARD_1]"}


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"card": "[CARD_1]"}, {"card": 4111111111111111}),
        ({"card": "no. [CARD_1]"}, {"card": "no. 4111111111111111"}),
        ({"card": "12"}, {"card": "12"}),
        ({"phones": ["[PHONE_1]", "[CARD_1]"]}, {"phones": ["+4930901820", 4111111111111111]}),
        ({"note": "[CARD_1]"}, {"note": "4111111111111111"}),
        ({"other": {"[EMAIL_1]": "[CARD_1]"}}, {"other": {"ann@example.com": "4111111111111111"}}),
    ],
)
def test_a_datum_is_a_number_where_a_number_is_wanted(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    assert orjson.loads(restored(orjson.dumps(arguments).decode(), tool(), restore)) == given


@pytest.mark.parametrize(
    ("schema", "usable"),
    [
        (SCHEMA, True),
        ({}, True),
        ({"type": "array"}, False),
        ({"type": "nothing"}, False),
        ({"properties": {"a": {"$ref": "https://example.com/schema"}}}, False),
        ({"description": "x" * 70_000}, False),
    ],
)
def test_the_tools_of_a_request(schema: dict[str, Any], usable: bool) -> None:
    assert (check_tools([tool(), tool("other", schema)]) is None) is usable
