"""Where a provider is reached, and what every call to it carries: the same for chat and for checks."""

import re
from collections.abc import Mapping

import httpx

from streamguard.errors import ConfigError

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_OURS = frozenset(
    {
        "host",
        "content-type",
        "content-length",
        "transfer-encoding",
        "connection",
        "accept",
        "accept-encoding",
        "authorization",
        "api-key",
        "x-api-key",
        "idempotency-key",
        "x-request-id",
    }
)
"""Headers that follow from the call itself, or hold its key."""


def endpoint(
    key: str, name: str, base_url: str, path: str, example: str, *, query: Mapping[str, str] | None = None
) -> httpx.URL:
    """The address of `path` below `base_url`, with `query` behind it; None where the configuration has no place for one.

    `key` is the configuration's and `name` the entry's, for the message. Raises `ConfigError` for what is no address of HTTP, and
    for a `base_url` that `path` cannot be put behind.
    """
    address = base_url.rstrip("/") + path if path else base_url
    try:
        url = httpx.URL(address, params=dict(query)) if query else httpx.URL(address)
    except httpx.InvalidURL:
        url = None
    if url is None or url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65_535:
        raise ConfigError(f"{key}: the base_url of {name!r} must look like {example}")
    if path and not {"?", "#"}.isdisjoint(base_url):
        place = "" if query is None else "; what stands behind ? goes into query"
        raise ConfigError(f"{key}: the base_url of {name!r} must look like {example}, without ? and #{place}")
    return url


def call_headers(
    key: str,
    name: str,
    url: httpx.URL,
    api_key: str,
    *,
    key_header: str = "authorization",
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers of each call: the key in `key_header` if there is one (a bearer token in `authorization`), and `extra`.

    Raises `ConfigError` for a key that fits no header, or not beside a user in the address, and for headers that cannot be sent
    or are not the configuration's to set.
    """
    headers = {
        "host": url.netloc.decode("ascii"),
        "content-type": "application/json",
        "accept": "application/json",
        # answers are short; what compression saves on the wire it costs in CPU
        "accept-encoding": "identity",
        "user-agent": "streamguard",
    }
    for header, value in (extra or {}).items():
        if header.lower() in _OURS:
            raise ConfigError(f"{key}: the headers of {name!r} cannot set {header.lower()!r}")
        if not _HEADER.fullmatch(header) or not (value.isascii() and value.isprintable()):
            raise ConfigError(f"{key}: the headers of {name!r} must be printable ASCII")
        headers[header.lower()] = value
    if api_key:
        if not (api_key.isascii() and api_key.isprintable()):
            raise ConfigError(f"{key}: the api_key of {name!r} must be printable ASCII")
        if url.userinfo and key_header == "authorization":  # both go into that header, and no call could be made
            raise ConfigError(f"{key}: {name!r} has an api_key and a user in its base_url; keep one")
        headers[key_header] = f"Bearer {api_key}" if key_header == "authorization" else api_key
    return headers
