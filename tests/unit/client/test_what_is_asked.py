"""What a client takes as a request: mistakes are told at once, and quote nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from streamguard.client import Client, FakeWire, Request


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant_id": "secret tenant", "user_id": "u", "messages": "secret text"},
        {"tenant_id": "acme", "user_id": "u"},
        {"tenant_id": "acme", "user_id": "u", "messages": [{"role": "secret role", "content": "secret text"}]},
        {"tenant_id": "acme", "user_id": "u", "messages": "secret text", "max_output_tokens": "secret number"},
        {"tenant_id": "acme", "user_id": "u", "messages": [{"role": "user", "content": 7, "name": "secret"}]},
    ],
)
def test_wrong_fields_are_told_before_anything_is_sent_and_not_quoted(fields: dict[str, Any]) -> None:
    wire = FakeWire(lambda request: "x")
    with pytest.raises(ValidationError) as raised:
        Client("", wire=wire).request(**fields)
    assert "secret" not in str(raised.value) + repr(raised.value)
    assert wire.requests == []


HALF = "\ud83d"
"""Half of an emoji: what Python reads from JSON in which somebody cut a text between the two."""


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("messages", {"messages": [{"role": "user", "content": f"secret {HALF}"}]}),
        ("prompt", {"prompt": {"name": "support", "variables": {"question": f"secret {HALF}"}}}),
        (
            "context",
            {"messages": [{"role": "user", "content": "x"}], "context": [{"id": "a", "text": f"secret {HALF}"}]},
        ),
    ],
)
async def test_text_without_bytes_is_told_by_its_field(field: str, given: dict[str, Any]) -> None:
    wire = FakeWire(lambda request: "x")
    async with Client("", wire=wire) as client:
        with pytest.raises(ValidationError, match=rf"(?m)^{field}$") as raised:
            client.request(tenant_id="acme", user_id="u", **given)
        by_hand = Request.model_validate({"request_id": "r", "tenant_id": "acme", "user_id": "u", **given})
        for asking in (client.ask(by_hand), client.send(by_hand)):
            with pytest.raises(ValidationError, match=rf"(?m)^{field}$"):
                await asking
    assert "secret" not in str(raised.value) + repr(raised.value)
    assert wire.requests == []


def test_a_field_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="max_tokens"):
        Client("", wire=FakeWire(lambda request: "x")).request(
            tenant_id="acme", user_id="u", messages="x", max_tokens=7
        )


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_timeout_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Client("", timeout=seconds)
