"""What an answer is judged by beside itself: the texts that its model was sent."""

from pydantic_core import to_json

from streamguard.answers.arguments import argument_texts
from streamguard.events.stages import Ask


def system_text(ask: Ask) -> str:
    """The instructions, one message under the other."""
    return "\n".join(message.content for message in ask.messages if message.role == "system")


def asked_text(ask: Ask) -> str:
    """Everything else that was said, the calls of tools included."""
    texts: list[str] = []
    for message in ask.messages:
        if message.role != "system":
            texts.append(message.content)
            for call in message.tool_calls or ():
                texts += argument_texts(call.function.arguments)
    return "\n".join(texts)


def tools_text(ask: Ask) -> str:
    """The tools that were offered."""
    return "\n".join(to_json(tool.function, exclude_none=True).decode() for tool in ask.tools)
