"""What the demo shows while it runs, on standard error: a live line on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from streamguard.cli.demo.figures import Figures
from streamguard.clock import Clock

_LINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the run is."""

    ended: int
    figures: Figures

    def words(self) -> str:
        """`612 answered, 80 refused · 214 cached · 21 retries · 9 fallbacks`"""
        figures = self.figures
        ends = ", ".join(f"{count:,} {status}" for status, count in sorted(figures.statuses.items())) or "nothing yet"
        hits = figures.cache["exact"] + figures.cache["semantic"]
        return f"{ends} · {hits:,} cached · {figures.retries} retries · {figures.fallbacks} fallbacks"


class Show(Protocol):
    """Where the run tells what it does. Entered once, before anything else is called."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def step(self, words: str) -> None:
        """A new part of the run has begun, or something worth telling happened."""
        ...

    def standing(self, standing: Standing) -> None:
        """Called a few times a second."""
        ...


class Live:
    """For a terminal."""

    def __init__(self, total: int, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=30)),
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            console=console,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, words: str) -> None:
        self._console.print(f"[dim]{words}[/dim]", highlight=False)

    def standing(self, standing: Standing) -> None:
        self._progress.update(self._task, completed=standing.ended, description=standing.words())


class Plain:
    """For logs and pipes: a line for each step, and one every few seconds while requests travel."""

    def __init__(self, total: int, clock: Clock, write: Callable[[str], object]) -> None:
        self._total = total
        self._clock = clock
        self._write = write
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, words: str) -> None:
        self._write(words + "\n")

    def standing(self, standing: Standing) -> None:
        if standing.ended and self._clock.monotonic() >= self._next:
            self._next = self._clock.monotonic() + _LINE_SECONDS
            self._write(f"{standing.ended:,} of {self._total:,}: {standing.words()}\n")


def show_on_stderr(total: int, clock: Clock) -> Show:
    """The one that fits where standard error goes."""
    console = Console(stderr=True)
    return Live(total, console) if console.is_terminal else Plain(total, clock, sys.stderr.write)
