"""The door that tests of a cut network rely on, before a server that repeats what it hears."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.cut import Door
from tests.support.kafka import free_ports

SILENCE = 0.1
SOON = 10.0


class Server:
    """Repeats what it hears; `ended` are connections that were closed in order, `broken` those that were reset."""

    def __init__(self, port: int) -> None:
        self.heard = b""
        self.ended = self.broken = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._repeat, args=(one,), daemon=True).start()

    def _repeat(self, one: socket.socket) -> None:
        with one:
            try:
                while some := one.recv(1 << 16):
                    self.heard += some
                    one.sendall(some)
                self.ended += 1
            except OSError:
                self.broken += 1


class Client:
    """One connection through the door."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), SOON)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def says(self, what: bytes) -> None:
        self.socket.sendall(what)

    def hears(self, expected: bytes) -> bool:
        self.socket.settimeout(SOON)
        heard = b""
        while len(heard) < len(expected) and (some := self.socket.recv(1 << 16)):
            heard += some
        return heard == expected

    def hears_nothing(self) -> bool:
        self.socket.settimeout(SILENCE)
        try:
            self.socket.recv(1)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def ports() -> list[int]:
    return free_ports(2)


@pytest.fixture
def server(ports: list[int]) -> Iterator[Server]:
    server = Server(ports[1])
    yield server
    server.close()


@pytest.fixture
def door(ports: list[int]) -> Iterator[Door]:
    door = Door([(ports[0], ports[1])])
    door.start()
    yield door
    door.stop()


@pytest.fixture
def client(server: Server, door: Door) -> Iterator[Client]:
    """It is connected to the server through the door."""
    with Client(door.brokers) as client:
        client.says(b"1")
        assert client.hears(b"1")
        assert server.heard == b"1"
        yield client


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_bytes_pass_both_ways_however_many(client: Client) -> None:
    much = bytes(range(256)) * (1 << 14)
    sending = threading.Thread(target=client.says, args=(much,))
    sending.start()
    assert client.hears(much)
    sending.join()


def test_a_cut_holds_what_both_send_until_it_is_healed(client: Client, door: Door, server: Server) -> None:
    door.cut()
    client.says(b"during")
    assert client.hears_nothing()
    assert server.heard == b"1"
    door.heal()
    assert client.hears(b"during")


def test_an_answer_under_way_is_held_too(client: Client, door: Door, server: Server) -> None:
    door.delay(0.05)
    client.says(b"2")
    until(lambda: server.heard == b"12")
    door.cut()
    assert client.hears_nothing()
    door.heal()
    assert client.hears(b"2")


def test_who_dies_during_a_cut_is_heard_after_it(client: Client, door: Door, server: Server) -> None:
    door.cut()
    client.says(b"last words")
    client.socket.close()
    time.sleep(SILENCE)
    assert (server.heard, server.ended, server.broken) == (b"1", 0, 0)
    door.heal()
    until(lambda: server.ended + server.broken)
    assert server.heard == b"1last words"


def test_what_a_firewall_forgot_never_arrives(client: Client, door: Door, server: Server) -> None:
    door.cut()
    client.says(b"during")
    assert client.hears_nothing()
    door.heal(late=False)
    with pytest.raises(ConnectionResetError):
        client.hears(b"during")
    until(lambda: server.broken)
    assert server.heard == b"1"


def test_new_connections_hang_while_cut(server: Server, door: Door) -> None:
    door.cut()
    with Client(door.brokers) as client:
        client.says(b"hello")
        assert client.hears_nothing()
        assert (server.heard, door.connections) == (b"", 1)
        door.heal()
        assert client.hears(b"hello")


def test_a_reset_is_one_on_both_sides_and_new_connections_work(client: Client, door: Door, server: Server) -> None:
    door.reset()
    with pytest.raises(ConnectionResetError):
        client.hears(b"2")
    until(lambda: server.broken)
    assert door.connections == 0
    with Client(door.brokers) as again:
        again.says(b"3")
        assert again.hears(b"3")


def test_a_delay_is_there_and_back(client: Client, door: Door) -> None:
    door.delay(0.06)
    began = time.monotonic()
    client.says(b"2")
    assert client.hears(b"2")
    assert time.monotonic() - began >= 0.12
    door.heal()
    client.says(b"3")
    assert client.hears(b"3")


def test_only_some_brokers_can_be_cut_off(server: Server, ports: list[int]) -> None:
    door = Door([(ports[0], ports[1]), (free_ports(1)[0], ports[1])])
    door.start()
    door.cut([2])
    first, second = map(Client, door.brokers.split(","))
    with first, second:
        for client in (first, second):
            client.says(b"1")
        assert first.hears(b"1")
        assert second.hears_nothing()
    door.stop()


def test_a_broker_that_is_not_there_resets_its_client(door: Door) -> None:
    with pytest.raises(ConnectionResetError), Client(door.brokers) as client:
        client.hears(b"1")


def test_it_can_be_stopped_while_cut_and_started_again(client: Client, door: Door) -> None:
    door.cut()
    door.stop()
    with pytest.raises(ConnectionResetError):
        client.hears(b"1")
    door.start()
    with Client(door.brokers) as again:
        again.says(b"2")
        assert again.hears(b"2")


def test_a_door_of_a_cluster_that_does_not_run_cannot_be_cut() -> None:
    with pytest.raises(RuntimeError):
        Door([(1, 1)]).cut()
