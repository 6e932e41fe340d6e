"""What an answer is judged by beside itself: the texts that its model was sent."""

from streamguard.events.stages import Ask


def system_text(ask: Ask) -> str:
    """The instructions, one message under the other."""
    return "\n".join(message.content for message in ask.messages if message.role == "system")


def asked_text(ask: Ask) -> str:
    """Everything else that was sent."""
    return "\n".join(message.content for message in ask.messages if message.role != "system")
