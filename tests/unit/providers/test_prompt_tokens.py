"""What a call has of input beyond the messages that were counted before."""

from dataclasses import replace

from streamguard.events.request import (
    FunctionCall,
    FunctionTool,
    JsonSchemaFormat,
    Message,
    ResponseFormat,
    Tool,
    ToolCall,
)
from streamguard.providers.contract import ChatRequest
from streamguard.providers.prompt_tokens import tokens_beyond
from streamguard.providers.structured import adapt

MESSAGES = (Message(role="system", content="be kind"), Message(role="user", content="where is it"))
ASK = ChatRequest("m", MESSAGES, 10, "k", "k")
TOOL = Tool(function=FunctionTool(name="look_up"))
FORM = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema={"type": "object", "title": "one two"}))


def words(text: str) -> int:
    return len(text.split())


def test_the_messages_that_were_counted_are_not_counted_again() -> None:
    assert tokens_beyond(ASK, MESSAGES, words) == 0


def test_an_answer_that_was_sent_back_counts_with_its_calls() -> None:
    call = ToolCall(id="c", function=FunctionCall(name="look_up", arguments='{"a": 1}'))
    back = (
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="no no", tool_call_id="c"),
    )

    assert tokens_beyond(replace(ASK, messages=(*MESSAGES, *back)), MESSAGES, words) == (4 + 1 + 2) + (4 + 2)


def test_tools_and_schemas_count() -> None:
    assert tokens_beyond(replace(ASK, tools=(TOOL,)), MESSAGES, words) == 1
    assert tokens_beyond(replace(ASK, tools=(TOOL,), response_format=FORM), MESSAGES, words) == 1 + 2


def test_what_the_instructions_say_in_place_of_a_schema_counts_once() -> None:
    told = adapt(replace(ASK, response_format=FORM), frozenset({"json_schema", "json_object"}))

    assert told.messages[0] is not MESSAGES[0]
    assert tokens_beyond(told, MESSAGES, words) == words(told.messages[0].content) - words(MESSAGES[0].content)


def test_a_prompt_that_became_shorter_takes_nothing_away() -> None:
    assert tokens_beyond(replace(ASK, messages=MESSAGES[:1]), MESSAGES, words) == 0
