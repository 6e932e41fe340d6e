"""Asks one question over Kafka and waits for its answer, with nothing but aiokafka.

python examples/clients/ask_aiokafka.py --brokers localhost:9092 --tenant acme --user anna "Where is my parcel?"

Exit status: 0 answered, 1 refused, failed or escalated, 2 the cluster cannot be used, 3 no response in time.
"""

# ruff: noqa: T201, TID251 - it talks to a person, reads its own environment, and has no JSON library to ask for

import argparse
import asyncio
import json
import logging
import math
import os
import sys
import uuid
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError
from aiokafka.helpers import create_ssl_context


async def main() -> int:
    options = _options()
    logging.disable()  # what aiokafka tells while it connects; what fails is raised as well
    try:
        consumer, producer = _clients(options)
    except (OSError, KeyError, ValueError) as error:
        print(f"the cluster cannot be used: the variables KAFKA_… do not fit ({error})", file=sys.stderr)
        return 2
    try:
        async with asyncio.timeout(options.timeout):
            await consumer.start()
            await producer.start()
            await _stand(consumer, options)  # before asking, to miss nothing
            await _ask(producer, options)
            response = await _response(consumer, options)
    except TimeoutError:
        print(f"no response to {options.request} within {options.timeout:g} s", file=sys.stderr)
        return 3
    except KafkaConnectionError:
        print(
            f"the cluster cannot be used: no way in at {options.brokers}; is it address, user or TLS?", file=sys.stderr
        )
        return 2
    except KafkaError as error:
        print(f"the cluster cannot be used: {error}", file=sys.stderr)
        return 2
    finally:
        for close in (producer.stop, consumer.stop):
            with suppress(TimeoutError):  # as long as no broker takes what was sent, `stop` would not return
                await asyncio.wait_for(close(), 2)
    return _show(response)


def _clients(options: argparse.Namespace) -> tuple[AIOKafkaConsumer, AIOKafkaProducer]:
    cluster = {"bootstrap_servers": options.brokers, **_security()}
    # In no group: each asker sees all responses and picks its own. Idempotence: what the producer's own retries send twice
    # lies there once. aiokafka's partitioner is Java's, so a tenant's requests lie where they belong.
    consumer = AIOKafkaConsumer(
        **cluster, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100
    )
    return consumer, AIOKafkaProducer(**cluster, acks="all", enable_idempotence=True)


async def _stand(consumer: AIOKafkaConsumer, options: argparse.Namespace) -> None:
    """Where each partition ends now: "latest" would be looked up later, maybe after the response has come. But the response
    to an id that was asked before lies there already and does not come again."""
    topic = f"{options.prefix}responses"
    if topic not in await consumer.topics():
        raise UnknownTopicOrPartitionError(topic)
    await consumer.end_offsets([TopicPartition(topic, 0)])  # makes the client learn its partitions
    places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(places)
    starts = await (consumer.beginning_offsets if options.again else consumer.end_offsets)(places)
    for place, start in starts.items():
        consumer.seek(place, start)


async def _ask(producer: AIOKafkaProducer, options: argparse.Namespace) -> None:
    request = {
        "request_id": options.request,
        "tenant_id": options.tenant,
        "user_id": options.user,
        "messages": [{"role": "user", "content": options.text}],
    }
    # When this raises it is no proof that nothing arrived. Send it again under the same id: it is answered once.
    await producer.send_and_wait(
        f"{options.prefix}requests",
        json.dumps(request).encode(),
        key=options.tenant.encode(),
        headers=[("schema", b"streamguard.request/1"), ("traceparent", _traceparent())],
    )


def _traceparent() -> bytes:
    """W3C trace context. Give that of the request that you are serving, and the line's telemetry joins your trace."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01".encode()


async def _response(consumer: AIOKafkaConsumer, options: argparse.Namespace) -> dict[str, Any]:
    # A request that an operator has replayed has a response for each run, all in one partition, and that of the highest holds:
    # so that partition is read to its end.
    found: dict[str, Any] | None = None
    place, end = TopicPartition("", 0), 0
    while found is None or await consumer.position(place) < end:
        message = await consumer.getone()
        response = json.loads(message.value or b"{}")
        # an id is its tenant's alone: others may use the same
        if (response.get("tenant_id"), response.get("request_id")) != (options.tenant, options.request):
            continue
        if found is None:
            place = TopicPartition(message.topic, message.partition)
            end = (await consumer.end_offsets([place]))[place]
        if found is None or response["run"] > found["run"]:
            found = response
    return found


def _show(response: dict[str, Any]) -> int:
    print(f"request: {response['request_id']}\nstatus: {response['status']}")
    for name in ("reason", "output"):
        if response.get(name) is not None:
            print(f"{name}: {response[name]}")
    if response.get("retry_after_us") is not None:
        print(f"ask again in: {math.ceil(response['retry_after_us'] / 1e6)} s")
    cost = response.get("cost_nusd")  # whole nano-dollars; none where a price is unknown
    print(f"cost: {'unknown' if cost is None else f'${cost / 1e9:.9f}'}")
    return 0 if response["status"] == "answered" else 1


def _security() -> dict[str, Any]:
    protocol = os.environ.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    found: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        found["ssl_context"] = create_ssl_context(cafile=os.environ.get("KAFKA_SSL_CA_FILE"))
    if protocol.startswith("SASL"):
        found["sasl_mechanism"] = os.environ.get("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
        found["sasl_plain_username"] = os.environ["KAFKA_SASL_USERNAME"]
        found["sasl_plain_password"] = os.environ["KAFKA_SASL_PASSWORD"]
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", help="what to ask")
    parser.add_argument("--brokers", default=os.environ.get("KAFKA_BROKERS", "localhost:9092"), help="or KAFKA_BROKERS")
    parser.add_argument("--prefix", default="", help="that the topics' names begin with")
    parser.add_argument("--tenant", default="acme")
    parser.add_argument("--user", default="example")
    parser.add_argument(
        "--again", metavar="ID", help="the id of a request whose response was missed: costs nothing more"
    )
    parser.add_argument("--timeout", type=float, default=30.0, help="in seconds")
    options = parser.parse_args()
    options.request = options.again or str(uuid.uuid4())
    return options


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
