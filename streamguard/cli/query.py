"""`streamguard query`: a question in SQL, an answer as a table or as JSON."""

import ast
import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamguard import config
from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.errors import QueryError, StoreError, StoreRefuses, StoreUnreachable
from streamguard.cli.addresses import where_named
from streamguard.cli.terminal import visible
from streamguard.config import ClickHouse
from streamguard.errors import InputError

MOST_ROWS = 1000
SECONDS = 30
_ADDRESSES = ("read_url", "payloads_read_url", "payloads_url", "url")
"""Keys that may name the store that is asked."""
_UNKNOWN_TABLE = 60  # ClickHouse's code
_SYNTAX_ERROR = 62  # ClickHouse's code
_OWN_FORMAT = re.compile(r"\bFORMAT\s+\w+$", re.IGNORECASE)
Answer = tuple[Sequence[str], Sequence[Sequence[object]], bool]
"""Names of columns, rows, and whether there were more."""


@click.command()
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row, one a line; costs as text, exactly.")
@click.option("--payloads", is_flag=True, help="Ask the store of texts (table payloads), where that is one of its own.")
@click.option("--url", help="Address of the store, http://HOST:PORT; default: the configured one, for reading.")
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    help="Directory of an embedded store that is not running; it is opened for this question.",
)
@click.option(
    "--rows", type=click.IntRange(1, 1_000_000), default=MOST_ROWS, show_default=True, help="At most so many."
)
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", help="Value of {NAME:Type} in SQL; repeatable.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Configuration file (TOML).")
def query(
    sql: str,
    as_json: bool,
    payloads: bool,
    url: str | None,
    path: Path | None,
    rows: int,
    given: tuple[str, ...],
    config_file: Path | None,
) -> None:
    """Ask the store in SQL; it changes nothing. Tables: requests, calls, verdicts; and payloads, with --payloads.

    \b
    Examples:
      streamguard query "SELECT status, reason, count() FROM requests GROUP BY ALL ORDER BY 3 DESC"
      streamguard query "SELECT request_model, sum(cost) FROM calls GROUP BY 1" --json
      streamguard query --param tenant=acme "SELECT sum(cost) FROM requests WHERE tenant_id = {tenant:String}"
      streamguard query --payloads "SELECT tenant_id, count() FROM payloads GROUP BY 1"
    """
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # its errors are told here, in one line
    loaded = config.load(config_file)
    named = [option for option, given in (("--payloads", payloads), ("--url", url), ("--path", path)) if given]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} name {len(named)} stores; give one of them")
    settings, parameters = loaded.clickhouse, dict(_parameter(text) for text in given)
    if path is None:
        asked = url or (settings.payloads_questions_url if payloads else settings.questions_url)
        columns, answer, cut = ask(settings, asked, sql, rows, parameters)
    elif not _is_store(path):  # opened, the folder would be made one
        there = f"; there is one in {path / 'store'}" if _is_store(path / "store") else ""
        hint = there or "; `streamguard demo` leaves one behind and names it"
        raise InputError(f"{path}: there is no store{hint}")
    else:
        columns, answer, cut = asyncio.run(ask_path(settings, path, sql, rows, parameters))
    if as_json:
        for row in answer:
            values = dict(zip(columns, map(_plain, row), strict=True))
            click.echo(orjson.dumps(values, default=str, option=orjson.OPT_UTC_Z))
    elif answer:
        show(columns, answer)
    else:
        click.echo("streamguard: no rows", err=True)
    if cut:
        click.echo(f"streamguard: only the first {rows} rows; --rows gives more", err=True)


