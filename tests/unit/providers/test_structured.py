"""What a model does not know is asked of it in words, or not at all."""

import pytest

from streamguard.config import Feature
from streamguard.events.request import JsonSchemaFormat, Message, ResponseFormat
from streamguard.providers.contract import ChatRequest
from streamguard.providers.structured import adapt

SYSTEM = Message(role="system", content="Be brief.")
LATER = Message(role="system", content="Be kind.")
USER = Message(role="user", content="Grüße")
SCHEMA = ResponseFormat(
    type="json_schema", json_schema=JsonSchemaFormat(schema={"type": "object", "properties": {"ü": {"type": "string"}}})
)
LIST = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema={"type": "array"}))
OBJECT = ResponseFormat(type="json_object")
SAID = '{"type":"object","properties":{"ü":{"type":"string"}}}'


def ask(form: ResponseFormat | None = None, *messages: Message, temperature: float | None = None) -> ChatRequest:
    return ChatRequest("m", messages or (SYSTEM, USER), 50, "k", "r", temperature=temperature, response_format=form)


@pytest.mark.parametrize(
    ("asked", "without"),
    [
        (ask(SCHEMA, temperature=0.5), frozenset[Feature]()),
        (ask(SCHEMA), frozenset[Feature]({"json_object", "temperature", "tools", "streaming"})),
        (ask(OBJECT), frozenset[Feature]({"json_schema"})),
        (ask(ResponseFormat()), frozenset[Feature]({"json_schema", "json_object"})),
        (ask(None), frozenset[Feature]({"json_schema", "json_object", "temperature"})),
    ],
)
def test_what_it_knows_is_asked_as_it_is(asked: ChatRequest, without: frozenset[Feature]) -> None:
    assert adapt(asked, without) is asked


def test_a_temperature_is_left_out() -> None:
    assert adapt(ask(temperature=0.0), frozenset({"temperature"})) == ask()


@pytest.mark.parametrize(
    ("asked", "without", "left", "said"),
    [
        (ask(SCHEMA), {"json_schema"}, OBJECT, SAID),
        (ask(SCHEMA), {"json_schema", "json_object"}, None, SAID),
        # an array is no object: to ask for one would forbid the right answer
        (ask(LIST), {"json_schema"}, None, '{"type":"array"}'),
        (ask(OBJECT), {"json_object"}, None, "JSON object only"),
    ],
)
def test_a_form_is_told_in_words(
    asked: ChatRequest, without: set[Feature], left: ResponseFormat | None, said: str
) -> None:
    adapted = adapt(asked, frozenset(without))
    assert adapted.response_format == left
    assert adapted.messages[0].content.startswith("Be brief.\n\nAnswer with ")
    assert said in adapted.messages[0].content
    assert adapted.messages[1:] == asked.messages[1:]
    assert (adapted.model, adapted.idempotency_key) == (asked.model, asked.idempotency_key)


def test_it_stands_in_the_last_of_the_instructions_or_before_everything() -> None:
    adapted = adapt(ask(SCHEMA, SYSTEM, USER, LATER, USER), frozenset({"json_schema"}))
    assert [message.role for message in adapted.messages] == ["system", "user", "system", "user"]
    assert adapted.messages[0] is SYSTEM
    assert SAID in adapted.messages[2].content
    adapted = adapt(ask(SCHEMA, USER), frozenset({"json_schema"}))
    assert [message.role for message in adapted.messages] == ["system", "user"]
    assert SAID in adapted.messages[0].content


def test_the_words_are_the_same_each_time() -> None:
    """A provider's prompt cache keeps what stays the same."""
    without = frozenset[Feature]({"json_schema"})
    assert adapt(ask(SCHEMA), without).messages[0] == adapt(ask(SCHEMA), without).messages[0]
