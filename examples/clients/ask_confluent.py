"""Asks one question over Kafka and waits for its answer, with nothing but confluent-kafka (librdkafka).

python examples/clients/ask_confluent.py --brokers localhost:9092 --tenant acme --user anna "Where is my parcel?"

Exit status: 0 answered, 1 refused, failed or escalated, 2 the cluster cannot be used, 3 no response in time.
"""

# ruff: noqa: T201, TID251 - it talks to a person, reads its own environment, and has no JSON library to ask for

import argparse
import json
import math
import os
import sys
import time
import uuid
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

SETTINGS = {  # of librdkafka, by the variables that all these examples share
    "security.protocol": "KAFKA_SECURITY_PROTOCOL",
    "sasl.mechanism": "KAFKA_SASL_MECHANISM",
    "sasl.username": "KAFKA_SASL_USERNAME",
    "sasl.password": "KAFKA_SASL_PASSWORD",
    "ssl.ca.location": "KAFKA_SSL_CA_FILE",
}


def main() -> int:
    options = _options()
    heard: list[Any] = []  # why a connection fails is told on the side, not by the call that waits for it
    cluster: dict[str, Any] = {"bootstrap.servers": options.brokers, "log_level": 2, "error_cb": heard.append}
    cluster |= {key: os.environ[name] for key, name in SETTINGS.items() if os.environ.get(name)}
    deadline = time.monotonic() + options.timeout
    # It reads by itself, in no group: each asker sees all responses and picks its own. librdkafka wants a name all the same.
    settings = {**cluster, "group.id": "unused", "enable.auto.commit": False, "fetch.wait.max.ms": 100}
    try:
        consumer = Consumer(settings)
    except KafkaException as error:
        print(f"the cluster cannot be used: {error.args[0].str()}", file=sys.stderr)
        return 2
    try:
        consumer.assign(_starts(consumer, options))  # before asking, to miss nothing
        _ask(cluster, options)
        response = _response(consumer, options, deadline)
    except KafkaException as error:
        consumer.poll(0)  # brings what is to be heard
        print(f"the cluster cannot be used: {(heard or error.args)[0].str()}", file=sys.stderr)
        return 2
    finally:
        consumer.close()
    if response is None:
        print(f"no response to {options.request} within {options.timeout:g} s", file=sys.stderr)
        return 3
    return _show(response)


def _starts(consumer: Consumer, options: argparse.Namespace) -> list[TopicPartition]:
    """Where each partition ends now: "latest" would be looked up later, maybe after the response has come. But the response
    to an id that was asked before lies there already and does not come again."""
    topic = f"{options.prefix}responses"
    known = consumer.list_topics(topic, timeout=options.timeout).topics[topic]
    if known.error is not None:
        raise KafkaException(known.error)
    starts: list[TopicPartition] = []
    for number in known.partitions:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=options.timeout)
        starts.append(TopicPartition(topic, number, first if options.again else end))
    return starts


def _ask(cluster: dict[str, Any], options: argparse.Namespace) -> None:
    # A tenant's requests belong on the partition that Java's clients choose; librdkafka has another default. Idempotence:
    # what its own retries send twice lies there once.
    producer = Producer({**cluster, "partitioner": "murmur2_random", "enable.idempotence": True})
    request = {
        "request_id": options.request,
        "tenant_id": options.tenant,
        "user_id": options.user,
        "messages": [{"role": "user", "content": options.text}],
    }
    failures: list[Any] = []

    def told(error: Any, message: Message) -> None:
        if error is not None:
            failures.append(error)

    producer.produce(
        f"{options.prefix}requests",
        json.dumps(request).encode(),
        key=options.tenant.encode(),
        headers={"schema": b"streamguard.request/1", "traceparent": _traceparent()},
        on_delivery=told,
    )
    # Not acknowledged in time is no proof that it did not arrive. Send it again under the same id: it is answered once.
    producer.flush(options.timeout)
    if failures:
        raise KafkaException(failures[0])


def _traceparent() -> bytes:
    """W3C trace context. Give that of the request that you are serving, and the line's telemetry joins your trace."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01".encode()


def _response(consumer: Consumer, options: argparse.Namespace, deadline: float) -> dict[str, Any] | None:
    # A request that an operator has replayed has a response for each run, all in one partition, and that of the highest holds:
    # so that partition is read to its end.
    found: dict[str, Any] | None = None
    place, end = TopicPartition("", 0), 0
    while (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(min(left, 1.0))
        if message is None:
            continue
        if (error := message.error()) is not None:
            if error.retriable():
                continue
            raise KafkaException(error)
        response = json.loads(message.value() or b"{}")
        # an id is its tenant's alone: others may use the same
        if (response.get("tenant_id"), response.get("request_id")) == (options.tenant, options.request):
            if found is None:
                place = TopicPartition(message.topic() or "", message.partition() or 0)
                end = consumer.get_watermark_offsets(place, timeout=left)[1]
            if found is None or response["run"] > found["run"]:
                found = response
        if found is not None and message.partition() == place.partition and (message.offset() or 0) + 1 >= end:
            break
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
    sys.exit(main())
