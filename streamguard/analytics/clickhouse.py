"""The adapter to ClickHouse over HTTP: one client, used from one thread of its own, errors translated here and only here."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DataError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
)
from urllib3.exceptions import HTTPError

from streamguard.analytics.errors import QueryError, StoreError, StoreRefuses, StoreUnreachable
from streamguard.analytics.migrations import Migration, Target, migrate
from streamguard.analytics.refusals import NO_RIGHT, by_code, by_connection
from streamguard.analytics.rows import Row
from streamguard.config import ClickHouse, store_address
from streamguard.errors import ConfigError

T = TypeVar("T")

_HOPELESS = frozenset(
    {
        *(16, 36, 43, 44, 46, 47, 48, 50, 53, 60, 62, 70, 81, 115, 117),  # it does not know what we speak of
        *(192, 193, 194, 291, 306, 497, 516),  # it does not let us
    }
)
"""Codes of the server that waiting does not mend: unknown tables, columns, types, settings; wrong values; no access."""

_EXACTLY_ONCE: Mapping[str, str | int] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_partitions_per_insert_block": 0,  # late records may lie in many days; to refuse them would stop the sink
}


class _Client(Protocol):
    """What is used of clickhouse-connect's client, whose own annotations are incomplete."""

    database: str | None
    server_settings: Mapping[str, Any]

    def command(self, cmd: str, settings: dict[str, Any] | None = None) -> object: ...
    def query(
        self, query: str, parameters: dict[str, Any] | None = None, settings: dict[str, Any] | None = None
    ) -> Any: ...
    def insert(self, table: str, data: Any, **options: Any) -> object: ...
    def close(self) -> None: ...


