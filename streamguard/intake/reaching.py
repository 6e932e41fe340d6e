"""Whether a cluster takes us, asked before any client starts: what waiting cannot mend is told in one line that names the key.

aiokafka's clients say of any first connection that failed only that they are "unable to bootstrap", and go on trying. Here one
connection is made as they make it, and where that fails, what happened is found out: a wrong password is told by the broker, but
a client that encrypts before a broker that does not, or the other way round, only sees connections that end. So the other way is
tried too, and nothing is taken for a refusal that may be a broker that is just starting or stopping.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from streamguard.clock import Clock, SystemClock
from streamguard.config import Cluster
from streamguard.intake.errors import KafkaRefuses, RightsMissing, TurnedAway
from streamguard.intake.rights import Rights, lacking

log = logging.getLogger(__name__)

SECONDS = 5.0
"""How long one broker may take to answer."""
_CLOSED = 1.0
"""How long the end of a connection may take; TLS has a last word."""
_SURE = 1.0
"""Seconds after which a refusal must still be one: a broker that starts may not know its users yet."""
_OTHER_HOST = (62, 64)
"""OpenSSL's codes for a certificate of another name, and of another address."""
_FAILED = (OSError, EOFError, KafkaError)
"""What a connection that cannot be made, or that ends, raises."""
_AWAY = (TimeoutError, ConnectionRefusedError, socket.gaierror)
"""Nobody is there: nothing to find out."""
_DATES = (9, 10)
"""OpenSSL's codes for a certificate that is not valid yet, or no more: the cluster's to mend, and no fault of ours."""
_OUR_CERTIFICATE = (
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
    "CERTIFICATE_REQUIRED",
    "HANDSHAKE_FAILURE",
)
"""Ends of the alerts of who does not like our certificate. Not an expired one: its file may hold a new one by the next start.
Others, such as INTERNAL_ERROR, come from balancers and brokers that are not well."""
_NO_COMMON_TLS = ("UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER", "TLSV1_ALERT_PROTOCOL_VERSION")
_ANY = "PLAIN"
"""A mechanism that is only asked about."""


class CertificateOutOfDate(KafkaConnectionError):
    """A broker's certificate has expired, or is not valid yet: the cluster's to mend, so waiting may help."""


async def reachable(cluster: Cluster, wanted: Rights | None = None, *, clock: Clock | None = None) -> None:
    """Return when a broker takes us, and lets us do what is `wanted`, as far as it tells.

    Raises KafkaRefuses when all brokers that answer refuse us, or are not to be trusted, and RightsMissing when one does not let
    us do what is wanted, both only twice in a row: brokers learn of users and ACLs one after another. Raises KafkaConnectionError
    when none answers, or none for long enough, or with a certificate that has expired: then waiting may help.
    """
    try:
        return await _once(cluster, wanted or Rights())
    except (KafkaRefuses, RightsMissing):
        await (clock or SystemClock()).sleep(_SURE)
    await _once(cluster, wanted or Rights())


def refused(error: BaseException) -> TurnedAway | None:
    """What a running client was told that it may not do, in our words; None for anything else."""
    match error:
        case TopicAuthorizationFailedError():
            return TurnedAway(f"Kafka does not let us use {_named('topic', error)} ACLs say who may")
        case GroupAuthorizationFailedError():
            return TurnedAway(f"Kafka does not let us use {_named('group', error)} ACLs say who may")
        case SaslAuthenticationFailed() | AuthenticationFailedError():
            return TurnedAway("Kafka does not let us in any more: look at kafka.sasl_username and kafka.sasl_password")
        case _:
            return None


def _named(kind: str, error: KafkaError) -> str:
    """aiokafka gives one name, a set of them, or none."""
    match error.args:
        case (str() as name, *_):
            return f"the {kind} {name}: its"
        case (set() | frozenset() | list() as names, *_) if names:
            return f"the {kind}s {', '.join(sorted(map(str, cast('set[object]', names))))}: their"
        case _:
            return f"a {kind}: its"


def addresses(brokers: str) -> list[tuple[str, int]]:
    """Hosts and ports of `kafka.brokers`, in any order, as clients read it. Raises KafkaRefuses when none of it can be one."""
    try:
        places = [(host, port) for host, port, _ in collect_hosts(brokers)]
    except ValueError:
        raise _no_addresses(brokers) from None
    if not any(len(host.split()) == 1 and 0 < port < 65536 for host, port in places):
        raise _no_addresses(brokers)
    return places


async def _once(cluster: Cluster, wanted: Rights) -> None:
    refusal: KafkaRefuses | None = None
    away = KafkaConnectionError(f"no broker answers at {cluster.brokers}")
    for host, port in addresses(cluster.brokers):
        try:
            others = await _asked(cluster, host, port, wanted)
        except KafkaRefuses as error:
            refusal = refusal or error
        except CertificateOutOfDate as error:
            away = error
        except UnicodeError:  # a name that no name server can be asked for
            raise _no_addresses(cluster.brokers) from None
        except _FAILED:
            continue
        else:
            return await _known(cluster, others)
    raise refusal or away


def _no_addresses(brokers: str) -> KafkaRefuses:
    return KafkaRefuses(f"{brokers!r} are no addresses: kafka.brokers has host:port, parted by commas")


async def _known(cluster: Cluster, places: Sequence[tuple[str, int]]) -> None:
    """The brokers that the first one names: it may call them by names for which their certificates are not."""
    refusal: KafkaRefuses | None = None
    for host, port in places:
        try:
            await _asked(cluster, host, port, Rights())
        except KafkaRefuses as error:
            refusal = refusal or error
        except _FAILED:
            continue
        else:
            return
    if refusal is not None:
        raise refusal


