"""The ClickHouse engine in this process: a path belongs to one process, an `Engine` to one thread. `Reader` is for others."""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from streamguard.clock import Clock
from streamguard.dev.store.access import Limits, write_access
from streamguard.dev.store.errors import (
    BAD_ARGUMENTS,
    NOT_ENOUGH_SPACE,
    UNKNOWN_FORMAT,
    UNKNOWN_SETTING,
    EngineError,
    from_engine,
)
from streamguard.dev.store.statement import from_file
from streamguard.errors import InputError

_SETTING = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_OF_PYTHON = frozenset({"arrowtable", "dataframe", "datastore"})
"""What chDB takes for formats and answers with objects of Python instead of bytes."""
_MOST_SESSIONS = 64
_ROOM = 32 << 20  # bytes that stay free on the disk: for merges that are under way
_GROWTH = 4  # how many times its size an insert may need: a part, its merge, and rows that were compressed


@dataclass(frozen=True, slots=True)
class Job:
    """One statement and how to run it.

    `data` is what an INSERT brings, in `format`; for other statements `format` is the answer's, unless they name one.
    `settings` hold for this statement alone. `session` keeps temporary tables and SETs for later statements.
    """

    statement: str
    format: str
    data: bytes | None = None
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    database: str | None = None
    session: str | None = None
    session_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a statement gave, and the engine's counts of it. `elapsed` is in seconds."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed: float = 0.0


class Result(Protocol):
    """What chDB gives."""

    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...
    def bytes_read(self) -> int: ...
    def rows_written(self) -> int: ...
    def bytes_written(self) -> int: ...
    def elapsed(self) -> float: ...


class Handle(Protocol):
    """A connection to the engine: settings, database and temporary tables are its own, data is shared."""

    def query(self, query: str, format: str = ..., params: dict[str, str] | None = ...) -> Result: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class _Session:
    handle: Handle
    until: float


