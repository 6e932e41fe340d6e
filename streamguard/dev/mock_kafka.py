"""librdkafka's mock cluster through ctypes: what the confluent-kafka wheel carries and its Python face does not show.

Its `test.mock.num.brokers` setting starts the same cluster, with a fixed number of partitions, a pause of three seconds
before a group's first assignment, and no say in which broker leads what. The C functions called here are public
(`rdkafka_mock.h`); all of them are there since 2.10.
"""

import ctypes
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from streamguard.errors import InputError, StreamguardError

_PRODUCER = 0
_OK = 0
_TOPIC_ALREADY_EXISTS = 36
_LOG_EMERGENCIES_ONLY = b"0"
_REST_SECONDS = 0.001


class BrokerError(StreamguardError):
    """The embedded broker could not be started or told something. The message holds librdkafka's own code or words."""


class MockCluster:
    """A running mock cluster: `brokers` listeners on 127.0.0.1, everything in memory. Not thread-safe; close it once."""

    def __init__(self, brokers: int, first_assignment_ms: int) -> None:
        """Start it. `first_assignment_ms` is how long an empty group waits for more members before partitions are given out.

        Raises `InputError` when confluent-kafka is not installed, `BrokerError` when librdkafka refuses.
        """
        self._library = ctypes.CDLL(str(_library_path()))
        words = ctypes.create_string_buffer(512)
        configuration = self._pointer("rd_kafka_conf_new")()
        self._number(
            "rd_kafka_conf_set", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
        )(configuration, b"log_level", _LOG_EMERGENCIES_ONLY, words, len(words))
        self._client = self._pointer("rd_kafka_new", ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(
            _PRODUCER, configuration, words, len(words)
        )
        if not self._client:
            raise BrokerError("librdkafka: " + words.value.decode(errors="replace"))
        self._cluster = self._pointer("rd_kafka_mock_cluster_new", ctypes.c_void_p, ctypes.c_int)(self._client, brokers)
        if not self._cluster:
            self._nothing("rd_kafka_destroy", ctypes.c_void_p)(self._client)
            raise BrokerError("librdkafka could not start its mock cluster")
        self._nothing("rd_kafka_mock_group_initial_rebalance_delay_ms", ctypes.c_void_p, ctypes.c_int32)(
            self._cluster, first_assignment_ms
        )
        listeners = self._text("rd_kafka_mock_cluster_bootstraps", ctypes.c_void_p)(self._cluster)
        self.ports = tuple(int(listener.rpartition(":")[2]) for listener in listeners.decode().split(","))

    def create_topic(self, name: str, partitions: int, leader: int) -> None:
        """Create a topic, every partition led by broker number `leader` (from 1). One that exists is left as it is."""
        created = self._number(
            "rd_kafka_mock_topic_create", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int
        )(self._cluster, name.encode(), partitions, 1)
        exists = created == _TOPIC_ALREADY_EXISTS
        _check(_OK if exists else created, "create a topic")
        if exists:
            return
        lead = self._number(
            "rd_kafka_mock_partition_set_leader", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32
        )
        for partition in range(partitions):
            _check(lead(self._cluster, name.encode(), partition, leader), "set a leader")

    def advertise(self, broker: int, host: str, port: int) -> None:
        """Let clients find broker number `broker` at another address than its own."""
        self._nothing(
            "rd_kafka_mock_broker_set_host_port", ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int
        )(self._cluster, broker, host.encode(), port)

    def coordinate(self, group: str, broker: int) -> None:
        """Make broker number `broker` the coordinator of a group."""
        set_coordinator = self._number(
            "rd_kafka_mock_coordinator_set", ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int32
        )
        _check(set_coordinator(self._cluster, b"group", group.encode(), broker), "set a coordinator")

    def limit_version(self, api_key: int, highest: int) -> None:
        """Offer an API of the protocol up to version `highest` only."""
        limit = self._number(
            "rd_kafka_mock_set_apiversion", ctypes.c_void_p, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16
        )
        _check(limit(self._cluster, api_key, 0, highest), "limit an API's version")

    def close(self) -> None:
        """Stop it and forget everything that it held."""
        self._nothing("rd_kafka_mock_cluster_destroy", ctypes.c_void_p)(self._cluster)
        self._nothing("rd_kafka_destroy", ctypes.c_void_p)(self._client)

    def _pointer(self, name: str, *arguments: type) -> Callable[..., int | None]:
        return cast("Callable[..., int | None]", self._function(name, ctypes.c_void_p, arguments))

    def _number(self, name: str, *arguments: type) -> Callable[..., int]:
        return cast("Callable[..., int]", self._function(name, ctypes.c_int, arguments))

    def _text(self, name: str, *arguments: type) -> Callable[..., bytes]:
        return cast("Callable[..., bytes]", self._function(name, ctypes.c_char_p, arguments))

    def _nothing(self, name: str, *arguments: type) -> Callable[..., None]:
        return cast("Callable[..., None]", self._function(name, None, arguments))

    def _function(self, name: str, result: type | None, arguments: tuple[type, ...]) -> object:
        try:
            function = self._library[name]
        except AttributeError:
            raise BrokerError(f"this librdkafka has no {name}; confluent-kafka 2.10 or newer is needed") from None
        function.restype = result
        function.argtypes = arguments
        return function


def _check(code: int, what: str) -> None:
    """Raise unless a command to the cluster's thread went well, and let that thread come to rest.

    It answers a command before it clears its wake-up: one that follows at once can be seen only a second later.
    """
    time.sleep(_REST_SECONDS)
    if code != _OK:
        raise BrokerError(f"librdkafka could not {what}: code {code}")


def _library_path() -> Path:
    """The shared library that the wheel brings along, beside the package (Linux) or inside it (macOS)."""
    found = importlib.util.find_spec("confluent_kafka")
    if found is None or found.origin is None:
        raise InputError("the embedded broker needs confluent-kafka: pip install 'streamguard[embedded]'")
    package = Path(found.origin).parent
    for folder in (package.parent / "confluent_kafka.libs", package / ".dylibs"):
        for library in sorted(folder.glob("librdkafka*")):
            return library
    raise BrokerError("the installed confluent-kafka does not bring librdkafka along; install it from its wheel")
