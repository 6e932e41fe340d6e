"""A hit is the same question under the same rules of the same tenant; anything else is a miss."""

from typing import Any

import pytest

from streamguard.cache.exact import ExactCache, fingerprint
from streamguard.errors import InvalidRecord
from streamguard.events.codec import encode
from streamguard.events.request import Document, FunctionCall, Message, ResponseFormat, Tool, ToolCall
from streamguard.events.stages import CacheEntry
from streamguard.events.usage import Usage

TOOL = Tool.model_validate({"function": {"name": "send", "parameters": {"type": "object"}}})
LOOK = Tool.model_validate({"function": {"name": "look"}})

QUESTION: dict[str, Any] = {
    "key": b"k",
    "tenant_id": "t",
    "prompt_name": "chat",
    "prompt_version": 1,
    "messages": [Message(role="user", content="Where is my parcel?")],
    "documents": [Document(id="d", text="Parcels take two days.")],
    "route": [("openai", "gpt-4o")],
    "temperature": 0.2,
    "max_output_tokens": 100,
    "response_format": None,
    "actions": None,
    "policy_version": "1",
    "tools": (TOOL,),
    "tool_choice": None,
}

OTHER: dict[str, Any] = {
    "key": b"other",
    "tenant_id": "u",
    "prompt_name": "support",
    "prompt_version": 2,
    "messages": [Message(role="user", content="Where is my parcel")],
    "documents": [Document(id="d", text="Parcels take three days.")],
    "route": [("openai", "gpt-4o"), ("anthropic", "claude-3-5-haiku-latest")],
    "temperature": None,
    "max_output_tokens": 101,
    "response_format": ResponseFormat(type="json_object"),
    "actions": (),
    "policy_version": "2",
    "tools": (TOOL, LOOK),
    "tool_choice": "none",
}


def test_the_same_question_has_the_same_fingerprint() -> None:
    assert fingerprint(**QUESTION) == fingerprint(**QUESTION)


@pytest.mark.parametrize("part", sorted(QUESTION))
def test_every_part_of_the_question_changes_the_fingerprint(part: str) -> None:
    changed: dict[str, Any] = {**QUESTION, part: OTHER[part]}

    assert fingerprint(**changed) != fingerprint(**QUESTION)


@pytest.mark.parametrize(
    "tools",
    [
        (),
        (LOOK, TOOL),
        (TOOL.model_copy(update={"function": TOOL.function.model_copy(update={"description": "Sends."})}),),
        (TOOL.model_copy(update={"function": TOOL.function.model_copy(update={"parameters": {}})}),),
        (TOOL.model_copy(update={"function": TOOL.function.model_copy(update={"strict": True})}),),
    ],
)
def test_other_tools_are_another_question(tools: tuple[Tool, ...]) -> None:
    changed: dict[str, Any] = {**QUESTION, "tools": tools}

    both: dict[str, Any] = {**QUESTION, "tools": (TOOL, LOOK)}

    assert fingerprint(**changed) not in (fingerprint(**QUESTION), fingerprint(**both))


def test_what_was_called_and_for_which_call_a_tool_answered_are_parts_of_the_question() -> None:
    def asked(name: str, arguments: str, call_id: str) -> str:
        call = ToolCall(id="a", function=FunctionCall(name=name, arguments=arguments))
        messages = [
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="42", tool_call_id=call_id),
        ]
        changed: dict[str, Any] = {**QUESTION, "messages": messages}
        return fingerprint(**changed)

    asked_differently = [asked("look", "{}", "a"), asked("send", "{}", "a"), asked("look", "[]", "a")]
    assert len({*asked_differently, asked("look", "{}", "b")}) == 4


def test_the_speaker_is_part_of_the_question() -> None:
    other = [Message(role="assistant", content="Where is my parcel?")]

    changed: dict[str, Any] = {**QUESTION, "messages": other}

    assert fingerprint(**changed) != fingerprint(**QUESTION)


def entry(text: str = "Two days.", *, tenant: str = "t", expires_at: int = 1000) -> bytes:
    return encode(
        CacheEntry(
            tenant_id=tenant,
            output=text,
            provider="openai",
            model="gpt-4o",
            usage=Usage(),
            created_at=0,
            expires_at=expires_at,
            source="t/r/1",
        )
    )


def test_an_entry_is_fresh_until_it_expires_and_stale_afterwards() -> None:
    cache = ExactCache(10, 1000)
    cache.put("f", entry(expires_at=1000))

    before, after = cache.get("f", "t", 999), cache.get("f", "t", 1000)

    assert before is not None
    assert before.fresh
    assert after is not None
    assert not after.fresh


def test_another_tenant_never_hits() -> None:
    cache = ExactCache(10, 1000)
    cache.put("f", entry(tenant="t"))

    assert cache.get("f", "someone-else", 0) is None


def test_a_tombstone_removes() -> None:
    cache = ExactCache(10, 1000)
    cache.put("f", entry())
    cache.put("f", None)

    assert cache.get("f", "t", 0) is None
    assert cache.bytes == 0


def test_what_is_no_entry_is_an_error_that_lookup_takes_for_a_miss() -> None:
    cache = ExactCache(10, 1000)
    cache.put("f", b"{}")

    with pytest.raises(InvalidRecord):
        cache.get("f", "t", 0)


def test_the_least_recently_used_goes_first_when_entries_are_too_many() -> None:
    cache = ExactCache(2, 1000)
    cache.put("a", entry())
    cache.put("b", entry())
    cache.get("a", "t", 0)
    cache.put("c", entry())

    assert cache.get("b", "t", 0) is None
    assert cache.get("a", "t", 0) is not None
    assert len(cache) == 2


def test_bytes_are_bounded_and_counted_exactly() -> None:
    size = len(entry())
    cache = ExactCache(100, 3 * size)
    for name in "abcdef":
        cache.put(name, entry())
    cache.put("f", entry("Two."))
    cache.put("huge", entry("x" * 3 * size))

    assert cache.get("huge", "t", 0) is None
    assert len(cache) == 3
    assert cache.bytes == 2 * size + len(entry("Two."))
