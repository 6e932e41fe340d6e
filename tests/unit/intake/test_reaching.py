"""What is taken for a refusal and what for a broker that is just not there: against servers that end connections at any point,
as brokers do that stop, start, or stand behind a balancer with nobody behind it."""

import asyncio
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    NotLeaderForPartitionError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

from streamguard.clock import FakeClock
from streamguard.config import Cluster
from streamguard.errors import Refusal
from streamguard.intake.errors import KafkaRefuses, RightsMissing, TurnedAway
from streamguard.intake.reaching import CertificateOutOfDate, reachable, refused
from streamguard.intake.rights import Right, Rights
from tests.support.secured import PASSWORD, Authority

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOGIN = {"sasl_mechanism": "PLAIN", "sasl_plain_username": "worker", "sasl_plain_password": PASSWORD}


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, EOFError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"localhost:{server.sockets[0].getsockname()[1]}"


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A balancer with nobody behind it."""


async def hang_up_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker that is stopped while it reads."""
    await reader.readexactly(8)


class Broker:
    """Speaks as much Kafka as a first connection needs: versions, a handshake of users, and the answer to a password."""

    def __init__(self, *answers: int, users: bool = True) -> None:
        self._answers, self._users = list(answers), users
        self.logins = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            if size > 100 << 20:
                return  # as brokers do with the first bytes of TLS
            key, version, number = struct.unpack(">hhi", (await reader.readexactly(size))[:8])
            body = self.answer(key, version)
            if body is None:
                return
            writer.write(struct.pack(">ii", len(body) + 4, number) + body)

    def answer(self, key: int, version: int) -> bytes | None:
        """To a request of this kind; None hangs up."""
        match key:
            case 18:
                versions = [(3, 0, 8), (17, 0, 1), (18, 0, 0), (36, 0, 0)]
                return struct.pack(">hi", 0, len(versions)) + b"".join(struct.pack(">hhh", *one) for one in versions)
            case 17:
                return struct.pack(">hih5s", 0 if self._users else 34, 1, 5, b"PLAIN")
            case 36:
                code = self._answers[min(self.logins, len(self._answers) - 1)]
                self.logins += 1
                return struct.pack(">hhi", code, -1, 0)
            case _ if self._users and not self.logins:
                return None  # nobody has logged in
            case _:
                return struct.pack(">iihii", 0, 0, -1, -1, 0)  # metadata, version 5: no brokers, no topics


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.serving("broker")


def cluster(at: str, protocol: str, authority: Authority) -> Cluster:
    options: dict[str, object] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=authority.file)
    return Cluster(at, options | (LOGIN if protocol.startswith("SASL_") else {}))


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("serve", [hang_up, hang_up_later])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_connections_that_end_are_no_refusal(
    protocol: str, serve: Serve, encrypted: bool, authority: Authority, tls: ssl.SSLContext
) -> None:
    if encrypted and not protocol.endswith("SSL"):
        return  # that one wants TLS, which is a refusal: see the tests with a real broker
    clock = FakeClock()
    async with serving(serve, tls if encrypted else None) as at:
        with pytest.raises(KafkaConnectionError, match="no broker answers at"):
            await reachable(cluster(at, protocol, authority), clock=clock)
    assert clock.slept == []


async def test_where_nobody_listens_nobody_refuses(authority: Authority) -> None:
    for protocol in ("PLAINTEXT", "SASL_SSL"):
        with pytest.raises(KafkaConnectionError):
            await reachable(cluster("127.0.0.1:1,nowhere.invalid:9092", protocol, authority), clock=FakeClock())


async def test_a_password_is_wrong_when_it_is_so_twice(authority: Authority) -> None:
    clock, broker = FakeClock(), Broker(58)
    async with serving(broker) as at:
        with pytest.raises(KafkaRefuses) as caught:
            await reachable(cluster(at, "SASL_PLAINTEXT", authority), clock=clock)
    assert "does not let the user 'worker' in with PLAIN: look at kafka.sasl_username" in str(caught.value)
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert (broker.logins, clock.slept) == (2, [1.0])


async def test_a_broker_that_does_not_know_its_users_yet_is_asked_again(authority: Authority) -> None:
    broker = Broker(58, 0)
    async with serving(broker) as at:
        await reachable(cluster(at, "SASL_PLAINTEXT", authority), clock=FakeClock())
    assert broker.logins == 2


def rights_of(*operations: int) -> tuple[Broker, list[int]]:
    """A broker whose topic `t` may be used so, one answer after the other; the last one stays. And what it was asked."""
    asked: list[int] = []

    class Telling(Broker):
        def answer(self, key: int, version: int) -> bytes | None:
            if (key, version) != (3, 8):
                return super().answer(key, version)
            asked.append(operations[min(len(asked), len(operations) - 1)])
            topic = struct.pack(">hh1s?ii", 0, 1, b"t", False, 0, asked[-1])
            return struct.pack(">iihii", 0, 0, -1, -1, 1) + topic + struct.pack(">i", 0)

    return Telling(0, users=False), asked


async def test_rights_are_lacking_when_they_are_so_twice(authority: Authority) -> None:
    """An ACL reaches one broker after the other, and whoever changes one may take the old away first."""
    wanted, clock = Rights({"t": frozenset[Right](["READ"])}), FakeClock()
    broker, asked = rights_of(0, 1 << 3)
    async with serving(broker) as at:
        await reachable(cluster(at, "PLAINTEXT", authority), wanted, clock=clock)
    assert (asked, clock.slept) == ([0, 1 << 3], [1.0])
    broker, asked = rights_of(1 << 4)
    async with serving(broker) as at:
        with pytest.raises(RightsMissing, match="do what is needed: READ t"):
            await reachable(cluster(at, "PLAINTEXT", authority), wanted, clock=FakeClock())
    assert len(asked) == 2


