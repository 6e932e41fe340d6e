"""Requests whose model may call the shop's own tools: the question, and the same conversation with what the tool said."""

from typing import Any

import orjson

from streamguard.cli.demo.customers import Customers
from streamguard.stream.planned import Planned

STATES = ("packed", "on its way", "in customs", "delivered", "returned")

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "order_status",
            "description": "Where an order is.",
            "parameters": {
                "type": "object",
                "properties": {"order": {"type": "string", "maxLength": 20}},
                "required": ["order"],
                "additionalProperties": False,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "opening_hours",
            "description": "When a shop is open on a day of the week.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "maxLength": 60},
                    "day": {"type": "string", "enum": ["weekday", "saturday", "sunday"]},
                },
                "required": ["city", "day"],
                "additionalProperties": False,
            },
        },
    },
]


def with_tools(customers: Customers, at_most: int) -> list[Planned]:
    """Two turns of a conversation, or the first: the model may call a tool, must, or has been told what one said."""
    tenant = customers.tenant()
    user, values = customers.users(tenant, 1)[0], customers.values(tenant)
    asked = {"role": "user", "content": f"Where is order {values['order']}? It should be in {values['city']} by now."}
    call_id = f"call_{customers.next_number():06}"
    arguments = orjson.dumps({"order": values["order"]}).decode()
    called = {
        "role": "assistant",
        "tool_calls": [
            {"id": call_id, "type": "function", "function": {"name": "order_status", "arguments": arguments}}
        ],
    }
    result = orjson.dumps({"order": values["order"], "state": customers.rng.choice(STATES), "city": values["city"]})
    said = {"role": "tool", "tool_call_id": call_id, "content": result.decode()}
    fields: dict[str, Any] = {"conversation_id": f"tools-{call_id}", "feature": "orders", "tools": TOOLS}
    turns: list[dict[str, Any]] = [{"messages": [asked], "tool_choice": customers.rng.choice(("auto", "required"))}]
    turns.append({"messages": [asked, called, said]})
    return [
        customers.send("tools", fields | turn | customers.reads_along(0.3), tenant=tenant, user=user)
        for turn in turns[:at_most]
    ]