def ask(settings: ClickHouse, url: str, sql: str, rows: int, parameters: Mapping[str, str] | None = None) -> Answer:
    """Columns, rows and whether there were more. Raises `InputError`, one line that says what to do."""
    statement = sql.strip().rstrip(";").strip()
    if not statement:
        raise InputError('there is no question; try "SELECT count() FROM requests"')
    try:
        "".join((statement, *(parameters or {}).values())).encode()
    except UnicodeEncodeError:
        raise InputError("the question or a parameter is no UTF-8 text") from None
    connection = Connection(settings, url, timeout=SECONDS + 5.0)
    limits = {
        "readonly": 1,
        "max_execution_time": SECONDS,
        "max_result_rows": rows + 1,
        "result_overflow_mode": "break",
    }
    try:
        columns, answer = connection.ask(statement, dict(limits), _values(statement, parameters or {}))
    except QueryError as error:
        raise InputError(f"the store cannot answer: {error}{_hint(settings, url, statement, error)}") from None
    except StoreRefuses as error:
        raise InputError(str(error)) from None
    except StoreUnreachable:
        keys = [key for key in _ADDRESSES if getattr(settings, key) == url]
        named = (
            where_named(settings, keys[0]) if keys else "start one with `streamguard store`, or name another with --url"
        )
        raise InputError(f"no store answers at {url}; {named}") from None
    except StoreError as error:
        raise InputError(f"the store at {url} failed: {error.code}") from None
    finally:
        connection.close()
    return columns, answer[:rows], len(answer) > rows


def _is_store(path: Path) -> bool:
    """Whether an embedded store was ever opened there."""
    return (path / "owner.lock").is_file() and (path / "data").is_dir()


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise InputError("--param is NAME=VALUE")
    return name, value


def _values(statement: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Those of the given parameters that the statement names: without any, the client would format it with `%`. Arrays and
    tuples as such: of a text the client escapes the quotes, so that the server could not read it as one."""
    values = dict[str, Any]()
    for name, value in given.items():
        found = re.search(r"\{" + name + r":\s*(\w+)[^}]*\}", statement)
        if found is not None:
            values[name] = _read(value) if found[1] in ("Array", "Tuple") else value
    return values


def _read(value: str) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value  # the server says what is wrong with it


def _hint(settings: ClickHouse, url: str, statement: str, error: QueryError) -> str:
    """Where texts are, for somebody who looked for them among the outcomes; and who decides on the form of the answer."""
    elsewhere = settings.payloads_url is not None and url == settings.questions_url
    if elsewhere and error.code == f"clickhouse_{_UNKNOWN_TABLE}" and "payloads" in statement:
        return "; texts are in a store of their own: --payloads"
    if error.code == f"clickhouse_{_SYNTAX_ERROR}" and _OWN_FORMAT.search(statement):
        return "; leave FORMAT out: the answer is a table, or JSON with --json"
    return ""


async def ask_path(
    settings: ClickHouse, path: Path, sql: str, rows: int, parameters: Mapping[str, str] | None = None
) -> Answer:
    """As `ask`, of an embedded store that nobody runs at the moment. Raises `InputError`, also when somebody does."""
    from streamguard.dev.store import EmbeddedStore, StoreSettings

    async with EmbeddedStore(StoreSettings(path=path, read_only_port=0)) as store:
        return await asyncio.to_thread(ask, settings, f"http://{store.read_only_address}", sql, rows, parameters)


def show(columns: Sequence[str], rows: Sequence[Sequence[object]], console: Console | None = None) -> None:
    """A table for people; numbers to the right."""
    table = Table()
    for position, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float | Decimal | None) for row in rows)
        table.add_column(Text(visible(name)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # what is in the store is not rich's markup, and must not steer a terminal: ids and texts come from outside
        table.add_row(*(Text(visible(_text(value))) for value in row))
    (console or Console()).print(table)


def _plain(value: object) -> object:
    """A value for JSON: what that has no form for is text, as `default=str` has it."""
    match value:
        case bool():
            return value
        case int():
            return value if -(1 << 63) <= value < 1 << 64 else str(value)
        case bytes():
            return _text(value)
        case list() | tuple():
            return [_plain(one) for one in cast("Sequence[object]", value)]
        case dict():
            pairs = cast("Mapping[object, object]", value).items()
            return {key if isinstance(key, str) else _text(key): _plain(one) for key, one in pairs}
        case _:
            return value


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat(sep=" ")
        case Decimal():
            return f"{value:f}"
        case bytes():  # of a FixedString; other strings come as text, or in hex digits where they are none
            try:
                return value.decode()
            except UnicodeDecodeError:
                return value.hex()
        case _:
            return str(value)
