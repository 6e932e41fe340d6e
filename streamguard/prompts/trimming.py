"""Fitting a prompt into a number of tokens by leaving out the oldest of the talk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamguard.events.request import Message


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What is left, its tokens, and how many messages were left out. `fits` is False when even the rest is too long."""

    messages: tuple[Message, ...]
    tokens: int
    dropped: int
    fits: bool


def trim(messages: Sequence[Message], budget: int, count: Callable[[Sequence[Message]], int]) -> Trimmed:
    """Leave out the oldest messages until `count` of the rest is at most `budget`.

    System messages and the last message always stay; where that is what a tool answered, the calls it belongs to and the question
    behind them stay too. An answer whose question was left out goes with it. Calls of tools and what the tools answered are left
    out together: providers refuse one without the other. `count` is called once for all and once for each message left out; it
    must be additive up to a constant.
    """
    total = count(messages)
    constant = count(())
    if total <= budget:
        return Trimmed(tuple(messages), total, 0, fits=True)
    last = len(messages) - 1
    kept = _question(messages) if messages[last].role == "tool" else None
    dropped: set[int] = set()
    question: int | None = None
    for unit in _units(messages):
        if messages[unit[0]].role == "user":
            question = unit[0]
        if last in unit or kept in unit:
            continue
        answers_nothing = messages[unit[0]].role == "assistant" and (
            bool(dropped) if question is None else question in dropped
        )
        if total <= budget and not answers_nothing:
            break
        for place in unit:
            total -= count((messages[place],)) - constant
            dropped.add(place)
    rest = tuple(message for place, message in enumerate(messages) if place not in dropped)
    return Trimmed(rest, total, len(dropped), fits=total <= budget)


def _question(messages: Sequence[Message]) -> int | None:
    """The place of the last message of a user."""
    return next((place for place in reversed(range(len(messages))) if messages[place].role == "user"), None)


def _units(messages: Sequence[Message]) -> list[list[int]]:
    """The places of the talk, with those together that stay or go together."""
    units: list[list[int]] = []
    for place, message in enumerate(messages):
        if message.role == "tool" and units:
            units[-1].append(place)
        elif message.role != "system":
            units.append([place])
    return units
