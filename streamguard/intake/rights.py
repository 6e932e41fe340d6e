"""What a user may do on a cluster, asked in one go: which topics it may read and write, which groups it may join.

Without asking, a lacking right shows late and crooked: a topic that must not even be seen looks like one that is missing, and
what a worker writes once a day fails once a day.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    NoError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

Right = Literal["READ", "WRITE"]
"""As Kafka names operations in its ACLs. Each of them implies DESCRIBE."""

_BITS: Mapping[Right, int] = {"READ": 1 << 3, "WRITE": 1 << 4}
_UNTOLD = -(2**31)
"""In the place of the operations, where a broker does not tell."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do, or needs to: operations on topics, by their names on the cluster, and groups to be a member of."""

    topics: Mapping[str, frozenset[Right]] = field(default_factory=dict[str, frozenset[Right]])
    groups: frozenset[str] = frozenset()

    def __or__(self, other: "Rights") -> "Rights":
        names = {*self.topics, *other.topics}
        none = frozenset[Right]()
        return Rights(
            {name: self.topics.get(name, none) | other.topics.get(name, none) for name in names},
            self.groups | other.groups,
        )

    def __bool__(self) -> bool:
        return bool(self.topics or self.groups)

    def __str__(self) -> str:
        """One line: `READ requests, telemetry; WRITE outcomes; READ (group) streamguard-guard`."""
        parts = [
            f"{right} {', '.join(named)}"
            for right in _BITS
            if (named := sorted(topic for topic, rights in self.topics.items() if right in rights))
        ]
        if self.groups:
            parts.append(
                f"READ of the {'groups' if len(self.groups) > 1 else 'group'} {', '.join(sorted(self.groups))}"
            )
        return "; ".join(parts)


class _MetadataResponse(Response):
    # as in aiokafka's own; its base class declares properties
    API_KEY = 3  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType] -- see above
    API_VERSION = 8  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType] -- see above
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataStruct(RequestStruct):
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[_MetadataStruct]):
    """Of these topics, with what may be done there. aiokafka's own ends at version 5, which does not tell that."""

    API_KEY = 3

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = sorted(topics)

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        return request_struct_class(self._topics, False, False, True)


class _GroupsStruct(DescribeGroupsRequest_v3):
    RESPONSE_TYPE = DescribeGroupsResponse_v3  # aiokafka takes that of version 2, which lacks the operations


class _Groups(Request[_GroupsStruct]):
    API_KEY = 15

    def __init__(self, groups: Collection[str]) -> None:
        self._groups = sorted(groups)

    def build(self, request_struct_class: type[_GroupsStruct]) -> _GroupsStruct:
        return request_struct_class(self._groups, True)


class _Told(NamedTuple):
    """What an answer says of a topic or a group."""

    error_code: int
    name: str
    operations: int


async def lacking(connection: AIOKafkaConnection, wanted: Rights) -> Rights:
    """What of `wanted` the user of this connection may not do; nothing, where the broker does not tell (before Kafka 2.3, or
    another's). Raises what aiokafka raises.

    Of a topic that does not exist a broker tells only whether it might be seen, which users without any right on it may not; so
    does another broker than its coordinator of a group.
    """
    topics: dict[str, frozenset[Right]] = {}
    groups: set[str] = set()
    if wanted.topics:
        for topic in await _asked(connection, _Metadata(wanted.topics), "topics"):
            if lack := _lack(topic, wanted.topics[topic.name], TopicAuthorizationFailedError):
                topics[topic.name] = lack
    if wanted.groups:
        for group in await _asked(connection, _Groups(wanted.groups), "groups"):
            if _lack(group, frozenset[Right](("READ",)), GroupAuthorizationFailedError):
                groups.add(group.name)
    return Rights(topics, frozenset(groups))


def _lack(told: _Told, wanted: frozenset[Right], refused: type[Exception]) -> frozenset[Right]:
    error = for_code(told.error_code)
    if error is refused:
        return wanted
    if error is not NoError or told.operations == _UNTOLD:
        return frozenset()
    return frozenset(right for right in wanted if not told.operations & _BITS[right])


async def _asked(connection: AIOKafkaConnection, request: Request[Any], what: str) -> list[_Told]:
    try:
        answer = await cast("Any", connection).send(request)
    except (
        NotImplementedError,
        IncompatibleBrokerVersion,
    ):  # the broker knows no such version, or no such request at all
        return []
    return [_Told(item[0], item[1], item[-1]) for item in getattr(answer, what)]
