"""The plain clients of `examples/clients` over TLS with a user, and what they say when they are not let in."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import chain

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from streamguard.cli.embedded_line.settings import PARTITIONS
from streamguard.client import Client, Unreachable, answered
from streamguard.config import Kafka
from streamguard.events.codec import encode
from tests.support.clients import all_ask
from tests.support.kafka import create_topics
from tests.support.secured import PASSWORD, SecuredKafka
from tests.support.unavailable import or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

USER = "worker"
RESPONSE = {"request_id": "r-1", "tenant_id": "acme", "status": "answered", "output": "It is in Graz.", "cost_nusd": 7}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SecuredKafka]:
    """With the response to a request that was asked before; nobody answers more."""
    kafka = SecuredKafka(tmp_path_factory.mktemp("secured"))
    or_skip(kafka.start)
    await create_topics(kafka.operator, ["requests", "responses"], PARTITIONS, 1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.operator)
    await producer.start()
    await producer.send_and_wait("responses", orjson.dumps(RESPONSE))
    await producer.stop()
    # the group is for kafkajs, which reads in one of its own; the others need none
    rights = {"requests": ["WRITE", "DESCRIBE"], "responses": ["READ", "DESCRIBE"]}
    await asyncio.to_thread(kafka.allow, USER, rights, {"*": ["READ"]})
    yield kafka
    kafka.stop()


def environment(kafka: SecuredKafka, **changes: str) -> dict[str, str]:
    told = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": PASSWORD,
        "KAFKA_SSL_CA_FILE": str(kafka.authority.file),
    }
    return told | changes


async def test_a_user_who_may(secured: SecuredKafka) -> None:
    brokers = secured.listener("SASL_SSL")
    for told in await all_ask(brokers, "--again", "r-1", environment=environment(secured)):
        assert (told.status, told.complaint) == (0, "")
        assert (told.said["output"], told.said["cost"]) == ("It is in Graz.", "$0.000000007")


async def test_who_is_not_let_in_hears_it_in_one_line(secured: SecuredKafka) -> None:
    brokers = secured.listener("SASL_SSL")
    wrong = [{"KAFKA_SASL_PASSWORD": "wrong"}, {"KAFKA_SSL_CA_FILE": str(secured.elsewhere.file)}]
    no_rights = {"KAFKA_SASL_USERNAME": "stranger"}
    asked = [
        all_ask(brokers, "--timeout", "4", environment=environment(secured, **changes))
        for changes in (*wrong, no_rights)
    ]
    for told in chain.from_iterable(await asyncio.gather(*asked)):
        assert (told.status, told.said) == (2, {})
        assert told.complaint.startswith("the cluster cannot be used: ")
        assert told.complaint.count("\n") == 1
        assert PASSWORD not in told.complaint


async def test_our_own_client_asks_and_hears_in_one_line_that_it_is_not_let_in(secured: SecuredKafka) -> None:
    said = AIOKafkaProducer(bootstrap_servers=secured.operator)
    await said.start()
    try:
        async with Client(Kafka(**secured.section(USER)).cluster()) as client:
            request = client.request(request_id="r-2", tenant_id="acme", user_id="u", messages="Where is it?")
            asking = asyncio.create_task(client.ask(request))
            response, key = answered(request, "It is in Linz."), request.conversation_key.encode()
            await said.send_and_wait("responses", encode(response), key=key)
            assert await asking == response
    finally:
        await said.stop()
    for user, changes in (
        (USER, {"sasl_password": "wrong"}),
        (USER, {"ssl_ca_file": secured.elsewhere.file}),
        ("stranger", {}),
    ):
        with pytest.raises(Unreachable, match="no broker takes us at localhost") as raised:
            async with Client(Kafka(**secured.section(user, **changes)).cluster()):
                pass
        assert PASSWORD not in str(raised.value)
