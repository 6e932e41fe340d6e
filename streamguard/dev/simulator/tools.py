"""Which tools a simulated model calls, and with what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from streamguard.dev.simulator.fault_kinds import Fault
from streamguard.dev.simulator.instances import instance

_TWO_AT_ONCE = 0.3


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that may be called, and the JSON Schema of its arguments."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a request says about tools. `forced`: at least one must be called; `named`: this one."""

    known: tuple[Tool, ...] = ()
    forced: bool = False
    named: str | None = None
    one_at_most: bool = False


NO_TOOLS = Tools()


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call of a tool, with its arguments as JSON text, which a fault or the most tokens may have broken."""

    id: str
    name: str
    arguments: str


def uses(asked: Tools, dice: Random, share: float, said: Callable[[], str], fault: Fault | None) -> list[ToolUse]:
    """The calls that the model wants, none where it answers with text. Rolls no dice where there are no tools.

    `share` is how often a model calls a tool that may do as it likes; `said` gives texts for arguments.
    """
    if not asked.known:
        return []
    if not asked.forced and dice.random() >= share:
        return []
    if asked.named is not None:
        chosen = [tool for tool in asked.known if tool.name == asked.named]
    else:
        several = len(asked.known) > 1 and not asked.one_at_most and dice.random() < _TWO_AT_ONCE
        chosen = dice.sample(asked.known, k=2 if several else 1)
    return [ToolUse(f"{dice.getrandbits(96):024x}", tool.name, _arguments(tool, dice, said, fault)) for tool in chosen]


def _arguments(tool: Tool, dice: Random, said: Callable[[], str], fault: Fault | None) -> str:
    if fault is Fault.WRONG_SCHEMA:
        return '{"unexpected":true}'
    made = orjson.dumps(instance(tool.parameters, dice, said)).decode()
    return made[: max(1, len(made) * 2 // 3)] if fault is Fault.BROKEN_JSON else made
