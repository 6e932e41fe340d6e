"""Analysts' questions: beside the owner's statements, within limits, and given up when nobody waits for the answer.

Each question gets a handle of its own and runs in whatever thread it is asked in; an insert does not wait for it.
"""

import contextlib
import threading
from dataclasses import dataclass, field
from uuid import uuid4

from streamguard.dev.store.access import ANALYST, Limits, may_set
from streamguard.dev.store.engine import Engine, Handle, Job, Outcome, outcome_of, quoted, setting, using
from streamguard.dev.store.errors import ACCESS_DENIED, UNKNOWN_TABLE, EngineError, from_engine
from streamguard.dev.store.reading import cannot_set, forbidden_functions, read_only, refuse_unless_reading


@dataclass(frozen=True, slots=True)
class Question:
    """A job of an analyst, which can be given up."""

    job: Job
    tag: str = field(default_factory=lambda: uuid4().hex)
    """What the engine's list of running statements knows it by."""
    given_up: threading.Event = field(default_factory=threading.Event)


class Reader:
    """For any thread."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        """Made in the engine's thread. `limits` are those that the engine was opened with."""
        self._engine, self._limits = engine, limits
        handle = engine.open_handle()
        try:
            self._forbidden = forbidden_functions(
                _names(handle, "SELECT name FROM system.table_functions"),
                _names(handle, "SELECT name FROM system.functions"),
            )
        finally:
            handle.close()

    def ask(self, question: Question) -> Outcome:
        """The answer. Blocks for the limits' `max_execution_time` at most. Raises `EngineError`."""
        job = question.job
        if job.data is not None:
            raise read_only()
        for name in job.settings:
            if not may_set(name):
                raise cannot_set(name)
        handle = self._engine.open_handle()
        try:
            statement = _as_read(handle, job.statement)
            refuse_unless_reading(statement, self._forbidden)
            if job.database:
                handle.query(using(job.database))
            handle.query(f"SET ROLE {ANALYST}")
            handle.query(f"SET profile = {quoted(ANALYST)}")
            settings = {**self._limits.settle(job.settings), "log_comment": question.tag, "readonly": "2"}
            handle.query(setting(settings))
            if question.given_up.is_set():
                raise EngineError(394, "Code: 394. DB::Exception: Query was cancelled. (QUERY_WAS_CANCELLED)")
            return outcome_of(handle, statement, job)
        except RuntimeError as error:
            raise _as_refused(from_engine(error)) from None
        finally:
            handle.close()

    def give_up(self, question: Question) -> None:
        """End a question that runs, and keep one from starting. Returns at once; without effect on one that has ended."""
        question.given_up.set()
        handle = self._engine.open_handle()
        with contextlib.closing(handle), contextlib.suppress(RuntimeError):
            handle.query(f"KILL QUERY WHERE Settings['log_comment'] = {quoted(question.tag)} ASYNC")


def _as_refused(error: EngineError) -> EngineError:
    """The engine looks for a table that it does not have among files, which analysts may not read: it is an unknown table."""
    if error.code == ACCESS_DENIED and "READ ON FILE" in error.text:
        return EngineError(UNKNOWN_TABLE, "Code: 60. DB::Exception: There is no such table. (UNKNOWN_TABLE)")
    return error


def _as_read(handle: Handle, statement: str) -> str:
    """The statement as the engine writes it: one, without comments. Raises `EngineError` for what does not parse."""
    try:
        return handle.query(f"SELECT formatQuerySingleLine({quoted(statement)})", "RawBLOB").bytes().decode()
    except RuntimeError as error:
        found = from_engine(error)
        raise EngineError(found.code, found.text.partition(": In scope SELECT formatQuerySingleLine")[0]) from None


def _names(handle: Handle, query: str) -> list[str]:
    return handle.query(query, "TabSeparatedRaw").bytes().decode().split()