def alerting(code: int) -> Serve:
    """Ends a handshake with a fatal alert of TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.write(bytes([21, 3, 3, 0, 2, 2, code]))
        await writer.drain()

    return serve


@pytest.mark.parametrize("code", [20, 22, 45, 80, 90, 112], ids=lambda code: f"alert {code}")
async def test_what_a_balancer_or_a_broker_that_is_not_well_says_is_no_refusal(code: int, authority: Authority) -> None:
    """A record it cannot read, too long; an expired certificate, whose file may hold a new one; an error inside; cancelled; a
    name behind which nobody is."""
    async with serving(alerting(code)) as at:
        with pytest.raises(KafkaConnectionError, match="no broker answers at"):
            await reachable(cluster(at, "SSL", authority), clock=FakeClock())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (42, r"\(SSLV3_ALERT_BAD_CERTIFICATE\): look at kafka.ssl_cert_file"),
        (48, r"\(TLSV1_ALERT_UNKNOWN_CA\): look at kafka.ssl_cert_file"),
        (70, r"speaks no TLS that we know \(TLSV1_ALERT_PROTOCOL_VERSION\)"),
    ],
)
async def test_what_speaks_of_our_certificate_or_of_our_tls_is_one(code: int, words: str, authority: Authority) -> None:
    async with serving(alerting(code)) as at:
        with pytest.raises(KafkaRefuses, match=words):
            await reachable(cluster(at, "SSL", authority), clock=FakeClock())


async def test_a_certificate_that_has_expired_is_waited_for(tmp_path: Path) -> None:
    made, file = trustme.CA(), tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)).configure_cert(context)
    options = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context(cafile=file)}
    clock = FakeClock()
    async with serving(Broker(0, users=False), context) as at:
        with pytest.raises(CertificateOutOfDate, match="certificate has expired") as caught:
            await reachable(Cluster(at, options), clock=clock)
    assert caught.value.retriable
    assert clock.slept == []


async def test_one_broker_that_takes_us_is_enough(authority: Authority) -> None:
    async with serving(Broker(58)) as bad, serving(Broker(0)) as good:
        several = ",".join([bad] * 5 + [good, "127.0.0.1:1"])
        for _ in range(4):  # they are asked in any order
            await reachable(cluster(several, "SASL_PLAINTEXT", authority), clock=FakeClock())


async def test_a_refusal_counts_though_others_are_away(authority: Authority) -> None:
    async with serving(Broker(58)) as at:
        with pytest.raises(KafkaRefuses):
            await reachable(cluster(f"127.0.0.1:1,{at}", "SASL_PLAINTEXT", authority), clock=FakeClock())


async def test_what_a_listener_wants_is_told_apart(authority: Authority) -> None:
    said = {
        (
            "SASL_PLAINTEXT",
            False,
        ): "wants no user to log in there: kafka.security_protocol is SASL_PLAINTEXT and should be PLAINTEXT",
        (
            "PLAINTEXT",
            True,
        ): "wants a user to log in there: kafka.security_protocol is PLAINTEXT and should be SASL_PLAINTEXT",
        (
            "SSL",
            True,
        ): "does not encrypt there: kafka.security_protocol is SSL and should be PLAINTEXT or SASL_PLAINTEXT",
    }
    for (protocol, users), words in said.items():
        async with serving(Broker(0, users=users)) as at:
            with pytest.raises(KafkaRefuses, match=words):
                await reachable(cluster(at, protocol, authority), clock=FakeClock())


async def test_addresses_that_are_none_are_named(authority: Authority) -> None:
    with pytest.raises(KafkaRefuses, match=r"kafka\.brokers has host:port"):
        await reachable(cluster("kafka:port", "PLAINTEXT", authority), clock=FakeClock())
    with pytest.raises(KafkaRefuses, match=r"kafka\.brokers has host:port"):
        await reachable(cluster("kafka..internal:9092", "PLAINTEXT", authority), clock=FakeClock())


def test_what_a_running_client_is_refused_is_told_in_our_words() -> None:
    for error, words in (
        (TopicAuthorizationFailedError("requests"), "the topic requests: its ACLs"),
        (TopicAuthorizationFailedError({"requests"}), "the topics requests: their ACLs"),
        (TopicAuthorizationFailedError(), "a topic: its ACLs"),
        (GroupAuthorizationFailedError("streamguard-guard"), "the group streamguard-guard: its ACLs"),
        (
            SaslAuthenticationFailed("words of a broker"),
            "look at kafka.sasl_username and kafka.sasl_password",
        ),
    ):
        found = refused(error)
        assert isinstance(found, TurnedAway)
        assert not isinstance(found, Refusal), "rights may be on the move: a fresh start finds out"
        assert words in str(found)
        assert "words of a broker" not in str(found)
    assert refused(NotLeaderForPartitionError()) is None
    assert refused(ConnectionResetError()) is None


def test_rights_are_told_in_one_line() -> None:
    read, write = frozenset[Right](["READ"]), frozenset[Right](["WRITE"])
    both = read | write
    rights = Rights({"b": read}, frozenset(["h"])) | Rights({"a": both, "b": write}, frozenset(["g"]))
    assert str(rights) == "READ a, b; WRITE a, b; READ of the groups g, h"
    assert rights == Rights({"a": both, "b": both}, frozenset(["g", "h"]))
    assert not Rights()
