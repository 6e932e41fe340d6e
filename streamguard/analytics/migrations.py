"""The store's tables: numbered files of SQL, applied once each, in order.

A file is named `NNNN_title.sql`; its statements end with a semicolon at the end of a line. A line `-- store: payloads`
sends it to the store of texts. What was applied is written to the table `migrations`, with a checksum of the file.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from streamguard.analytics.errors import MigrationChanged, StoreTooNew
from streamguard.errors import ConfigError
from streamguard.resources import resource_dir

Target = Literal["outcomes", "payloads"]
"""Which store: the one of outcomes, or the one of texts. One server may be both."""

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_TARGET = re.compile(r"^-- store: (\S+)$", re.MULTILINE)
_TARGETS: dict[str, Target] = {"outcomes": "outcomes", "payloads": "payloads"}

_TABLE = """CREATE TABLE IF NOT EXISTS migrations
(
    version UInt32,
    title String,
    checksum String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY version
SETTINGS non_replicated_deduplication_window = 1000"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `checksum` is over its text; `statements` are without their semicolons."""

    version: int
    title: str
    target: Target
    statements: tuple[str, ...]
    checksum: str

    @property
    def name(self) -> str:
        return f"{self.version:04d}_{self.title}"


class Session(Protocol):
    """A connection to a store with its database chosen. Both may block and may raise `StoreError`."""

    def command(self, sql: str, settings: dict[str, str | int] | None = None) -> None: ...

    def rows(self, sql: str) -> Sequence[Sequence[object]]: ...


def read_migrations(folder: Path | None = None) -> tuple[Migration, ...]:
    """All migrations in their order; without a folder, those shipped with the package.

    Raises `ConfigError` naming a file with a wrong name, an unknown store or a number that is missing or taken.
    """
    found = tuple(_read(file) for file in sorted((folder or resource_dir("schemas/clickhouse")).glob("*.sql")))
    for expected, migration in enumerate(found, start=1):
        if migration.version != expected:
            raise ConfigError(f"migration {migration.name}: its number must be {expected:04d}, the next one")
    return found


def migrate(session: Session, migrations: Sequence[Migration], targets: Sequence[Target]) -> list[str]:
    """Bring a store up to date and return the names of what was applied now; nothing to do is no error.

    Statements must bear being repeated (`IF NOT EXISTS`): after a crash in the middle of a file it runs again. Raises
    `MigrationChanged` and `StoreTooNew` before anything is written, and what the session raises.
    """
    session.command(_TABLE)
    applied = {int(str(version)): str(checksum) for version, checksum in session.rows(_APPLIED)}
    if applied and max(applied) > len(migrations):
        raise StoreTooNew(max(applied), len(migrations))
    mine = [migration for migration in migrations if migration.target in targets]
    for migration in mine:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise MigrationChanged(migration.name)
    done: list[str] = []
    for migration in mine:
        if migration.version not in applied:
            _apply(session.command, migration)
            done.append(migration.name)
    return done


_APPLIED = "SELECT version, any(checksum) FROM migrations GROUP BY version ORDER BY version"


def _apply(command: Callable[[str, dict[str, str | int] | None], None], migration: Migration) -> None:
    for statement in migration.statements:
        command(statement, None)
    # the token lets two workers that start together write one row
    command(
        f"INSERT INTO migrations (version, title, checksum) VALUES ({migration.version}, '{migration.title}', "
        f"'{migration.checksum}')",
        {"insert_deduplication_token": migration.name, "async_insert": 0},
    )


def _read(file: Path) -> Migration:
    named = _NAME.fullmatch(file.name)
    if named is None:
        raise ConfigError(f"{file.name}: a migration is named NNNN_title.sql, in lower case")
    text = file.read_text()
    declared = _TARGET.search(text)
    target = _TARGETS.get(declared[1]) if declared else "outcomes"
    if target is None:
        raise ConfigError(f"{file.name}: there is no such store; there are {', '.join(_TARGETS)}")
    statements = tuple(part.strip() for part in re.split(r";[ \t]*(?:\n|\Z)", text) if _has_code(part))
    return Migration(int(named[1]), named[2], target, statements, hashlib.sha256(text.encode()).hexdigest())


def _has_code(statement: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in statement.splitlines())
