"""A real broker that asks who is there: one node whose listeners want TLS and a user, or TLS and a certificate, and that lets
each user do only what it was allowed.

Its plain listener is the operator's: whoever comes there may do anything. Elsewhere users log in by SCRAM-SHA-512 or by PLAIN, or
are who their certificate says they are.
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import trustme
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (  # its package names no public face for them
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import ScramMechanism, UserScramCredentialDeletion
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.support.kafka import KafkaNode, free_ports

PASSWORD = "correct horse; battery = staple"
"""Of all users; as long and as odd as people's are."""
USERS = ("worker", "sink", "service", "stranger")


class Authority:
    """Certificates for a test, as PEM files in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._ca = folder, trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """The files of a new certificate with its chain, and of its key (PKCS 8, as Kafka wants it)."""
        made = self._ca.issue_cert(*(hosts or (f"{name}.test",)), common_name=name)  # Java takes none without a name
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        secret = load_pem_private_key(made.private_key_pem.bytes(), None)
        key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, key

    def serving(self, name: str) -> ssl.SSLContext:
        """For a server of that name at `localhost`, with a new certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue(name, "localhost"))
        return context


def fitting(section: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that its `security_protocol` has no use for: a configuration that has them is refused."""
    protocol = str(section.get("security_protocol", "PLAINTEXT"))
    idle = [] if protocol.endswith("SSL") else ["ssl_"]
    idle += [] if protocol.startswith("SASL_") else ["sasl_"]
    return {name: value for name, value in section.items() if not name.startswith(tuple(idle))}


class SecuredKafka:
    """One broker with four listeners. `start` and `stop` block; what it is told (`allow`, `forget`) holds when they return."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory / "certificates")
        self.elsewhere = Authority(directory / "strangers")
        """Somebody whom the broker does not trust, and who has not vouched for it."""
        plain, self._sasl_ssl, self._ssl, self._sasl_plain, controller = free_ports(5)
        certificate, key = self.authority.issue("broker", "localhost")
        keystore = directory / "certificates" / "keystore.pem"
        keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
        listeners = {
            "PLAINTEXT": f"127.0.0.1:{plain}",
            "SASL_SSL": f"localhost:{self._sasl_ssl}",
            "SSL": f"localhost:{self._ssl}",
            "SASL_PLAINTEXT": f"localhost:{self._sasl_plain}",
        }
        plain_users = " ".join(f'user_{name}="{PASSWORD}"' for name in USERS)
        self._node = KafkaNode(
            directory / "node",
            port=plain,
            settings={
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "listeners": ",".join(
                    f"{name}://{at}" for name, at in {**listeners, "CONTROLLER": f"127.0.0.1:{controller}"}.items()
                ),
                "listener.security.protocol.map": ",".join(f"{name}:{name}" for name in listeners)
                + ",CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
                "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(keystore),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.authority.file),
                "listener.name.ssl.ssl.client.auth": "required",
                "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
                **{
                    f"listener.name.{listener}.{mechanism}.sasl.jaas.config": module
                    for listener in ("sasl_ssl", "sasl_plaintext")
                    for mechanism, module in (
                        ("plain", f"org.apache.kafka.common.security.plain.PlainLoginModule required {plain_users};"),
                        ("scram-sha-512", "org.apache.kafka.common.security.scram.ScramLoginModule required;"),
                    )
                },
            },
            format_with=[
                part
                for name in USERS
                for part in ("--add-scram", f'SCRAM-SHA-512=[name="{name}",password="{PASSWORD}"]')
            ],
        )

    def start(self) -> None:
        """As `KafkaNode.start`."""
        self._node.start()

    def stop(self) -> None:
        """As `KafkaNode.stop`."""
        self._node.stop()

    def restart(self) -> None:
        """Away without a goodbye, and back again."""
        self._node.kill()
        self._node.start()

    @property
    def operator(self) -> str:
        """The plain listener."""
        return self._node.brokers

    def section(self, user: str = "worker", **changes: Any) -> dict[str, Any]:
        """`[kafka]` of a client over SASL_SSL, with SCRAM-SHA-512 unless `changes` say otherwise."""
        return {
            "brokers": f"localhost:{self._sasl_ssl}",
            "security_protocol": "SASL_SSL",
            "sasl_username": user,
            "sasl_password": PASSWORD,
            "ssl_ca_file": str(self.authority.file),
            **changes,
        }

    def listener(self, protocol: str) -> str:
        """The address of a listener, by its protocol."""
        ports = {"SASL_SSL": self._sasl_ssl, "SSL": self._ssl, "SASL_PLAINTEXT": self._sasl_plain}
        return f"localhost:{ports[protocol]}" if protocol in ports else self.operator

    def certificate(self, user: str, authority: Authority | None = None) -> dict[str, Any]:
        """`[kafka]` of a client who shows a certificate."""
        certificate, key = (authority or self.authority).issue(user)
        return {
            "brokers": self.listener("SSL"),
            "security_protocol": "SSL",
            "ssl_ca_file": str(self.authority.file),
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
        }

    def forget(self, user: str) -> None:
        """Nobody can log in as this user by SCRAM any more. Connections that stand go on."""
        admin = AdminClient({"bootstrap.servers": self.operator})
        gone = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
        for future in admin.alter_user_scram_credentials([gone]).values():
            future.result(10)

    def forbid(self, user: str) -> None:
        """Nothing is allowed to this user any more."""
        admin = AdminClient({"bootstrap.servers": self.operator})
        for future in admin.delete_acls([_all_of(user)]).values():
            future.result(10)

    def allow(self, user: str, topics: Mapping[str, Iterable[str]], groups: Mapping[str, Iterable[str]]) -> None:
        """Let a user do these operations (`READ`, `WRITE`, …) on topics and groups, by their names."""
        kinds = ((ResourceType.TOPIC, topics), (ResourceType.GROUP, groups))
        wanted = [
            AclBinding(
                kind,
                name,
                ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for kind, names in kinds
            for name, operations in names.items()
            for operation in operations
        ]
        admin = AdminClient({"bootstrap.servers": self.operator})  # must live until it has answered
        for future in admin.create_acls(wanted).values():
            future.result(10)
        until = time.monotonic() + 20
        while not set(wanted) <= set(
            admin.describe_acls(_all_of(user)).result(10)
        ):  # a broker heeds them a moment later
            assert time.monotonic() < until, "the broker does not know what it was told to allow"
            time.sleep(0.05)


def _all_of(user: str) -> AclBindingFilter:
    """All that was allowed to a user."""
    return AclBindingFilter(
        ResourceType.ANY,
        cast("str", None),  # any name, and below any host: the stubs do not know that
        ResourcePatternType.ANY,
        f"User:{user}",
        cast("str", None),
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
