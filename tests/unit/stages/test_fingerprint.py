"""What can change an answer changes the question's fingerprint: each field of what is asked, each field of a request.

A cache whose key leaves out a parameter serves wrong answers. So every field is named here, with what a change of it does or why
it changes nothing; a new field that nobody has decided on fails.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from streamguard.checks.chain import Chains, InputChain
from streamguard.checks.policy import Policy
from streamguard.clock import FakeClock
from streamguard.config import Candidate
from streamguard.events.request import Request
from streamguard.events.stages import Ask, Guarded
from streamguard.prompts.registry import PromptBook
from streamguard.resources import resource_dir
from streamguard.stages.guard import Guard
from tests.unit.stages.examples import NOW, admitted, ending, event, request

SEND: dict[str, Any] = {"function": {"name": "send", "parameters": {"type": "object"}}}
LOOK: dict[str, Any] = {"function": {"name": "look"}}
SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}

CHANGES: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tenant_id": ({}, {"tenant_id": "other"}),
    "messages": ({}, {"messages": [{"role": "user", "content": "Where is my letter?"}]}),
    "prompt": (
        {"messages": None, "prompt": {"name": "classify", "variables": {"question": "Where is it?"}}},
        {"messages": None, "prompt": {"name": "classify", "variables": {"question": "Where is she?"}}},
    ),
    "context": ({}, {"context": [{"id": "d", "text": "Parcels take two days."}]}),
    "response_format": ({}, {"response_format": SCHEMA}),
    "actions": ({}, {"actions": ["refund"]}),
    "max_output_tokens": ({}, {"max_output_tokens": 7}),
    "tools": ({"tools": [SEND]}, {"tools": [LOOK]}),
    "tool_choice": ({"tools": [SEND]}, {"tools": [SEND], "tool_choice": "required"}),
}
"""Fields of a request that are part of the question: two requests that differ in nothing else."""

NO_QUESTION: Mapping[str, dict[str, Any]] = {
    "request_id": {"request_id": "r2"},
    "user_id": {"user_id": "bob"},  # who asks: their data are placeholders
    "conversation_id": {"conversation_id": "c"},
    "session_id": {"session_id": "s"},
    "feature": {"feature": "f"},
    "client_ip": {"client_ip": "203.0.113.7"},
    "lane": {"lane": "batch"},  # when it is answered
    "stream": {"stream": True},  # how it arrives
    "deadline": {"deadline": NOW + 60_000_000},
    "consent": {"consent": {"retention": False}},
    "cache": {"cache": "semantic"},
    "metadata": {"metadata": {"a": "b"}},  # no model sees it
}
"""Fields of a request that are none, changed."""

OF_ASK: Mapping[str, str] = {
    "messages": "covered: before they are rendered, beside prompt, version and documents",
    "route": "covered: the models it stands for",
    "temperature": "covered",
    "max_output_tokens": "covered",
    "response_format": "covered",
    "tools": "covered",
    "tool_choice": "covered",
    "canary": "a function of tenant, prompt and version, which are covered, and of the key, which keys the fingerprint",
    "static_text": "an answer of this text is degraded, and those are not kept",
}
"""What is sent to a model, and how the fingerprint covers it."""


def stage(changes: Mapping[str, Any] | None = None, **parts: Any) -> Guard:
    """A guard whose prompt for messages has `changes`."""
    book = PromptBook.load(resource_dir("prompts"))
    if changes:
        book = PromptBook([book.get("chat").model_copy(update=dict(changes))])
    fields: dict[str, Any] = {
        "chains": Chains(InputChain, Policy(version="1"), b"k"),
        "prompts": book,
        "default_prompt": "chat",
        "routes": {
            "default": (Candidate(provider="openai", model="gpt-4o"),),
            "economy": (Candidate(provider="openai", model="gpt-4o-mini"),),
        },
        "key": b"key",
        "ending": ending(),
        "clock": FakeClock(NOW),
    }
    return Guard(**{**fields, **parts})


async def asked(guard: Guard, given: Request) -> Guarded:
    [out] = await guard.run(event(admitted(given)), None)
    assert isinstance(out.record, Guarded)
    return out.record


def test_every_field_is_decided_on() -> None:
    assert Request.model_fields.keys() == {*CHANGES, *NO_QUESTION}
    assert Ask.model_fields.keys() == set(OF_ASK)


@pytest.mark.parametrize("field", CHANGES)
async def test_what_is_part_of_the_question(field: str) -> None:
    before, after = CHANGES[field]
    one, other = await asked(stage(), request(**before)), await asked(stage(), request(**after))

    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize("field", NO_QUESTION)
async def test_what_is_not(field: str) -> None:
    one, other = await asked(stage(), request()), await asked(stage(), request(**NO_QUESTION[field]))

    assert one.fingerprint == other.fingerprint
    assert one.ask == other.ask


@pytest.mark.parametrize(
    "changed",
    [
        {"routes": {"default": (Candidate(provider="openai", model="gpt-4o-mini"),)}},
        {"chains": Chains(InputChain, Policy(version="2"), b"k")},
        {"key": b"other"},
    ],
)
async def test_what_the_configuration_adds(changed: dict[str, Any]) -> None:
    one, other = await asked(stage(), request()), await asked(stage(**changed), request())

    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "changes", [{"version": 99}, {"temperature": 1.5}, {"max_output_tokens": 3}, {"route": "economy"}]
)
async def test_what_the_prompt_adds(changes: dict[str, Any]) -> None:
    one, other = await asked(stage(), request()), await asked(stage(changes), request())

    assert one.fingerprint != other.fingerprint
