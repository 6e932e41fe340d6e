"""The tools that an answer calls: are they offered, and do their arguments fit?"""

from collections.abc import Sequence

from streamguard.answers.structure import structure
from streamguard.events.request import JsonSchemaFormat, ResponseFormat, Tool, ToolCall

UNKNOWN_TOOL = "it calls a tool that was not offered"


def tool_problem(tool_calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str | None:
    """What is wrong with the calls of an answer, in words for the model that gave it; None where all fit their schemas.

    Names tools and places of their schemas, never anything of the arguments.
    """
    offered = {tool.function.name: tool.function for tool in tools}
    for call in tool_calls:
        tool = offered.get(call.function.name)
        if tool is None:
            return UNKNOWN_TOOL
        form = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=tool.parameters))
        problem = structure(call.function.arguments or "{}", form).error
        if problem is not None:
            return f"the arguments for the tool {tool.name}: {problem}"
    return None
