"""Questions of all the forms there are, and askers of whom some leave."""

import asyncio
import random
from collections.abc import Iterator

from pydantic import JsonValue

from streamguard.checks.text.tokens import count_message_tokens
from streamguard.events.request import (
    FunctionCall,
    FunctionTool,
    JsonSchemaFormat,
    Message,
    ResponseFormat,
    Tool,
    ToolCall,
)
from streamguard.events.stages import Ask, Reservation
from streamguard.providers.question import Question

_TEXTS = (
    "My parcel has not arrived and the tracking page says nothing new since Monday.",
    "I was charged twice for invoice 4711, please give me my money back. 💶",
    "Ich kann mich nicht anmelden: das Passwort wird seit gestern nicht mehr angenommen.",
    "アプリが起動するとすぐにエラーが出て終了します。",
    "Please cancel my subscription; write to [EMAIL_1] or call [PHONE_1].",
)
_RULES = " ".join(f"Rule {number}: answer kindly, briefly, and only what was asked." for number in range(120))
"""Long enough for a provider's prompt cache."""
_PARAMETERS: dict[str, dict[str, JsonValue]] = {
    "look_up_order": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    "open_refund": {"type": "object", "properties": {"why": {"type": "string"}, "cents": {"type": "integer"}}},
}
_TOOLS = tuple(
    Tool(function=FunctionTool(name=name, description=f"{name.replace('_', ' ')} of a customer", parameters=parameters))
    for name, parameters in _PARAMETERS.items()
)
_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"reply": {"type": "string"}, "category": {"enum": ["billing", "delivery", "other"]}},
    "required": ["reply", "category"],
    "additionalProperties": False,
}
_FORM = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=_SCHEMA))
_RESERVATION = Reservation(input_tokens=100_000, output_tokens=1_000, calls=6)


class Leaver:
    """Listens, and leaves with the `after`-th piece; None never does."""

    def __init__(self, after: int | None) -> None:
        self.stop = asyncio.Event()
        self._after = after
        self._heard = 0

    async def begin(self) -> None:
        """A call begins."""
        self._heard = 0

    async def text(self, piece: str) -> None:
        """The next piece."""
        self._heard += 1
        if self._heard == self._after:
            self.stop.set()

    async def end(self) -> None:
        """The answer stands."""


def questions(count: int, seed: int, *, leaving: float) -> Iterator[Question]:
    """So many questions, each another one; at a share of `leaving` the asker does not wait for the end. Of ten questions six are
    plain, one has long instructions, two may call tools, of which one has called some before, one wants JSON."""
    dice = random.Random(seed)
    for number in range(count):
        kind = number % 10
        text = f"{' '.join(dice.choices(_TEXTS, k=dice.randint(1, 6)))} My number is {number}."
        system = _RULES if kind == 6 else "You are the support desk of a shop."
        messages = [Message(role="system", content=system), Message(role="user", content=text)]
        if kind == 8:
            call = ToolCall(
                id=f"call_{number}", function=FunctionCall(name="look_up_order", arguments='{"order":"77"}')
            )
            messages += [
                Message(role="assistant", content="", tool_calls=(call,)),
                Message(role="tool", content="Order 77 is on its way.", tool_call_id=call.id),
                Message(role="assistant", content="It is on its way."),
                Message(role="user", content="Then open a refund."),
            ]
        ask = Ask(
            messages=tuple(messages),
            route=dice.choice(("openai", "anthropic")),
            max_output_tokens=400,
            tools=_TOOLS if kind in (7, 8) else (),
            response_format=_FORM if kind == 9 else None,
        )
        leaver = Leaver(dice.randint(1, 8) if dice.random() < leaving else None)
        yield Question(
            ask,
            call_id_base=f"t/r{number}/1",
            reservation=_RESERVATION,
            input_tokens=count_message_tokens(ask.messages),
            audience=leaver,
            stop=leaver.stop,
        )
