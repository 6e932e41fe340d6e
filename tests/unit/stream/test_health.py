"""What a worker tells about itself over HTTP."""

from dataclasses import dataclass

import httpx
import pytest

from streamguard.clock import FakeClock
from streamguard.errors import ConfigError
from streamguard.stream.health import Health, PortTaken


@dataclass
class Stage:
    settled: bool = False


def test_it_is_ready_when_every_stage_has_settled_and_names_those_that_have_not() -> None:
    health = Health(["admit", "guard"], FakeClock())
    assert health.answer("/ready") == ("503 Service Unavailable", "not ready: admit, guard\n")
    admit, guard = Stage(settled=True), Stage()
    health.watch("admit", admit)
    health.watch("guard", guard)
    assert health.answer("/ready") == ("503 Service Unavailable", "not ready: guard\n")
    guard.settled = True
    assert health.answer("/ready") == ("200 OK", "ready\n")
    admit.settled = False  # a rebalance
    assert health.answer("/ready") == ("503 Service Unavailable", "not ready: admit\n")


async def test_it_is_alive_while_its_loop_turns() -> None:
    class Stops(FakeClock):
        """Its third second never ends."""

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if len(self.slept) == 3:
                raise TimeoutError

    clock = Stops()
    health = Health([], clock)
    try:
        await health.beat()
    except TimeoutError:
        assert health.answer("/live") == ("200 OK", "alive\n")
    clock.advance(20)
    assert health.answer("/live") == ("503 Service Unavailable", "the event loop has not turned for 21 s\n")


def test_it_answers_beside_the_metrics() -> None:
    health = Health(["admit"], FakeClock())
    health.serve(0)
    with httpx.Client(base_url=f"http://{health.address}", trust_env=False) as client:
        answers = {path: client.get(path) for path in ("/ready", "/live", "/metrics")}
        assert {path: answer.status_code for path, answer in answers.items()} == {
            "/ready": 503,
            "/live": 200,
            "/metrics": 200,
        }
        assert answers["/ready"].text == "not ready: admit\n"
        assert "python_info" in answers["/metrics"].text
        health.watch("admit", Stage(settled=True))
        assert client.get("/ready").status_code == 200


def test_a_port_that_is_taken_is_named() -> None:
    first = Health([], FakeClock())
    first.serve(0)
    assert first.address is not None
    port = int(first.address.rpartition(":")[2])
    with pytest.raises(
        PortTaken, match=rf"^worker.metrics_port: no metrics at 127.0.0.1:{port} \(Address already in use\)$"
    ):
        Health([], FakeClock()).serve(port)


def test_a_port_beyond_the_last_is_a_mistake_of_configuration() -> None:
    """A sink's is the configured one and 64: it would be started again and again."""
    with pytest.raises(ConfigError, match=r"^worker.metrics_port: this process would have port 65564, and 65535 is"):
        Health([], FakeClock()).serve(65564)


def test_it_answers_at_another_address_where_one_is_configured_and_nowhere_else() -> None:
    health = Health([], FakeClock())
    health.serve(0, "127.0.0.2")
    assert health.address is not None
    assert health.address.startswith("127.0.0.2:")
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"http://{health.address}/live").status_code == 200
        with pytest.raises(httpx.ConnectError):
            client.get(f"http://{health.address.replace('127.0.0.2', '127.0.0.1')}/live")


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PortTaken, match=r"^worker.metrics_host: no metrics at 192.0.2.1:0 \("):
        Health([], FakeClock()).serve(0, "192.0.2.1")
