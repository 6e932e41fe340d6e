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

    System messages and the last message always stay. An answer whose question was left out goes with it. `count` is called
    once for all and once for each message left out; it must be additive up to a constant.
    """
    total = count(messages)
    constant = count(())
    if total <= budget:
        return Trimmed(tuple(messages), total, 0, fits=True)
    last = len(messages) - 1
    droppable = [place for place, message in enumerate(messages) if message.role != "system" and place != last]
    dropped: set[int] = set()
    for place in droppable:
        answers_nothing = bool(dropped) and messages[place].role == "assistant"
        if total <= budget and not answers_nothing:
            break
        total -= count((messages[place],)) - constant
        dropped.add(place)
    rest = tuple(message for place, message in enumerate(messages) if place not in dropped)
    return Trimmed(rest, total, len(dropped), fits=total <= budget)
