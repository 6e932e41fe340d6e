"""What a call has of input beyond the messages that guard counted: tools, the schema of the answer, answers sent back."""

from collections.abc import Callable, Sequence

import orjson

from streamguard.events.request import Message
from streamguard.providers.contract import ChatRequest

_PER_MESSAGE = 4
"""What the chat format puts around a message."""


def tokens_beyond(request: ChatRequest, counted: Sequence[Message], count: Callable[[str], int]) -> int:
    """Tokens of `request` that are not in `counted`, the messages of which the number is known; never negative.

    Vendors write tools and schemas into the prompt in forms of their own and charge for them as input; here they are counted as
    JSON, which is about as long. A message is taken for a counted one when it is the same object, so that what the way down for a
    model without schemas put into the instructions counts too.
    """
    known, sent = {id(message) for message in counted}, {id(message) for message in request.messages}
    tokens = sum(_of(message, count) for message in request.messages if id(message) not in known)
    tokens -= sum(_of(message, count) for message in counted if id(message) not in sent)
    if request.tools:
        tokens += count(
            orjson.dumps([tool.model_dump(mode="json", exclude_none=True) for tool in request.tools]).decode()
        )
    if request.response_format is not None and request.response_format.json_schema is not None:
        tokens += count(orjson.dumps(request.response_format.json_schema.schema_).decode())
    return max(0, tokens)


def _of(message: Message, count: Callable[[str], int]) -> int:
    called = (call.function for call in message.tool_calls or ())
    return count(message.content) + sum(count(one.name) + count(one.arguments) for one in called) + _PER_MESSAGE
