"""Tools over the running line: a call for the service, then the answer to what it found. The asker's data is in neither model's
sight nor lost on the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard.dev.broker import EmbeddedBroker
from streamguard.events.outcome import Response
from tests.support.line import Line, broker_with_lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ADDRESS = "ann@example.com"
TOOL = {
    "type": "function",
    "function": {
        "name": "find_orders",
        "parameters": {
            "type": "object",
            "required": ["customer", "most"],
            "properties": {"customer": {"enum": [ADDRESS]}, "most": {"type": "integer", "minimum": 1, "maximum": 9}},
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with broker_with_lines("tools.") as broker:
        yield broker


def request(name: str, messages: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    fields = {"request_id": name, "tenant_id": "acme", "user_id": "ann", "conversation_id": "c", "tools": [TOOL]}
    return {**fields, "messages": messages, **changes}


async def test_a_tool_is_called_and_what_it_found_is_answered(broker: EmbeddedBroker, tmp_path: Path) -> None:
    question = {"role": "user", "content": f"Which orders are there of {ADDRESS}?"}
    async with Line(broker.address, tmp_path, prefix="tools.", embedded=True) as line:
        response, outcome = await line.ask(request("r1", [question], tool_choice="required"))

        calls = Response.model_validate(response).tool_calls
        assert response["status"] == "answered"
        assert {call.function.name for call in calls} == {"find_orders"}
        for call in calls:
            arguments = orjson.loads(call.function.arguments)
            assert arguments["customer"] == ADDRESS
            assert 1 <= arguments["most"] <= 9
        assert outcome["finish_reason"] == "tool_calls"
        assert ADDRESS not in str(outcome["messages"])

        said = {"role": "assistant", "content": None, "tool_calls": response["tool_calls"]}
        found = [{"role": "tool", "tool_call_id": call.id, "content": f"{ADDRESS}: two parcels."} for call in calls]
        response, outcome = await line.ask(request("r2", [question, said, *found], tool_choice="none"))

        assert (response["status"], response.get("tool_calls")) in (("answered", None), ("answered", []))
        assert response["output"]
        assert ADDRESS not in str(outcome["messages"])
        assert [message["role"] for message in outcome["messages"]] == [
            "system",
            "user",
            "assistant",
            *("tool" for _ in found),
        ]
        assert orjson.loads(outcome["messages"][2]["tool_calls"][0]["function"]["arguments"])["customer"] == "[EMAIL_1]"
        books = await line.books()
        assert outcome["calls"][0]["call_id"] in str(books)
