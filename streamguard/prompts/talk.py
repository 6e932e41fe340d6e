"""The talk so far as a model is sent it: whose words are fenced, and calls of tools beside what the tools answered.

Providers refuse a call without its answer and an answer without its call, wherever they stand in the talk.
"""

from collections.abc import Sequence

from streamguard.events.request import Message, ToolCall
from streamguard.prompts.fencing import fenced, neutralise

NO_RESULT = "This call was not made."
"""Stands where a tool's answer is missing."""


def spoken(messages: Sequence[Message], mark: str) -> list[Message]:
    """`messages` (no instructions among them) behind fences of `mark`.

    What users say and what tools answer is fenced; what the model said is its own turn, and ends none. The answers of tools come
    right after the message that calls them, in the order of the calls. One that answers no call of the message before it is sent
    as a user's message, since a fence is all that it is to the model.
    """
    talk: list[Message] = []
    place = 0
    while place < len(messages):
        message = messages[place]
        place += 1
        if message.role == "assistant" and message.tool_calls:
            end = place
            while end < len(messages) and messages[end].role == "tool":
                end += 1
            talk.append(_own(message))
            talk += _answers(message.tool_calls, messages[place:end], mark)
            place = end
        else:
            talk.append(_own(message) if message.role == "assistant" else _data(message, mark))
    return talk


def _answers(calls: Sequence[ToolCall], given: Sequence[Message], mark: str) -> list[Message]:
    left = list(given)
    answers: list[Message] = []
    for call in calls:
        found = next((one for one in left if one.tool_call_id == call.id), None)
        content = NO_RESULT
        if found is not None:
            left.remove(found)
            content = fenced(found.content, mark, "tool")
        answers.append(Message(role="tool", content=content, tool_call_id=call.id))
    return [*answers, *(_data(one, mark) for one in left)]


def _data(message: Message, mark: str) -> Message:
    return Message(role="user", content=fenced(message.content, mark, message.role))


def _own(message: Message) -> Message:
    calls = message.tool_calls
    if not calls:
        return Message(role="assistant", content=neutralise(message.content))
    own = tuple(
        call.model_copy(
            update={"function": call.function.model_copy(update={"arguments": neutralise(call.function.arguments)})}
        )
        for call in calls
    )
    return Message(role="assistant", content=neutralise(message.content), tool_calls=own)
