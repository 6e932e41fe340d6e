"""Asks one question with streamguard's own client and waits for its answer, or shows it while it is written.

python examples/clients/python_client.py --brokers localhost:9092 --tenant acme --user anna "Where is my parcel?"
python examples/clients/python_client.py --stream "Where is my parcel?"

Exit status: 0 answered, 1 refused, failed or escalated, 2 the cluster cannot be used, 3 no response in time.
"""

# ruff: noqa: T201, TID251 - it talks to a person and reads its own environment

import argparse
import asyncio
import logging
import math
import os
import sys
from contextlib import aclosing

from streamguard.client import Client, ClientError, NotAnswered, Request, Response, Told


async def main() -> int:
    options = _options()
    logging.disable()  # what aiokafka tells while it connects; what fails is raised as well
    client = Client(options.brokers, prefix=options.prefix, timeout=options.timeout)
    request = client.request(
        # the id of a request whose response was missed: its first answer comes, and nothing is paid again
        request_id=options.again,
        tenant_id=options.tenant,
        user_id=options.user,
        messages=options.text,
    )
    try:
        async with client:
            response = await (_streamed(client, request) if options.stream else client.ask(request))
    except NotAnswered as error:
        print(error, file=sys.stderr)
        return 3
    except ClientError as error:
        print(f"the cluster cannot be used: {error}", file=sys.stderr)
        return 2
    return _show(response)


async def _streamed(client: Client, request: Request) -> Response:
    """Do what each event says, and in the end the response's output is what is shown, or nothing."""
    async with aclosing(client.stream(request)) as events:
        async for event in events:
            match event:
                case Response():
                    return event
                case Told(kind="text"):
                    print(event.text, end="", file=sys.stderr, flush=True)
                case Told(kind="restarted" | "retracted"):
                    print("\n-- forget that", file=sys.stderr)
                case Told():
                    print(file=sys.stderr)
    raise AssertionError("a stream ends with its response")


def _show(response: Response) -> int:
    print(f"request: {response.request_id}\nstatus: {response.status}")
    if response.reason is not None:
        print(f"reason: {response.reason}")
    if response.output is not None:
        print(f"output: {response.output}")
    if response.retry_after_us is not None:
        print(f"ask again in: {math.ceil(response.retry_after_us / 1e6)} s")
    cost = response.cost_nusd  # whole nano-dollars; none where a price is unknown
    print(f"cost: {'unknown' if cost is None else f'${cost / 1e9:.9f}'}")
    return 0 if response.status == "answered" else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", help="what to ask")
    parser.add_argument("--brokers", default=os.environ.get("KAFKA_BROKERS", "localhost:9092"), help="or KAFKA_BROKERS")
    parser.add_argument("--prefix", default="", help="that the topics' names begin with")
    parser.add_argument("--tenant", default="acme")
    parser.add_argument("--user", default="example")
    parser.add_argument("--stream", action="store_true", help="show the answer while it is written")
    parser.add_argument("--again", metavar="ID", help="the id of a request that was sent before: costs nothing more")
    parser.add_argument("--timeout", type=float, default=30.0, help="in seconds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
