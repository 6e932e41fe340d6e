"""`[kafka]`: how to reach a cluster, over TLS and with a user where it asks for that, and how a stage's group behaves."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from streamguard.config.base import Section, given, one_source, secret_of, trusting, unusable
from streamguard.errors import ConfigError

_TLS = ("ssl_ca_file", "ssl_cert_file", "ssl_key_file")


@dataclass(frozen=True, slots=True)
class Cluster:
    """How every client reaches Kafka: `AIOKafkaProducer(**cluster.arguments, …)`. Shows the address alone."""

    brokers: str
    """`host:port`, several parted by commas."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """aiokafka's keyword arguments for security: `security_protocol`, `ssl_context`, `sasl_…`."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes."""
        return {"bootstrap_servers": self.brokers, **self.options}


class Kafka(Section):
    """How to reach Kafka and how a stage's consumer group behaves. Times in seconds."""

    brokers: str = Field(default="127.0.0.1:9092", min_length=1)
    """`host:port` of one broker or more, parted by commas; they tell of the others."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """As brokers name their listeners: whether the connection is encrypted (SSL), and whether a user logs in (SASL)."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the user logs in, where `security_protocol` begins with SASL."""
    sasl_username: str | None = None
    """The user. None where nobody logs in."""
    sasl_password: SecretStr = SecretStr("")
    """Better in a variable or a file; shown as asterisks."""
    sasl_password_env: str | None = None
    """The environment variable that holds the password."""
    sasl_password_file: Path | None = None
    """The file that holds the password and nothing else."""
    ssl_ca_file: Path | None = None
    """Certificates (PEM) of those who may vouch for brokers; None: those that the system trusts."""
    ssl_cert_file: Path | None = None
    """Our own certificate (PEM, with its chain), where brokers ask clients for one."""
    ssl_key_file: Path | None = None
    """Its key (PEM); None: it stands in `ssl_cert_file`."""
    ssl_key_password: SecretStr = SecretStr("")
    """Of `ssl_key_file`, where that is encrypted. Better in a variable or a file; shown as asterisks."""
    ssl_key_password_env: str | None = None
    """The environment variable that holds this password."""
    ssl_key_password_file: Path | None = None
    """The file that holds this password and nothing else."""
    ssl_check_hostname: bool = True
    """Whether a broker's certificate must name the host that was connected to."""
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
    """Put before every topic and group name."""
    incarnation: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """Set another one when the topics were lost, or deleted, and made anew while ClickHouse kept its rows. Offsets begin again
    then, and the store would take new records for those that it has. It stands behind the topic in `k_topic`: `telemetry@2`."""
    partitions: int | None = Field(default=None, ge=1)
    """The partition count that the topics were made with. None: all have the same, and a topic that grows is refused. When one
    was grown by mistake, this goes on with the old count: nothing is written to the partitions beyond it, and requests that
    lie there are sent to their tenant's."""
    topics_wait: float = Field(default=30.0, ge=0)
    """How long a worker that starts waits for topics that do not exist yet; then it fails, and its supervisor tries again."""
    session: float = Field(default=10.0, gt=0)
    """Without a heartbeat for this long a worker is given up; also the pause after a crash."""
    in_flight: int = Field(default=256, ge=1)
    """Steps at work at once, a stage and process."""
    span: int = Field(default=2000, ge=1)
    """Records between what the broker has committed and what is delivered, a partition: what a kill can repeat at most."""
    key_queue: int = Field(default=64, ge=1)
    """Waiting records of one key before its partition pauses."""
    fetch_wait: float = Field(default=0.5, gt=0, le=10)
    """How long a broker may hold a fetch while there are no records. Kafka answers as soon as there are some; the embedded
    broker does not, so it wants less."""
    deadline: float = Field(default=45.0, gt=0)
    """The intake's limit for one step; a stage's own limit (30 s) ends before it."""
    stall: float = Field(default=30.0, gt=0)
    """Without progress for this long a worker leaves, for its supervisor to start a fresh one."""
    dead_letters_per_minute: int = Field(default=100, ge=1)
    """More than this stops the worker: something is wrong with more than single records."""
    grace: float = Field(default=5.0, ge=0, le=10)
    """How long a worker told to stop may finish what it began; it leaves after 15 s in all, whatever is left."""

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        one_source(self, "sasl_password")
        one_source(self, "ssl_key_password")
        if self.security_protocol.startswith("SASL_") and not self.sasl_username:
            raise ValueError(f"sasl_username: {self.security_protocol} needs a user")
        if self.ssl_key_file and not self.ssl_cert_file:
            raise ValueError("ssl_key_file belongs to ssl_cert_file, which is missing")
        idle = [] if self.security_protocol.endswith("SSL") else given(self, *_TLS)
        idle += [] if self.security_protocol.startswith("SASL_") else given(self, "sasl_username")
        if idle:
            raise ValueError(
                f"{' and '.join(idle)} would do nothing: security_protocol is {self.security_protocol}, SASL_SSL has both "
                "TLS and users"
            )
        return self

    def cluster(self) -> Cluster:
        """How clients reach it. Reads passwords and certificates now.

        Raises `ConfigError` naming the key whose variable or file cannot be used, never anything of what is in it.
        """
        options: dict[str, Any] = {}
        if self.security_protocol != "PLAINTEXT":
            options["security_protocol"] = self.security_protocol
        if self.security_protocol.startswith("SASL_"):
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": secret_of(self, "sasl_password", "kafka.").get_secret_value(),
            }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = self._ssl_context()
        return Cluster(self.brokers, options)

    def readings(self) -> Iterator[Callable[[], object]]:
        """What `cluster` reads, each alone: called, it raises `ConfigError` when that cannot be used."""
        if self.security_protocol.startswith("SASL_"):
            yield partial(secret_of, self, "sasl_password", "kafka.")
        if self.security_protocol.endswith("SSL"):
            yield partial(trusting, self.ssl_ca_file, "kafka.ssl_ca_file")
            if self.ssl_cert_file:
                yield partial(self._show_ours, ssl.create_default_context())

    def _ssl_context(self) -> ssl.SSLContext:
        context = trusting(self.ssl_ca_file, "kafka.ssl_ca_file")
        context.check_hostname = self.ssl_check_hostname
        if self.ssl_cert_file:
            self._show_ours(context)
        return context

    def _show_ours(self, context: ssl.SSLContext) -> None:
        assert self.ssl_cert_file is not None, "only then it is asked for"
        password = secret_of(self, "ssl_key_password", "kafka.").get_secret_value()
        try:
            # always a password: without one Python would ask for it at the terminal
            context.load_cert_chain(self.ssl_cert_file, self.ssl_key_file, password=password)
        except (OSError, ssl.SSLError) as error:
            named = "ssl_cert_file" if self.ssl_key_file is None else "ssl_cert_file, ssl_key_file"
            raise ConfigError(f"kafka.{named}: {self.ssl_cert_file} {unusable(error)}") from None
