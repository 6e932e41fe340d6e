"""Which actions an answer wants taken, and whether it may."""

from collections.abc import Collection, Iterator, Sequence

from pydantic import JsonValue

from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall

_SINGLE = ("action", "tool", "tool_name", "function_call", "function")
_SEVERAL = ("actions", "tools", "tool_calls")
_NAMES = ("name", "action", "type", "tool", "tool_name", "function")
UNREADABLE = "?"
"""Stands for an action without a readable name; it is no identifier, so no allow-list can hold it."""


def actions_in(value: JsonValue) -> tuple[str, ...]:
    """The names of all actions in a parsed answer, at any depth, in order.

    An action stands under `action`, `tool`, `tool_name`, `function` or `function_call`, or in the lists `actions`, `tools`
    or `tool_calls`: a name, or an object with one. Null, the empty string and the empty list are no action. What has no
    readable name gives `UNREADABLE`.
    """
    return tuple(_search(value))


def action_problem(value: JsonValue, allowed: Collection[str] | None) -> Reason | None:
    """`ACTION_NOT_ALLOWED` when the answer wants an action outside `allowed`; without a list (None) all may pass."""
    if allowed is None:
        return None
    permitted = frozenset(allowed)
    return None if permitted.issuperset(actions_in(value)) else Reason.ACTION_NOT_ALLOWED


def call_problem(tool_calls: Sequence[ToolCall], allowed: Collection[str] | None) -> Reason | None:
    """As `action_problem`, where the actions are the tools that an answer calls. What their arguments may hold is a matter of
    their schemas."""
    if allowed is None or {call.function.name for call in tool_calls} <= frozenset(allowed):
        return None
    return Reason.ACTION_NOT_ALLOWED


def _search(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _search(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.lower() in _SINGLE or key.lower() in _SEVERAL:
                yield from _names(item)
            else:
                yield from _search(item)


def _names(item: JsonValue) -> Iterator[str]:
    if item is None or item in ("", [], {}):
        return
    if isinstance(item, str):
        yield item
    elif isinstance(item, list):
        for part in item:
            yield from _names(part)
    elif isinstance(item, dict):
        yield from _of_object(item)
    else:
        yield UNREADABLE


def _of_object(item: dict[str, JsonValue]) -> Iterator[str]:
    named = False
    for key, part in item.items():
        if key.lower() not in _NAMES and key.lower() not in _SINGLE and key.lower() not in _SEVERAL:
            yield from _search(part)  # arguments may ask for further actions
        # OpenAI's calls say `type: function` beside the function itself
        elif not (key == "type" and part == "function" and "function" in item):
            named = True
            yield from _names(part)
    if not named:
        yield UNREADABLE
