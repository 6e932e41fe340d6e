"""Who may do what in the embedded engine: the owner everything, analysts only read, within limits.

The engine reads users, roles and profiles from files at its start, as a ClickHouse server does. It has one user, so an analyst's
handle takes the role and the profile `analyst` before it runs anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from xml.sax.saxutils import escape

ANALYST = "analyst"
"""Name of the role (what may be read) and of the profile (the limits)."""

_UNCHANGEABLE = (
    "format_schema",
    "format_schema_source",
    "format_template_resultset",
    "format_template_row",
    "input_format_record_errors_file_path",
    "output_format_schema",
)
"""Settings that name files which a format reads or writes."""
_FREE = frozenset(
    {
        *("aggregate_functions_null_for_empty", "extremes"),
        *(
            "date_time_input_format",
            "date_time_output_format",
            "distinct_overflow_mode",
            "enable_analyzer",
            "final",
            "group_by_overflow_mode",
        ),
        *("group_by_use_nulls", "join_algorithm", "join_overflow_mode", "join_use_nulls", "limit", "offset"),
        *("max_block_size", "max_rows_to_group_by", "format_csv_delimiter", "prefer_column_name_to_alias"),
        *("read_overflow_mode", "result_overflow_mode", "session_timezone", "sort_overflow_mode"),
        *("timeout_overflow_mode", "transform_null_in", "union_default_mode", "use_query_condition_cache"),
    }
)
_FREE_KINDS = ("allow_experimental_", "cast_", "input_format_", "optimize_", "output_format_")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one question of an analyst may take, under the names of ClickHouse's settings.

    A question may ask for less. More than `running` at once wait, `waiting` at most; what comes then is refused.
    """

    max_execution_time: float = 30.0
    """Seconds."""
    max_result_rows: int = 1_000_000
    max_result_bytes: int = 256 << 20
    max_rows_to_read: int = 2_000_000_000
    max_bytes_to_read: int = 64 << 30
    max_memory_usage: int = 2 << 30
    max_threads: int = 2
    running: int = 2
    waiting: int = 64

    def settings(self) -> dict[str, float]:
        """Each limit by its setting."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name.startswith("max_")}

    def settle(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The settings to run with: all limits, lowered where less is `asked` for, and what else of it may be set at all.

        What is not in the list has to be refused before (`may_set`), so it counts as asked for by mistake: `KeyError`.
        """
        settled = {name: _text(most) for name, most in self.settings().items()}
        for name, value in asked.items():
            if not may_set(name):
                raise KeyError(name)
            settled[name] = _lower(value, settled[name]) if name in settled else value
        return settled


def may_set(name: str) -> bool:
    """Whether analysts may give a setting a value: limits, the form of answers, and how questions are read. Nothing that names
    a file, an address, a user or a profile, or holds an expression."""
    return name not in _UNCHANGEABLE and (name in _FREE or name in _LIMITS or name.startswith(_FREE_KINDS))


def write_access(folder: Path, limits: Limits) -> None:
    """Write the files that the engine reads when it is opened with `folder` as its working directory. Raises `OSError`."""
    users = folder / "users.xml"
    _write(users, "\n".join(_users(limits)) + "\n")
    named = escape(str(users.resolve()))
    _write(folder / "config.xml", f"<clickhouse><users_config>{named}</users_config></clickhouse>\n")


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and not when it is there already: the disk may be full, and a store that has rows must open then."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


def _users(limits: Limits) -> Iterator[str]:
    yield "<clickhouse>"
    yield f"<profiles><default/><{ANALYST}><constraints>"
    for name, most in limits.settings().items():  # 0 would mean no limit
        yield f"<{name}><min>{0.001 if isinstance(most, float) else 1}</min><max>{_text(most)}</max></{name}>"
    for name in _UNCHANGEABLE:
        yield f"<{name}><readonly/></{name}>"
    yield f"</constraints></{ANALYST}></profiles><quotas><default/></quotas>"
    yield "<roles><owner><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></owner>"
    yield f"<{ANALYST}><grants><query>GRANT SELECT, SHOW ON *.*</query></grants></{ANALYST}></roles>"
    yield "<users><default><password></password><networks><ip>::/0</ip></networks>"
    yield "<profile>default</profile><quota>default</quota>"
    yield f"<grants><query>GRANT owner</query><query>GRANT {ANALYST}</query></grants></default></users>"
    yield "</clickhouse>"


def _lower(asked: str, most: str) -> str:
    """The lower of two limits; 0 and less is no limit, so it is the most, as is what is no number."""
    try:
        wanted = float(asked)
    except ValueError:
        return most
    return asked if 0 < wanted < float(most) else most


def _text(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


_LIMITS = frozenset(field.name for field in fields(Limits) if field.name.startswith("max_"))