class Connection:
    """A blocking connection. Every method may raise `StoreError`; after `StoreUnreachable` the same object may be used again."""

    def __init__(
        self, config: ClickHouse, url: str, *, timeout: float | None = None, database: str | None = None
    ) -> None:
        """`timeout` in seconds, for each answer. `timeout` and `database` None are the configured ones. Connects at first use.

        Raises `ConfigError` when the password or the certificates cannot be read.
        """
        self.url = url
        self._config, self._timeout = config, config.timeout if timeout is None else timeout
        self._password, self._ca_file = config.secret(), config.authorities()
        self._database = database or config.database
        self._made: _Client | None = None
        self._types: dict[str, dict[str, str]] = {}

    def command(self, sql: str, settings: dict[str, str | int] | None = None) -> None:
        """Run a statement without an answer."""
        self._guarded(lambda client: client.command(sql, settings=settings))

    def rows(self, sql: str) -> Sequence[Sequence[object]]:
        """The rows of an answer."""
        return self.answer(sql)[1]

    def answer(
        self, sql: str, settings: dict[str, str | int] | None = None, parameters: Mapping[str, Any] | None = None
    ) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        """The names of an answer's columns, and its rows. `parameters` are the values of `{name:Type}` in the statement."""
        given = dict(parameters) if parameters else None
        result = self._guarded(lambda client: client.query(sql, parameters=given, settings=settings))
        return result.column_names, result.result_rows

    def ask(
        self, sql: str, settings: dict[str, str | int], parameters: Mapping[str, Any] | None = None
    ) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        """As `answer`, for a person's own question: raises `QueryError` with the server's words about it.

        Settings that the server lets this user not change are left out: who may only read need not ask for it.
        """
        try:
            known = self._guarded(lambda client: client.server_settings)
            settings = {name: value for name, value in settings.items() if not _fixed(known.get(name))}
            return self.answer(sql, settings, parameters)
        except StoreError as error:
            cause = error.__cause__
            if isinstance(cause, DataError | InternalError | NotSupportedError | ProgrammingError):
                # the server answered, with what the client library cannot read (or could not ask)
                raise QueryError("client", _one_line(str(cause))) from None
            let_in = not isinstance(error, StoreRefuses) or error.code == NO_RIGHT
            if isinstance(error, StoreUnreachable) or not isinstance(cause, ClickHouseError) or not let_in:
                raise
            raise QueryError(error.code, _one_line(str(cause))) from None

    def create_database(self) -> None:
        """Make the configured database where there is none."""
        self._guarded(lambda client: client.command(f"CREATE DATABASE IF NOT EXISTS {self._database}"), database=None)

    def insert(self, table: str, rows: Sequence[Row], token: str) -> None:
        """Write rows once: a second insert under the same token changes nothing. Confirmed when it returns."""
        if not rows:
            return
        names = list(rows[0])
        known = self._types.get(table) or self._describe(table)
        if unknown := [name for name in names if name not in known]:
            raise StoreError(f"no_column_{table}_{unknown[0]}", retriable=False)
        columns = [list(column) for column in zip(*(row.values() for row in rows), strict=True)]
        self._guarded(
            lambda client: client.insert(
                table,
                columns,
                column_names=names,
                column_type_names=[known[name] for name in names],
                column_oriented=True,
                settings={**_EXACTLY_ONCE, "insert_deduplication_token": token},
            )
        )

    def close(self) -> None:
        """Closing twice does nothing."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def _describe(self, table: str) -> dict[str, str]:
        self._types[table] = {str(row[0]): str(row[1]) for row in self.rows(f"DESCRIBE TABLE {table}")}
        return self._types[table]

    def _guarded(self, use: Callable[[_Client], T], *, database: str | None = "") -> T:
        """The one boundary: whatever the client library or the network raises leaves as a `StoreError`."""
        try:
            client = self._client()
            client.database = self._database if database == "" else database
            return use(client)
        except ClickHouseError as error:
            code = getattr(error, "code", None)
            if isinstance(error.__cause__, HTTPError | OSError) or code is None:
                self.close()
                raise by_connection(error, self.url) or StoreUnreachable(self.url) from error
            if (refusal := by_code(code, self.url, self._config.username)) is not None:
                raise refusal from error
            raise StoreError(f"clickhouse_{code}", retriable=code not in _HOPELESS) from error
        except (HTTPError, OSError) as error:
            self.close()
            raise by_connection(error, self.url) or StoreUnreachable(self.url) from error

    def _client(self) -> _Client:
        if self._made is None:
            try:
                parts = urlsplit(store_address(self.url))
            except ValueError as error:
                raise ConfigError(f"the address of a store {error}") from None
            self._made = cast(
                "_Client",
                clickhouse_connect.get_client(
                    host=parts.hostname,
                    port=parts.port or (8443 if parts.scheme == "https" else 8123),
                    secure=parts.scheme == "https",
                    username=self._config.username,
                    password=self._password.get_secret_value(),
                    ca_cert=self._ca_file,
                    compress=False,
                    query_limit=0,
                    connect_timeout=min(5.0, self._timeout),
                    send_receive_timeout=self._timeout,
                    query_retries=0,
                    autogenerate_session_id=False,
                ),
            )
        return self._made


class Store:
    """A `Connection` for the event loop: its calls run in one thread, in order. Raises what the connection raises."""

    def __init__(self, connection: Connection, targets: Sequence[Target]) -> None:
        self.targets = tuple(targets)
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    @property
    def url(self) -> str:
        return self._connection.url

    async def prepare(self, migrations: Sequence[Migration]) -> list[str]:
        """Make database and tables, or bring them up to date; returns the names of the migrations applied now."""

        def run() -> list[str]:
            self._connection.create_database()
            return migrate(self._connection, migrations, self.targets)

        return await self._in_thread(run)

    async def insert(self, tables: Mapping[str, Sequence[Row]], token: str) -> None:
        """Write the rows of several tables, each once under the token and the table's name."""

        def run() -> None:
            for table, rows in tables.items():
                self._connection.insert(table, rows, f"{token}:{table}")

        await self._in_thread(run)

    async def rows(self, sql: str) -> Sequence[Sequence[object]]:
        """The rows of an answer."""
        return await self._in_thread(lambda: self._connection.rows(sql))

    async def close(self) -> None:
        """Wait for what is under way, then close."""
        await self._in_thread(self._connection.close)
        self._thread.shutdown()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def stores(config: ClickHouse) -> Mapping[Target, Store]:
    """The store of each target; one object for both where one server is both. Nothing is connected yet."""
    if config.payloads_url is None:
        both = Store(Connection(config, config.url), ("outcomes", "payloads"))
        return {"outcomes": both, "payloads": both}
    return {
        "outcomes": Store(Connection(config, config.url), ("outcomes",)),
        "payloads": Store(Connection(config, config.payloads_url), ("payloads",)),
    }


def _fixed(setting: Any) -> bool:
    """Whether the server says of a setting that its value stays."""
    return setting is not None and bool(setting.readonly)


def _one_line(message: str) -> str:
    """The server's own words, without what the client library and the server put around them: codes, address, version, stack,
    and every word that a statement could have gone on with."""
    line = " ".join(message.split()).rpartition("DB::Exception: ")[2]
    for ending in (" (version ", " Stack trace:", ". Expected one of:"):
        line = line.partition(ending)[0]
    return line[:500]
