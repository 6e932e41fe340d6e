"""The way down for models that do not know what a question asks for: the same, asked for in words, or left out."""

from dataclasses import replace

import orjson

from streamguard.config import Feature
from streamguard.events.request import Message, ResponseFormat
from streamguard.providers.contract import ChatRequest

_SCHEMA = "Answer with JSON only, with nothing around it, that fits this JSON Schema: {schema}"
JSON_OBJECT = "Answer with one JSON object only, with nothing around it."
"""Asks in words for what JSON mode asks for."""


def adapt(ask: ChatRequest, without: frozenset[Feature]) -> ChatRequest:
    """`ask` as it can be put to a model without these features.

    The temperature is left out. A schema becomes a JSON object and an instruction that holds the schema; a JSON object becomes an
    instruction. The instruction stands at the end of the last system message, or in one of its own before everything.
    """
    if "temperature" in without and ask.temperature is not None:
        ask = replace(ask, temperature=None)
    form = ask.response_format
    if form is None or form.type == "text" or form.type not in without:
        return ask
    if form.json_schema is None:
        return replace(ask, response_format=None, messages=told(ask.messages, JSON_OBJECT))
    schema = orjson.dumps(form.json_schema.schema_).decode()
    # a JSON object is what it says: a schema of another root must not be asked for as one
    an_object = "json_object" not in without and form.json_schema.schema_.get("type") == "object"
    return replace(
        ask,
        response_format=ResponseFormat(type="json_object") if an_object else None,
        messages=told(ask.messages, _SCHEMA.format(schema=schema)),
    )


def told(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    """`messages` with `instruction` at the end of the last system message, or in one of its own before everything."""
    places = [place for place, message in enumerate(messages) if message.role == "system"]
    if not places:
        return (Message(role="system", content=instruction), *messages)
    last = places[-1]
    told = messages[last]
    content = f"{told.content}\n\n{instruction}" if told.content else instruction
    return (*messages[:last], told.model_copy(update={"content": content}), *messages[last + 1 :])
