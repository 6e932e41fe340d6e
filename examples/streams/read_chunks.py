"""Shows an answer while it is written: reads `response-chunks`, and `responses`, which decides.

python examples/streams/read_chunks.py --brokers localhost:9092 --tenant acme --ask "Where is my parcel?"
python examples/streams/read_chunks.py --brokers localhost:9092 --request r-17      # one that was sent before
"""

# ruff: noqa: T201 - it talks to a person

import argparse
import asyncio
import uuid

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streamguard.events.chunk import Chunk
from streamguard.events.outcome import Response
from streamguard.events.reading import ChunkReader


async def main() -> None:
    options = _options()
    chunks, responses = f"{options.prefix}response-chunks", f"{options.prefix}responses"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=options.brokers, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    await consumer.start()
    try:
        places = await _partitions(consumer, chunks, responses)
        consumer.assign(places)
        # A request's chunks lie in one partition; which one is no service's business, so all are read. To miss none, one
        # stands at the ends before one asks.
        starts = await (consumer.end_offsets if options.ask else consumer.beginning_offsets)(places)
        for place, start in starts.items():
            consumer.seek(place, start)
        if options.ask:
            await _ask(options)
        # a request's id is its tenant's alone
        reader, asked = ChunkReader(), (options.tenant, options.request)
        async for record in consumer:
            if record.topic == chunks:
                chunk = Chunk.model_validate_json(record.value or b"")
                if (chunk.tenant_id, chunk.request_id) == asked:
                    show(reader, chunk)
                continue
            response = Response.model_validate_json(record.value or b"")
            if (response.tenant_id, response.request_id) == asked:
                close(reader, response)
                return
    finally:
        await consumer.stop()


def show(reader: ChunkReader, chunk: Chunk) -> None:
    for told in reader.feed(chunk):
        if told.kind == "text":
            print(told.text, end="", flush=True)
        elif told.kind == "restarted":
            print("\n-- not that; anew:", flush=True)
        elif told.kind == "retracted":
            print("\n-- taken back: forget what you read", flush=True)


def close(reader: ChunkReader, response: Response) -> None:
    """The response decides. Chunks may come a moment later than it, or get lost: what they did not show is shown now."""
    if response.output is not None and response.output.startswith(reader.text):
        print(response.output.removeprefix(reader.text), end="")
    elif response.output is not None:
        print(f"\n-- not that; the answer:\n{response.output}", end="")
    elif reader.text:
        print("\n-- taken back: forget what you read", end="")
    print(f"\n-- {response.status}{f': {response.reason}' if response.reason else ''}")


async def _ask(options: argparse.Namespace) -> None:
    request = {
        "request_id": options.request,
        "tenant_id": options.tenant,
        "user_id": "example",
        "stream": True,
        "messages": [{"role": "user", "content": options.ask}],
    }
    producer = AIOKafkaProducer(bootstrap_servers=options.brokers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(
            f"{options.prefix}requests",
            orjson.dumps(request),
            key=options.tenant.encode(),
            headers=[("schema", b"streamguard.request/1")],
        )
    finally:
        await producer.stop()


async def _partitions(consumer: AIOKafkaConsumer, *topics: str) -> list[TopicPartition]:
    await consumer.end_offsets([TopicPartition(topic, 0) for topic in topics])  # makes the client learn the topics
    return [TopicPartition(topic, n) for topic in topics for n in sorted(consumer.partitions_for_topic(topic) or ())]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", default="localhost:9092")
    parser.add_argument("--prefix", default="", help="that the topics' names begin with")
    parser.add_argument("--tenant", default="acme")
    parser.add_argument("--request", default=f"example-{uuid.uuid4()}", help="its id")
    parser.add_argument("--ask", help="send this question first")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
