"""Leave for what must not be done by two workers, such as a call that costs money."""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Protocol

from streamguard.intake.contract import Output, Received, StepFunction


class Owns(Protocol):
    """What is needed of an intake."""

    @property
    def passable(self) -> bool:
        """Whether this worker surely owns, at this moment, what the intake has delivered."""
        ...

    async def passage(self) -> None:
        """Return when `passable`; may take long, and may be cancelled."""
        ...


_INTAKE: ContextVar[Owns | None] = ContextVar("intake", default=None)
"""The intake whose step is running."""


async def passage() -> None:
    """Returns when this worker surely owns the record whose step awaits it; at once outside of `within`.

    What asks the models serves the steps of several intakes, whose partitions come and go each by themselves. So which one is
    asked goes with the step, through all that it awaits.
    """
    if (intake := _INTAKE.get()) is not None:
        await intake.passage()


def passable() -> bool:
    """Whether this worker surely owns, at this moment, the record whose step asks; always true outside of `within`."""
    return (intake := _INTAKE.get()) is None or intake.passable


def within(intake: Callable[[], Owns], step: StepFunction) -> StepFunction:
    """The step, with `passage` asking `intake()`."""

    async def owned(record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        token = _INTAKE.set(intake())
        try:
            return await step(record, found)
        finally:
            _INTAKE.reset(token)

    return owned
