"""The fence: what was handed to a producer leaves only under a young lease, and never after it was broken off."""

from typing import Any, cast

import pytest
from aiokafka.errors import NodeNotReadyError

from streamguard.intake.outlet import Fenced, LeaseLapsed
from tests.unit.intake.fakes import Bench, Copying, FakeProducer, produce_request, turn


async def write(producer: FakeProducer, request: object) -> object:
    """As the producer's sender does."""
    return await producer.client.send(0, request)


async def test_requests_pass_under_a_young_lease() -> None:
    bench = await Bench(Copying()).start()
    assert await write(bench.producer, produce_request()) == "sent"


async def test_without_a_lease_a_batch_is_kept_for_later() -> None:
    bench = await Bench(Copying()).start()
    bench.clock.advance(bench.settings.lease + 0.1)
    with pytest.raises(LeaseLapsed) as raised:
        await write(bench.producer, produce_request())
    assert raised.value.retriable
    assert bench.producer.client.requests == []
    bench.gate.calm(bench.clock.monotonic())
    bench.gate.renew(bench.clock.monotonic())
    assert await write(bench.producer, produce_request()) == "sent"


async def test_only_outputs_are_fenced() -> None:
    bench = await Bench(Copying()).start()
    bench.clock.advance(bench.settings.lease + 0.1)
    assert await write(bench.producer, "a metadata request") == "sent"


async def test_a_closed_gate_lets_out_what_passed_before() -> None:
    bench = await Bench(Copying()).start()
    bench.gate.close()
    assert await write(bench.producer, produce_request()) == "sent"


async def test_what_was_broken_off_never_leaves_though_the_next_producer_does() -> None:
    bench = await Bench(Copying()).start()
    bench.outlet.break_off()
    with pytest.raises(Fenced) as raised:
        await write(bench.producer, produce_request())
    assert not raised.value.retriable
    bench.producers.append(FakeProducer())
    await bench.outlet.renew()
    assert not bench.outlet.broken
    assert await write(bench.producers[1], produce_request()) == "sent"
    with pytest.raises(Fenced):
        await write(bench.producer, produce_request())
    await turn()
    assert bench.producer.stopped


async def test_nothing_is_written_to_a_node_that_was_not_ready_when_asked() -> None:
    bench = await Bench(Copying()).start()
    bench.producer.client.is_ready = False
    with pytest.raises(NodeNotReadyError) as raised:  # connecting again could outlast the lease
        await write(bench.producer, produce_request())
    assert raised.value.retriable
    assert bench.producer.client.requests == []


async def test_a_producer_that_cannot_start_is_closed() -> None:
    class Unreachable(FakeProducer):
        async def start(self) -> None:
            raise ConnectionRefusedError

    bench = Bench(Copying())
    bench.producers[0] = Unreachable()
    with pytest.raises(ConnectionRefusedError):
        await bench.outlet.start()
    assert bench.producers[0].stopped


async def test_stop_breaks_off_and_closes() -> None:
    bench = await Bench(Copying()).start()
    future = await bench.outlet.hand("out", b"k", b"v", 0, [])
    await bench.outlet.stop()
    assert bench.producer.stopped
    assert isinstance(future.exception(), Fenced)  # a batch without a leader would hold up the end for ever
    with pytest.raises(Fenced):
        await cast("Any", bench.producer.client).send(0, produce_request())


async def test_the_lease_is_asked_again_when_the_request_is_encoded() -> None:
    bench = await Bench(Copying()).start()
    connection = bench.producer.client.connect(lambda: bench.clock.advance(bench.settings.lease + 0.1))  # frozen
    with pytest.raises(LeaseLapsed):
        await write(bench.producer, produce_request())
    assert connection.written == []
    connection.encode = lambda: None
    assert await write(bench.producer, "a metadata request") == "sent"
    bench.gate.calm(bench.clock.monotonic())
    bench.gate.renew(bench.clock.monotonic())
    assert await write(bench.producer, produce_request()) == "sent"
    assert len(connection.written) == 2
    assert connection.other == "passed on"
