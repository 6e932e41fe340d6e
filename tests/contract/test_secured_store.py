"""What a store that asks who is there means for those who write and ask: one line, never a loop, never the password."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from streamguard.analytics.clickhouse import Connection
from streamguard.analytics.errors import QueryError, StoreError, StoreRefuses, StoreTurnedAway, StoreUnreachable
from streamguard.cli.query import ask
from streamguard.config import ClickHouse
from streamguard.errors import InputError, Refusal
from streamguard.stream.sink import Sink
from streamguard.stream.sink_parts import StoreState
from tests.support.secured import Authority
from tests.support.secured_store import SecuredStore
from tests.support.sinks import produce, sink_config, until_rows
from tests.unit.analytics.examples import telemetry

USERS = {"writer": "hunter2 is no password", "guest": "g"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.serving("store")


@pytest.fixture
async def door(store: str, tls: ssl.SSLContext) -> AsyncGenerator[SecuredStore]:
    async with SecuredStore(store, USERS, tls=tls, denied=frozenset(["guest"])) as door:
        yield door


def settings(url: str, authority: Authority | None, **changes: str) -> ClickHouse:
    given = {"url": url, "username": "writer", "password": USERS["writer"], "database": "default", **changes}
    return ClickHouse.model_validate(
        {**given, "ca_file": authority.file if authority and url.startswith("https") else None}
    )


async def refusal(config: ClickHouse) -> StoreRefuses:
    """What the first statement raises; it must be the same the second time."""
    connection = Connection(config, config.url, timeout=5.0)
    seen = list[StoreRefuses]()
    for _ in range(2):
        with pytest.raises(StoreRefuses) as caught:
            await asyncio.to_thread(connection.command, "CREATE DATABASE IF NOT EXISTS x")
        seen.append(caught.value)
    connection.close()
    first, second = seen
    assert str(first) == str(second)
    assert isinstance(first, Refusal)
    assert not first.retriable
    assert "\n" not in str(first)
    assert config.url in str(first)
    assert USERS["writer"] not in str(first) + repr(first) + repr(config)
    return first


async def test_a_user_over_tls_asks_and_writes(door: SecuredStore, authority: Authority) -> None:
    config = settings(door.url, authority)
    assert await asyncio.to_thread(ask, config, door.url, "SELECT 6 * 7 AS answer", 5) == (("answer",), [(42,)], False)
    assert door.answered > 0


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"username": "nobody"}])
async def test_a_wrong_user_or_password(door: SecuredStore, authority: Authority, changes: dict[str, str]) -> None:
    config = settings(door.url, authority, **changes)
    error = await refusal(config)
    assert error.code == "clickhouse_516"
    assert f"does not let the user {config.username!r} in: look at clickhouse.username and clickhouse.password" in str(
        error
    )
    with pytest.raises(InputError, match=r"clickhouse\.password"):
        await asyncio.to_thread(ask, config, door.url, "SELECT 1", 5)


async def test_a_certificate_that_nobody_we_trust_vouches_for(door: SecuredStore, tmp_path: Path) -> None:
    assert "look at clickhouse.ca_file" in str(await refusal(settings(door.url, None)))
    assert "look at clickhouse.ca_file" in str(await refusal(settings(door.url, Authority(tmp_path))))


async def test_a_certificate_for_another_name(door: SecuredStore, authority: Authority) -> None:
    config = settings(door.url.replace("localhost", "127.0.0.1"), authority)
    assert "and at the name in clickhouse.url" in str(await refusal(config))


async def test_a_port_that_wants_tls_is_spoken_to_in_plain(door: SecuredStore, authority: Authority) -> None:
    error = await refusal(settings(door.url.replace("https", "http"), authority))
    assert "wants TLS there: should clickhouse.url begin with https://?" in str(error)


async def test_a_port_that_does_not_encrypt_is_spoken_to_with_tls(store: str, authority: Authority) -> None:
    error = await refusal(settings(f"https://{store}", authority))
    assert "does not encrypt there: should clickhouse.url begin with http://?" in str(error)


async def test_a_lacking_grant_refuses_who_writes_and_tells_who_asks(door: SecuredStore, authority: Authority) -> None:
    config = settings(door.url, authority, username="guest", password=USERS["guest"])
    assert (await refusal(config)).code == "clickhouse_497"
    connection = Connection(config, config.url)
    with pytest.raises(QueryError, match="it's necessary to have the grant"):
        await asyncio.to_thread(connection.ask, "SELECT 1", {})


async def test_a_store_that_is_down_or_ends_connections_is_waited_for(authority: Authority) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for url in (
            f"https://127.0.0.1:{port}",
            f"http://127.0.0.1:{port}",
            "https://127.0.0.1:1",
            "http://127.0.0.1:1",
        ):
            connection = Connection(settings(url, authority), url, timeout=5.0)
            with pytest.raises(StoreError) as caught:
                await asyncio.to_thread(connection.command, "SELECT 1")
            assert isinstance(caught.value, StoreUnreachable)
            assert caught.value.retriable


async def test_a_sink_whose_user_is_taken_away_ends_instead_of_trying_for_ever(
    brokers: str, door: SecuredStore, authority: Authority
) -> None:
    login = {"url": door.url, "username": "writer", "password": USERS["writer"], "ca_file": str(authority.file)}
    config = sink_config(brokers, "", clickhouse=login)
    sink = Sink(config, "sink-0")
    carrying = asyncio.create_task(sink.run(asyncio.Event()))
    await produce(brokers, "telemetry", [telemetry(1)])
    await until_rows(config, 1)
    door.revoke("writer")
    await produce(brokers, "telemetry", [telemetry(2)])
    with pytest.raises(StoreTurnedAway, match="does not let the user 'writer' in") as caught:
        await asyncio.wait_for(carrying, 20)
    assert not isinstance(caught.value, Refusal), "its file may hold another password by now: a fresh start finds out"
    with pytest.raises(StoreRefuses, match="does not let the user 'writer' in"):
        await asyncio.wait_for(Sink(config, "sink-0").run(asyncio.Event()), 20)


async def test_a_certificate_that_has_expired_is_waited_for(store: str, tmp_path: Path) -> None:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    expired = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)).configure_cert(expired)
    async with SecuredStore(store, USERS, tls=expired) as door:
        config = ClickHouse(url=door.url, ca_file=tmp_path / "ca.pem")
        with pytest.raises(StoreError) as caught:
            await asyncio.to_thread(Connection(config, config.url).command, "SELECT 1")
    assert (caught.value.code, caught.value.retriable) == ("certificate_out_of_date", True)


def test_a_refusal_counts_when_it_comes_twice() -> None:
    refusal = StoreRefuses("clickhouse_516", "the store at X does not let the user 'writer' in")
    state = StoreState()
    state.failed(refusal, 0.0)  # as while its users are being read anew
    assert state.until == 0.5
    with pytest.raises(StoreRefuses):
        state.failed(refusal, 1.0)
    state.worked()
    state.failed(refusal, 2.0)
    state.failed(StoreUnreachable("X"), 3.0)
    state.failed(refusal, 4.0)
    with pytest.raises(StoreTurnedAway, match="the user 'writer'"):
        state.failed(refusal, 5.0)
