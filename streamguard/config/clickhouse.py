"""`[clickhouse]`: where outcomes are kept."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from streamguard.config.base import Section, one_source, secret_of, trusting


def store_address(url: str) -> str:
    """The address as it stands. Raises `ValueError`, which does not show it, for one that is none or has more than a port."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, good = urlsplit(""), False
    if not good:
        raise ValueError("must look like http://clickhouse:8123")
    if "@" in parts.netloc:  # it would be shown in errors, and nobody would log in by it
        raise ValueError("must be without user and password; clickhouse.username and clickhouse.password are for them")
    if parts.path not in ("", "/") or "?" in url or "#" in url:  # a password there would be shown too
        raise ValueError("must end with the host or the port: what stands behind it would do nothing")
    return url


_Url = Annotated[str, AfterValidator(store_address)]


class ClickHouse(Section):
    """Where outcomes are kept. `payloads_url` None keeps texts in the same server, in their own table."""

    url: _Url = "http://127.0.0.1:8123"
    """Of its HTTP interface; `https://` encrypts, on port 8443 where none is given."""
    payloads_url: _Url | None = None
    """Of another server, for texts, which analysts do not reach; None: the same server, a table of their own."""
    read_url: _Url | None = None
    """Where `streamguard query` asks: a server or port for reading only; None: `url`."""
    payloads_read_url: _Url | None = None
    """The same for texts; None: `payloads_url`."""
    database: str = Field(default="streamguard", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Created by the sink if it is not there."""
    username: str = "default"
    """Who writes: needs to create tables and to insert."""
    password: SecretStr = SecretStr("")
    """Better in a variable or a file; shown as asterisks."""
    password_env: str | None = None
    """The environment variable that holds the password."""
    password_file: Path | None = None
    """The file that holds the password and nothing else."""
    ca_file: Path | None = None
    """Certificates (PEM) of those who may vouch for the server; None: those that the system trusts."""
    batch_rows: int = Field(default=5000, ge=1)
    """Rows of one INSERT; fewer when `flush_seconds` is over."""
    flush_seconds: float = Field(default=3.0, gt=0)
    """How long rows wait for more of them, in seconds."""
    timeout: float = Field(default=10.0, gt=0)
    """For each answer of a store, in seconds. One that hangs longer counts as down: what it was sent is sent again."""

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        one_source(self, "password")
        urls = (self.url, self.payloads_url, self.read_url, self.payloads_read_url)
        if self.ca_file and not any(url and url.startswith("https://") for url in urls):
            raise ValueError("ca_file would do nothing: no address begins with https://")
        return self

    @property
    def questions_url(self) -> str:
        """Where questions about requests, calls and verdicts go."""
        return self.read_url or self.url

    @property
    def payloads_questions_url(self) -> str:
        """Where questions about texts go."""
        if self.payloads_url is None:
            return self.payloads_read_url or self.questions_url
        return self.payloads_read_url or self.payloads_url

    def secret(self) -> SecretStr:
        """The password. Raises `ConfigError` naming the key whose variable or file cannot be read."""
        return secret_of(self, "password", "clickhouse.")

    def authorities(self) -> str | None:
        """The path of `ca_file`. Raises `ConfigError` when it cannot be used."""
        if self.ca_file is None:
            return None
        trusting(self.ca_file, "clickhouse.ca_file")
        return str(self.ca_file)
