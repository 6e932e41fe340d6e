"""Where a provider is reached, and what every call to it carries: the same for chat and for checks."""

import httpx

from streamguard.errors import ConfigError


def endpoint(key: str, name: str, base_url: str, path: str, example: str) -> httpx.URL:
    """The address of `path` below `base_url`.

    `key` is the configuration's and `name` the entry's, for the message. Raises `ConfigError` for what is no address of HTTP.
    """
    address = base_url.rstrip("/") + path if path else base_url
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = None
    if url is None or url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65_535:
        raise ConfigError(f"{key}: the base_url of {name!r} must look like {example}")
    return url


def call_headers(key: str, name: str, url: httpx.URL, api_key: str) -> dict[str, str]:
    """The headers of each call, the key as a bearer token if there is one. Raises `ConfigError` for one that fits no header."""
    headers = {
        "host": url.netloc.decode("ascii"),
        "content-type": "application/json",
        "accept": "application/json",
        # answers are short; what compression saves on the wire it costs in CPU
        "accept-encoding": "identity",
        "user-agent": "streamguard",
    }
    if api_key:
        if not (api_key.isascii() and api_key.isprintable()):
            raise ConfigError(f"{key}: the api_key of {name!r} must be printable ASCII")
        headers["authorization"] = f"Bearer {api_key}"
    return headers
