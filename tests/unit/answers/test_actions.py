"""The allow-list of actions."""

import pytest
from pydantic import JsonValue

from streamguard.answers.actions import UNREADABLE, action_problem, actions_in
from streamguard.events.reason import Reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("refund", ()),
        ({"answer": "refund"}, ()),
        ({"action": "refund"}, ("refund",)),
        ({"action": None, "actions": []}, ()),
        ({"Action": "refund"}, ("refund",)),
        ({"actions": ["refund", {"name": "close", "arguments": {"id": 1}}]}, ("refund", "close")),
        ({"tool_calls": [{"type": "function", "function": {"name": "delete"}}]}, ("delete",)),
        ({"function_call": {"name": "delete", "arguments": "{}"}}, ("delete",)),
        ({"tool": {"type": "search"}}, ("search",)),
        ({"steps": [{"deep": {"action": "refund"}}]}, ("refund",)),
        ({"action": {"name": "a", "arguments": {"action": "b"}}}, ("a", "b")),
        ({"action": 7}, (UNREADABLE,)),
        ({"action": {"id": 7}}, (UNREADABLE,)),
        ([{"action": "a"}, {"action": "b"}], ("a", "b")),
    ],
)
def test_actions_are_found_wherever_they_stand(value: JsonValue, expected: tuple[str, ...]) -> None:
    assert actions_in(value) == expected


def test_what_is_not_on_the_list_is_refused() -> None:
    assert action_problem({"action": "refund"}, ("refund",)) is None
    assert action_problem({"actions": ["refund", "delete"]}, ("refund",)) is Reason.ACTION_NOT_ALLOWED
    assert action_problem({"action": {"id": 7}}, ("refund",)) is Reason.ACTION_NOT_ALLOWED
    assert action_problem({"action": "Refund "}, ("refund",)) is Reason.ACTION_NOT_ALLOWED


def test_an_empty_list_allows_nothing_and_no_list_everything() -> None:
    assert action_problem({"action": "refund"}, ()) is Reason.ACTION_NOT_ALLOWED
    assert action_problem({"answer": "x"}, ()) is None
    assert action_problem({"action": "refund"}, None) is None
