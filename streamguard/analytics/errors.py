"""Errors of the store of outcomes.

StreamguardError
└── StoreError               the store did not do what it was asked to; `retriable` tells whether waiting may help
    ├── StoreUnreachable     nobody answers, or too late
    ├── StoreRefuses *       it does not let us in, or we do not trust it; waiting does not help
    ├── StoreTurnedAway      it took rows before and does not let us in any more; a fresh start finds out why
    ├── StoreTooNew          it was written by a later release than this one
    ├── MigrationChanged     a migration that was applied reads differently now
    ├── PlanUnreadable       beside a committed offset stands what no sink of this release wrote
    └── QueryError           a question that the store cannot answer; its message is for the person who asked

The one with a star is a refusal (`streamguard.errors.Refusal`): an operator must change something first.
"""

from streamguard.errors import Refusal, StreamguardError


class StoreError(StreamguardError):
    """The store refused or failed. `code` is a stable word such as `clickhouse_241`; never the server's own text.

    The server's text can quote the data that it was given, so it stays out of logs.
    """

    def __init__(self, code: str, *, retriable: bool) -> None:
        super().__init__(code)
        self.code = code
        self.retriable = retriable


class StoreUnreachable(StoreError):
    """Nobody answers at the store's address, or not in time."""

    def __init__(self, url: str) -> None:
        super().__init__("unreachable", retriable=True)
        self.url = url


class StoreRefuses(StoreError, Refusal):
    """The store does not let us in, or we do not trust it. The message names the store, the user and the key to look at."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, retriable=False)
        self.message = message

    def __str__(self) -> str:
        return self.message


class StoreTurnedAway(StoreError):
    """The store took rows and does not let us in any more. No refusal: a fresh start reads passwords and certificates anew, and
    finds out whether it is one. Says what the store's refusal says."""

    def __init__(self, refusal: StoreRefuses) -> None:
        super().__init__(refusal.code, retriable=False)
        self.message = refusal.message

    def __str__(self) -> str:
        return self.message


class StoreTooNew(StoreError):
    """The store's tables were made by a later release: writing to them could lose columns. Upgrade this program."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__("store_too_new", retriable=False)
        self.found, self.known = found, known

    def __str__(self) -> str:
        return f"the store has migration {self.found:04d}, this release knows up to {self.known:04d}: upgrade it"


class MigrationChanged(StoreError):
    """An applied migration was edited afterwards: nobody can tell any more which tables the store has."""

    def __init__(self, name: str) -> None:
        super().__init__("migration_changed", retriable=False)
        self.name = name

    def __str__(self) -> str:
        return f"migration {self.name} was applied and has changed since: restore it and add a new one instead"


class PlanUnreadable(StoreError):
    """The metadata beside a committed offset is no plan of a sink: it may belong to a range that was written already."""

    def __init__(self, committed: int) -> None:
        super().__init__("plan_unreadable", retriable=False)
        self.committed = committed

    def __str__(self) -> str:
        return f"unreadable metadata beside the committed offset {self.committed}: set the group's offset on purpose"


class QueryError(StoreError):
    """The question is wrong or too big. `message` is the server's, on one line, for the person who asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, retriable=False)
        self.message = message

    def __str__(self) -> str:
        return self.message