async def _asked(cluster: Cluster, host: str, port: int, wanted: Rights) -> list[tuple[str, int]]:
    """Where the cluster's other brokers are, as this one tells. Raises KafkaRefuses and RightsMissing, and what aiokafka and the
    network raise."""
    options = cluster.options
    try:
        async with _connected(host, port, options) as connection:
            told = await cast("Any", connection).send(MetadataRequest([]))
            lack = await lacking(connection, wanted)
    except _FAILED as error:
        raise await _why(error, options, host, port) or error from None
    if lack:
        raise RightsMissing(f"Kafka does not let {_who(options)} do what is needed: {lack}. Its ACLs say who may")
    return [(broker[1], broker[2]) for broker in told.brokers if (broker[1], broker[2]) != (host, port)]


@asynccontextmanager
async def _connected(host: str, port: int, options: Mapping[str, Any]) -> AsyncGenerator[AIOKafkaConnection]:
    """As aiokafka's `create_conn`, and closed to the end. Raises what that raises."""
    connection = AIOKafkaConnection(host, port, request_timeout_ms=round(SECONDS * 1000), **options)
    inside = cast("Any", connection)
    try:
        await inside.connect()
        yield connection
    finally:
        connection.close()
        if inside._protocol is not None:  # else there was never anything to close
            await asyncio.wait([inside._closed_fut], timeout=_CLOSED)


async def _why(
    error: Exception, options: Mapping[str, Any], host: str, port: int
) -> KafkaRefuses | CertificateOutOfDate | None:
    """What stands behind an error of the first connection; None when waiting may help, and there is nothing to say."""
    if isinstance(error, _AWAY):
        return None
    at, protocol = f"{host}:{port}", options.get("security_protocol", "PLAINTEXT")
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    match error:
        case SaslAuthenticationFailed() | AuthenticationFailedError():
            return KafkaRefuses(
                f"Kafka at {at} does not let {_who(options)} in with {options.get('sasl_mechanism')}: look at "
                "kafka.sasl_username and kafka.sasl_password (or _env, _file)"
            )
        case UnsupportedSaslMechanismError():
            knows = ", ".join(await _mechanisms(options, host, port) or ("others",))
            return KafkaRefuses(
                f"Kafka at {at} does not let users in with {options.get('sasl_mechanism')}, only with {knows}: look at "
                "kafka.sasl_mechanism"
            )
        case IllegalSaslStateError():
            return _other(at, protocol, "wants no user to log in there", protocol.removeprefix("SASL_"))
        case _:
            pass
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _untrusted(cause, at)
    if isinstance(cause, ssl.SSLError) and (reason := cause.reason or "").endswith(_OUR_CERTIFICATE):
        return KafkaRefuses(
            f"Kafka at {at} refuses our certificate, or that we have none ({reason}): look at kafka.ssl_cert_file"
        )
    if protocol.endswith("SSL"):
        if await _speaks_plainly(host, port):
            return _other(at, protocol, "does not encrypt there", "PLAINTEXT or SASL_PLAINTEXT")
    elif await _encrypts(host, port):
        return _other(at, protocol, "wants TLS there", "SSL or SASL_SSL")
    if not protocol.startswith("SASL_") and await _mechanisms(options, host, port):
        return _other(at, protocol, "wants a user to log in there", f"SASL_{protocol}")
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_COMMON_TLS:
        return KafkaRefuses(f"what answers at {at} speaks no TLS that we know ({cause.reason}): look at kafka.brokers")
    return None


def _who(options: Mapping[str, Any]) -> str:
    name = options.get("sasl_plain_username")
    return f"the user {name!r}" if name else "us"


def _other(at: str, protocol: str, does: str, fitting: str) -> KafkaRefuses:
    return KafkaRefuses(
        f"Kafka at {at} {does}: kafka.security_protocol is {protocol} and should be {fitting}, or kafka.brokers should name "
        "another port"
    )


def _untrusted(error: ssl.SSLCertVerificationError, at: str) -> KafkaRefuses | CertificateOutOfDate:
    if error.verify_code in _DATES:
        return CertificateOutOfDate(f"the certificate of Kafka at {at}: {error.verify_message}")
    if error.verify_code in _OTHER_HOST:
        return KafkaRefuses(
            f"the certificate of Kafka at {at} is not for that name: look at kafka.brokers and the brokers' "
            "advertised.listeners, and at kafka.ssl_check_hostname"
        )
    return KafkaRefuses(
        f"the certificate of Kafka at {at} is not to be trusted ({error.verify_message}): look at kafka.ssl_ca_file"
    )


async def _mechanisms(options: Mapping[str, Any], host: str, port: int) -> tuple[str, ...]:
    """How users may log in there; none where nobody has to."""
    asking = {name: value for name, value in options.items() if not name.startswith("sasl_")}
    asking["security_protocol"] = str(options.get("security_protocol", "PLAINTEXT")).removeprefix("SASL_")
    try:
        async with _connected(host, port, asking) as connection:
            answer = await cast("Any", connection).send(SaslHandShakeRequest(_ANY))
    except _FAILED:
        return ()
    return tuple(answer.enabled_mechanisms)


async def _speaks_plainly(host: str, port: int) -> bool:
    """Whether Kafka answers there to who does not encrypt. Says nothing but which versions it speaks."""
    try:
        async with _connected(host, port, {}):
            return True
    except _FAILED:
        return False


async def _encrypts(host: str, port: int) -> bool:
    """Whether TLS is spoken there, by whomever: nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True
