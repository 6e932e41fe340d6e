"""Reading and applying migrations, against a store of a few lines."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from streamguard.analytics.errors import MigrationChanged, StoreTooNew
from streamguard.analytics.migrations import migrate, read_migrations
from streamguard.errors import ConfigError


class Ledger:
    """Knows what was written to the table of migrations, and every statement."""

    def __init__(self, applied: dict[int, str] | None = None) -> None:
        self.applied = applied or {}
        self.statements: list[str] = []

    def command(self, sql: str, settings: dict[str, str | int] | None = None) -> None:
        self.statements.append(sql)
        if sql.startswith("INSERT"):
            version, _, checksum = sql.rpartition("(")[2].rstrip(")").split(", ")
            self.applied[int(version)] = checksum.strip("'")

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        return sorted(self.applied.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("-- why; this\nCREATE a;\n\nCREATE b\n  (x);\n")
    (tmp_path / "0002_second.sql").write_text("-- store: payloads\nCREATE c;\n")
    return tmp_path


def test_statements_end_with_a_semicolon_at_the_end_of_a_line(folder: Path) -> None:
    first, second = read_migrations(folder)
    assert first.statements == ("-- why; this\nCREATE a", "CREATE b\n  (x)")
    assert (first.name, first.target, second.target) == ("0001_first", "outcomes", "payloads")


def test_each_is_applied_once_and_in_order(folder: Path) -> None:
    ledger, migrations = Ledger(), read_migrations(folder)
    assert migrate(ledger, migrations, ("outcomes", "payloads")) == ["0001_first", "0002_second"]
    assert [line for line in ledger.statements if "CREATE a" in line or "CREATE b" in line or "CREATE c" in line] == [
        *migrations[0].statements,
        *migrations[1].statements,
    ]
    assert migrate(ledger, migrations, ("outcomes", "payloads")) == []


def test_a_store_gets_what_is_meant_for_it(folder: Path) -> None:
    outcomes, payloads = Ledger(), Ledger()
    assert migrate(outcomes, read_migrations(folder), ("outcomes",)) == ["0001_first"]
    assert migrate(payloads, read_migrations(folder), ("payloads",)) == ["0002_second"]


def test_an_applied_migration_that_was_edited_is_named(folder: Path) -> None:
    ledger = Ledger()
    migrate(ledger, read_migrations(folder), ("outcomes",))
    (folder / "0001_first.sql").write_text("CREATE something_else;\n")
    before = len(ledger.statements)
    with pytest.raises(MigrationChanged, match="0001_first"):
        migrate(ledger, read_migrations(folder), ("outcomes",))
    assert len(ledger.statements) == before + 1  # the table of migrations, nothing else


def test_a_store_of_a_later_release_is_left_alone(folder: Path) -> None:
    with pytest.raises(StoreTooNew, match=r"0003.*0002"):
        migrate(Ledger({3: "x"}), read_migrations(folder), ("outcomes",))


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("Fourth.sql", "SELECT 1;", "NNNN_title"),
        ("0004_gap.sql", "SELECT 1;", "0003"),
        ("0002_twice.sql", "SELECT 1;", "0003"),
        ("0003_elsewhere.sql", "-- store: attic\nSELECT 1;", "outcomes, payloads"),
    ],
)
def test_files_that_do_not_fit_are_named(folder: Path, name: str, text: str, complaint: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        read_migrations(folder)


def test_the_shipped_migrations_can_be_repeated() -> None:
    for migration in read_migrations():
        for statement in migration.statements:
            changes = [line.split() for line in statement.splitlines() if line.startswith("    ")]
            only_comments = all("COMMENT" in words[:2] for words in changes)  # said again, they say the same
            assert "IF NOT EXISTS" in statement or only_comments, migration.name
