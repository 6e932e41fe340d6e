"""What all commands of `streamguard dlq` share: which line is meant, which letters, and errors in one line."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from streamguard import config
from streamguard.clock import SystemClock
from streamguard.config import Config
from streamguard.errors import InputError
from streamguard.intake.settings import Settings
from streamguard.stream.dead_letters_choice import Choice, parse_place, parse_time
from streamguard.stream.dead_letters_log import LetterLog, in_one_line
from streamguard.stream.dead_letters_sole import Sole
from streamguard.stream.flow import group_name
from streamguard.stream.needs import letters_needs
from streamguard.stream.topics import DEAD_LETTERS, DLQ_DECISIONS, Topics

R = TypeVar("R")
Command = TypeVar("Command", bound=Callable[..., Any])


class Filters(TypedDict):
    """What the options of `filters` hold."""

    stages: tuple[str, ...]
    codes: tuple[str, ...]
    tenants: tuple[str, ...]
    since: str | None
    until: str | None


def filters(command: Command) -> Command:
    """The options that choose letters."""
    options = (
        click.option(
            "--stage", "stages", multiple=True, metavar="NAME", help="Found by this stage, or `sink`; repeatable."
        ),
        click.option(
            "--code", "codes", multiple=True, metavar="CODE", help="With this code, as `list` has it; repeatable."
        ),
        click.option(
            "--tenant", "tenants", multiple=True, metavar="ID", help="Of this tenant, where known; repeatable."
        ),
        click.option("--since", metavar="TIME", help="At or after TIME: 2h, 7d, or 2026-11-21T09:30 (UTC)."),
        click.option("--until", metavar="TIME", help="Before TIME."),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the N oldest of them."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True)
class Line:
    """The line whose dead letters are meant."""

    config: Config
    topics: Topics

    @classmethod
    def load(cls, file: Path | None) -> "Line":
        """Raises ConfigError."""
        for name in ("aiokafka", "streamguard"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told here, in one line
        loaded = config.load(file)
        return cls(loaded, Topics.load(loaded.kafka.prefix))

    @cached_property
    def settings(self) -> Settings:
        """Of all clients. Raises ConfigError for a password or certificate that cannot be read."""
        kafka = self.config.kafka
        return Settings(
            cluster=kafka.cluster(),
            group=group_name(kafka.prefix, "dlq"),
            instance="dlq",  # the same for all: that is what keeps a second one out
            lock_dir=self.config.worker.lock_dir,
            session=kafka.session,
            stall=kafka.stall,
        )

    def log(self, *, deciding: bool = False) -> LetterLog:
        """Where letters and decisions are read. Not entered yet."""
        return LetterLog(self.settings, self.topics, SystemClock(), letters_needs(self.topics, deciding=deciding))

    def sole(self, log: LetterLog) -> Sole:
        """The right to decide. Not entered yet. Raises InputError when there is no topic for decisions."""
        topic = self.topics.full(DLQ_DECISIONS)
        if not log.counts.get(topic):
            raise InputError(f"there is no topic {topic}; create it as topics/{DLQ_DECISIONS}.toml says")
        return Sole(self.settings, topic, SystemClock())

    def choice(self, places: Sequence[str], chosen: Filters) -> Choice:
        """Raises InputError."""
        now, full = SystemClock().now_us(), self.topics.full(DEAD_LETTERS)
        return Choice(
            stages=frozenset(chosen["stages"]),
            codes=frozenset(chosen["codes"]),
            tenants=frozenset(chosen["tenants"]),
            since=parse_time(chosen["since"], now) if chosen["since"] else None,
            until=parse_time(chosen["until"], now) if chosen["until"] else None,
            places=frozenset(parse_place(place, full, DEAD_LETTERS) for place in places),
        )


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run it. Raises InputError for what Kafka says."""
    with in_one_line():
        return asyncio.run(work)


def say(line: str) -> None:
    """Tell on stderr."""
    click.echo(f"streamguard: {line}", err=True)