class Engine:
    """Open it, run jobs, close it: all in the same thread, except `open_handle`."""

    def __init__(self, path: Path, clock: Clock, limits: Limits | None = None) -> None:
        """Open the store in the directory `path`, created if need be. `limits` bound what analysts ask.

        Raises `InputError` when chdb is not installed, when another process has the store open, or when it does not open.
        """
        try:
            import chdb
        except ImportError:
            raise InputError("the embedded store needs chdb: pip install 'streamguard[embedded]'") from None
        self._connect = cast("Any", chdb).connect
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        path = path.resolve()
        quiet = path / "work"  # the engine reads the config.xml of its working directory
        try:
            quiet.mkdir(parents=True, exist_ok=True)
            self._lock = (path / "owner.lock").open("a")
        except OSError as error:
            raise InputError(f"the store's path cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise InputError("the store is open in another process: one process owns one path") from None
        self._path = str(path / "data")
        try:
            write_access(quiet, limits or Limits())
            with contextlib.chdir(quiet):
                self._root = self.open_handle()
        except OSError as error:
            self._lock.close()
            raise InputError(f"the store's path cannot be used: {error.strerror}") from error
        except EngineError as error:
            self._lock.close()
            raise InputError(f"the store does not open ({error}): is the path one of its own?") from error
        found = self._root.query("SELECT version(), timezone()", "TabSeparated").bytes()
        self.version, self.timezone = found.decode().rstrip("\n").split("\t")

    def close(self) -> None:
        """Write what is left and let go of the path."""
        for session in self._sessions.values():
            session.handle.close()
        self._sessions.clear()
        self._root.close()
        self._lock.close()

    def run(self, job: Job) -> Outcome:
        """Run one statement. Raises `EngineError`."""
        with self._handle(job) as handle:
            try:
                return self._run(handle, job)
            except RuntimeError as error:
                raise from_engine(error) from None

    def _run(self, handle: Handle, job: Job) -> Outcome:
        settings = dict(job.settings)
        set_them = setting(settings) if settings else ""
        if job.database:
            handle.query(using(job.database))
        try:
            if set_them:
                handle.query(set_them)
            if job.data is not None:
                self._make_sure_of_room(len(job.data))
                return _insert(handle, job.statement, job.format, job.data)
            return outcome_of(handle, job.statement, job)
        finally:
            if settings and job.session is not None and not _fresh(job):
                _reset(handle, list(settings))

    @contextlib.contextmanager
    def _handle(self, job: Job) -> Generator[Handle]:
        """A session's handle, or a fresh one for this job alone. Who sets readonly gets a fresh one: there is no way back."""
        now = self._clock.monotonic()
        for name in [name for name, session in self._sessions.items() if session.until < now]:
            self._sessions.pop(name).handle.close()
        if job.session is None or _fresh(job):
            handle = self.open_handle()
            try:
                yield handle
            finally:
                handle.close()
            return
        session = self._sessions.pop(job.session, None) or _Session(self.open_handle(), now)
        session.until = now + job.session_seconds
        self._sessions[job.session] = session
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.pop(next(iter(self._sessions))).handle.close()
        yield session.handle

    def _make_sure_of_room(self, size: int) -> None:
        """Refuse an insert of `size` bytes, as ClickHouse would, while the disk is nearly full. Raises `EngineError`.

        The engine itself looks for room only roughly, and does not hear a write that fails: it would acknowledge the insert
        and leave a part that makes the whole table unreadable.
        """
        disk = os.statvfs(self._path)
        if disk.f_bavail * disk.f_frsize < _ROOM + _GROWTH * size:
            raise EngineError(NOT_ENOUGH_SPACE, "Code: 243. DB::Exception: the disk is nearly full. (NOT_ENOUGH_SPACE)")

    def open_handle(self) -> Handle:
        """A further handle, for any one thread at a time: handles do not wait for each other. Raises `EngineError`."""
        try:
            return cast("Handle", self._connect(self._path))
        except RuntimeError as error:
            raise from_engine(error) from None


def _fresh(job: Job) -> bool:
    """Whether a job must not touch a session's handle: what is read-only once stays so."""
    return "readonly" in job.settings


def _reset(handle: Handle, names: list[str]) -> None:
    try:
        handle.query("SET " + ", ".join(f"{name} = DEFAULT" for name in names))
    except RuntimeError:
        for name in names:
            with contextlib.suppress(RuntimeError):  # one that does not exist was not set either
                handle.query(f"SET {name} = DEFAULT")


def outcome_of(handle: Handle, statement: str, job: Job) -> Outcome:
    """Run `statement` in place of the job's, in its format and with its parameters. Raises `EngineError`, `RuntimeError`."""
    if job.format.lower() in _OF_PYTHON:
        raise EngineError(UNKNOWN_FORMAT, "Code: 73. DB::Exception: Unknown format. (UNKNOWN_FORMAT)")
    try:
        result = handle.query(statement, job.format, dict(job.parameters))
    except ValueError as error:
        raise EngineError(BAD_ARGUMENTS, "the statement or a parameter cannot be given to the engine") from error
    return Outcome(
        body=result.bytes(),
        read_rows=result.rows_read(),
        read_bytes=result.bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        elapsed=result.elapsed(),
    )


def _insert(handle: Handle, statement: str, format_name: str, data: bytes) -> Outcome:
    """All of `data`, or nothing when it does not parse (tried up to 2.5 million rows) or cannot be stored.

    Not by the engine's streaming inserter: what goes wrong when that one commits (no space, a violated constraint) it keeps
    to itself, and reports the rows as written.
    """
    with _file(data) as path:
        result = handle.query(from_file(statement, path, format_name))
    return Outcome(
        body=b"", written_rows=result.rows_written(), written_bytes=result.bytes_written(), elapsed=result.elapsed()
    )


@contextlib.contextmanager
def _file(data: bytes) -> Generator[str]:
    """A path at which the engine reads `data`: in memory where that can be, for the disk may be what is full."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("insert"), "wb") as file:  # noqa: PTH123 - it has a descriptor, not a path
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.name


def using(database: str) -> str:
    """The statement that makes it the current database."""
    return "USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`"


def setting(settings: Mapping[str, str]) -> str:
    """The statement that sets them. Raises `EngineError` when a name is none: it would be read as a part of the statement, or
    as another one."""
    if any(not _SETTING.fullmatch(name) for name in settings):
        raise EngineError(UNKNOWN_SETTING, "Code: 115. DB::Exception: a setting's name is a word. (UNKNOWN_SETTING)")
    return "SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())


def quoted(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
