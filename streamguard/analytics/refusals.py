"""Which failures of a store waiting cannot mend, and how each is told in one line: users, passwords, rights and certificates."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from streamguard.analytics.errors import StoreError, StoreRefuses

_SECONDS = 5.0
_UNKNOWN_USER = frozenset({192, 193, 194, 516})
_NO_RIGHT = frozenset({291, 497})
_DATES = (9, 10)
"""OpenSSL's codes for a certificate that is not valid yet, or no more: the server's to mend, and no fault of ours."""
NO_RIGHT = "clickhouse_497"
"""The code of what a user who was let in may not do."""


def by_code(code: int, url: str, username: str) -> StoreRefuses | None:
    """What an error code of ClickHouse means, if it is one of these."""
    if code in _UNKNOWN_USER:
        why = "look at clickhouse.username and clickhouse.password (or _env, _file)"
        return StoreRefuses(f"clickhouse_{code}", f"the store at {url} does not let the user {username!r} in: {why}")
    if code in _NO_RIGHT:
        why = "docs/security.md tells which grants are needed"
        return StoreRefuses(
            f"clickhouse_{code}", f"the store at {url} does not let the user {username!r} do that: {why}"
        )
    return None


def by_connection(error: BaseException, url: str) -> StoreError | None:
    """What stands behind a connection that could not be made, or ended, where that can be told: a `StoreRefuses`, or a
    certificate that has expired, which is waited for. May block for seconds."""
    parts = urlsplit(url)
    found = next((one for one in _causes(error) if isinstance(one, ssl.SSLError)), None)
    if isinstance(found, ssl.SSLCertVerificationError):
        if found.verify_code in _DATES:
            return StoreError("certificate_out_of_date", retriable=True)
        why = f"({found.verify_message}): look at clickhouse.ca_file, and at the name in clickhouse.url"
        return StoreRefuses("untrusted", f"the certificate of the store at {url} is not to be trusted {why}")
    if found is not None and found.reason == "WRONG_VERSION_NUMBER":
        return StoreRefuses(
            "no_tls", f"the store at {url} does not encrypt there: should clickhouse.url begin with http://?"
        )
    if parts.scheme == "http" and parts.hostname and _encrypts(parts.hostname, parts.port or 8123):
        return StoreRefuses("tls", f"the store at {url} wants TLS there: should clickhouse.url begin with https://?")
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it; urllib3 keeps it in `reason` or among the arguments."""
    seen = set[int]()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _encrypts(host: str, port: int) -> bool:
    """Whether TLS is spoken there, by whomever: nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except OSError:
        return False
