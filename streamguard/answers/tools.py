"""The tools that an answer calls: are they offered, and do their arguments fit?"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from streamguard.answers.structure import NO_JSON, NO_OBJECT, check_schema, structure
from streamguard.events.request import (
    FunctionCall,
    JsonSchemaFormat,
    NamedTool,
    ResponseFormat,
    Tool,
    ToolCall,
    ToolChoice,
)

UNKNOWN_TOOL = "it calls a tool that was not offered"
UNWANTED_CALL = "it calls a tool, and none may be called"
MISSING_CALL = "it calls no tool, and one must be called"
OTHER_CALL = "it calls another tool than the one that must be called"

Restore = Callable[[str], str]
"""Puts the asker's own data back into a text."""

_OBJECT = ResponseFormat(type="json_object")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_NUMBERS = frozenset({"number", "integer"})


@dataclass(frozen=True, slots=True)
class Called:
    """The calls of an answer with their arguments in form: a JSON object each. `repaired`: one had to be mended. `error` None
    means that all fit."""

    calls: tuple[ToolCall, ...]
    repaired: bool = False
    error: str | None = None


def calls_in_form(
    tool_calls: Sequence[ToolCall],
    tools: Sequence[Tool],
    choice: ToolChoice | None = None,
    restore: Restore | None = None,
) -> Called:
    """Bring the calls into form. `tools` were offered, `choice` says which must, or may, be called.

    The arguments still hold placeholders: with `restore`, what is held against the tools' schemas is what the service will be
    given. Errors name tools and places of their schemas, never anything of the arguments.
    """
    if (problem := _against(choice, tool_calls)) is not None:
        return Called((), error=problem)
    offered = {tool.function.name: tool for tool in tools}
    calls: list[ToolCall] = []
    repaired = False
    for call in tool_calls:
        tool = offered.get(call.function.name)
        if tool is None:
            return Called((), error=UNKNOWN_TOOL)
        text = call.function.arguments.strip() or "{}"
        arguments = _exact(text)
        if arguments is None:
            # what a limit of tokens cut off must not be completed: half a number is a number
            found = structure(text, _OBJECT) if text.removesuffix("```").rstrip().endswith("}") else None
            if found is None or found.error is not None:
                return Called((), error=_of(tool, NO_JSON if found is None else found.error or NO_JSON))
            arguments, repaired = to_json(found.value).decode(), True
        elif not arguments.startswith("{"):
            return Called((), error=_of(tool, NO_OBJECT))
        given = arguments if restore is None else restored(arguments, tool, restore)
        form = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=tool.function.parameters))
        if (problem := structure(given, form).error) is not None:
            return Called((), error=_of(tool, problem))
        calls.append(call.model_copy(update={"function": FunctionCall(name=call.function.name, arguments=arguments)}))
    return Called(tuple(calls), repaired)


def tool_problem(
    tool_calls: Sequence[ToolCall],
    tools: Sequence[Tool],
    choice: ToolChoice | None = None,
    restore: Restore | None = None,
) -> str | None:
    """What is wrong with the calls of an answer, in words for the model that gave it; None where all fit.

    Takes what `calls_in_form` takes. Holds nothing of the arguments.
    """
    return calls_in_form(tool_calls, tools, choice, restore).error


def check_tools(tools: Sequence[Tool]) -> str | None:
    """What is wrong with the tools of a request itself; None where each has a usable schema of an object."""
    for tool in tools:
        schema = tool.function.parameters
        if schema.get("type", "object") != "object":
            return _of(tool, NO_OBJECT)
        if problem := check_schema(ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=schema))):
            return _of(tool, problem)
    return None


def restored(arguments: str, tool: Tool | None, restore: Restore) -> str:
    """The arguments, a JSON text, with the asker's own data put back.

    A placeholder is a string, so where `tool` wants a number (by `type`, under `properties` and `items`), a datum that is one
    becomes one.
    """
    return to_json(_restored(from_json(arguments), tool.function.parameters if tool else None, restore)).decode()


def _restored(value: JsonValue, schema: JsonValue, restore: Restore) -> JsonValue:
    known = schema if isinstance(schema, dict) else {}
    if isinstance(value, str):
        text = restore(value)
        if text != value and _wants_number(known.get("type")) and _NUMBER.fullmatch(text):
            return from_json(text)
        return text
    if isinstance(value, list):
        return [_restored(item, known.get("items"), restore) for item in value]
    if isinstance(value, dict):
        properties = known.get("properties")
        of = properties if isinstance(properties, dict) else {}
        return {restore(name): _restored(item, of.get(name), restore) for name, item in value.items()}
    return value


def _wants_number(types: JsonValue) -> bool:
    wanted = types if isinstance(types, list) else [types]
    return "string" not in wanted and any(one in _NUMBERS for one in wanted if isinstance(one, str))


def _against(choice: ToolChoice | None, calls: Sequence[ToolCall]) -> str | None:
    if choice == "none":
        return UNWANTED_CALL if calls else None
    if choice == "required" or isinstance(choice, NamedTool):
        if not calls:
            return MISSING_CALL
        if isinstance(choice, NamedTool) and any(call.function.name != choice.function.name for call in calls):
            return OTHER_CALL
    return None


def _exact(text: str) -> str | None:
    """JSON written anew, so that whoever reads it reads what was checked (a name that stands twice has one value), with all
    digits of whole numbers; None where it is no JSON as it stands, or nested too deep."""
    found = structure(text, _OBJECT)
    if found.repaired or found.error == NO_JSON:  # also for a number that nobody can hold, as 1e999
        return None
    try:
        return to_json(from_json(text, allow_inf_nan=False)).decode()
    except ValueError:
        return None


def _of(tool: Tool, problem: str) -> str:
    return f"the arguments for the tool {tool.function.name}: {problem}"
