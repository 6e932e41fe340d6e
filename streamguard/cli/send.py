"""`streamguard send`: requests from a file, a pipe or the command line, and their responses."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click
import orjson

from streamguard import config
from streamguard.cli.pipes import quiet_pipe
from streamguard.cli.reached import must_reach
from streamguard.cli.request_lines import objects_of, read_request, text_of
from streamguard.cli.send_showing import piece, plain_lines
from streamguard.cli.worker import config_option
from streamguard.client import Client, NotAnswered, NotSent, Request, Response, Unreachable
from streamguard.errors import InputError
from streamguard.events.codec import encode
from streamguard.stream.needs import service_needs
from streamguard.stream.topics import Topics

MOST_SECONDS = 86_400.0


@click.command()
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--text", metavar="TEXT", help="Send one request that says this.")
@click.option(
    "--tenant", default="default", show_default=True, metavar="ID", help="tenant_id of requests that have none."
)
@click.option("--user", default="default", show_default=True, metavar="ID", help="user_id of requests that have none.")
@click.option(
    "--prompt", metavar="NAME", help="With --text: render this template; the text is its variable `question`."
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the responses and print them.")
@click.option("--stream", is_flag=True, help="Show each answer on stderr while it is written; one after another.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, MOST_SECONDS, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="For each response. What is late is cancelled.",
)
@click.option("--json", "as_json", is_flag=True, help="Whole responses as JSON on a terminal too.")
@click.option("--at-once", type=click.IntRange(1), default=50, show_default=True, help="Requests under way at a time.")
@config_option
def send(
    file: str | None,
    text: str | None,
    tenant: str,
    user: str,
    prompt: str | None,
    wait: bool,
    stream: bool,
    timeout: float,
    as_json: bool,
    at_once: int,
    config_file: Path | None,
) -> None:
    """Send requests, and print each response when it comes: as a line of JSON, on a terminal what matters of it.

    FILE (- is the standard input) holds JSON objects, one a line, or a single one over several lines, as
    schemas/events/request.v1.json says; request_id, tenant_id and user_id may be left out. All are checked before the first is
    sent. A request_id that was sent before gets its first response again, and no model is asked a second time.

    Status 0 when all were answered, 1 when some were refused, failed or not answered in time, 2 when nothing could be sent.

    \b
    Examples:
      streamguard send --text "Where is my parcel?"
      streamguard send --tenant acme --user u-17 --prompt support --text "May I return shoes?" --stream
    """
    for name in ("aiokafka", "streamguard"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told here, in one line
    kafka = config.load(config_file).kafka
    client = Client.configured(kafka, timeout=timeout)
    requests = _requests(client, file, text, prompt, {"tenant_id": tenant, "user_id": user})
    plain = sys.stdout.isatty() and not as_json
    with quiet_pipe():
        try:
            asyncio.run(must_reach(kafka, service_needs(Topics.load(kafka.prefix))))
            good = asyncio.run(_send(client, requests, wait=wait, stream=stream, plain=plain, at_once=at_once))
        except Unreachable as error:
            raise InputError(str(error)) from None
    sys.exit(0 if good else 1)


def _requests(
    client: Client, file: str | None, text: str | None, prompt: str | None, defaults: dict[str, Any]
) -> list[Request]:
    if (file is None) == (text is None):
        raise InputError("send what? Give FILE, - for the standard input, or --text")
    if prompt is not None and text is None:
        raise InputError("--prompt belongs to --text; requests of a file name their own")
    if text is not None:
        asked = {"messages": [{"role": "user", "content": text}]}
        if prompt is not None:
            asked = {"prompt": {"name": prompt, "variables": {"question": text}}}
        try:
            line = orjson.dumps(asked).decode()
        except orjson.JSONEncodeError:  # a terminal or a script of another encoding
            raise InputError("--text: is no UTF-8 text") from None
        return [_request(client, "--text", line, defaults)]
    assert file is not None
    name = "standard input" if file == "-" else file
    try:
        data = _standard_input() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
    requests = [_request(client, where, line, defaults) for where, line in objects_of(name, text_of(name, data))]
    if not requests:
        raise InputError(f"{name}: holds no request; put one JSON object on each line")
    return requests


def _standard_input() -> bytes:
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  # so it is where it was closed (`<&-`)
        raise InputError("standard input: is closed")
    return sys.stdin.buffer.read()


def _request(client: Client, where: str, line: str, defaults: dict[str, Any]) -> Request:
    return read_request(where, line, {"request_id": client.new_id(), **defaults})


async def _send(
    client: Client, requests: Sequence[Request], *, wait: bool, stream: bool, plain: bool, at_once: int
) -> bool:
    """Whether all went well."""
    room = asyncio.Semaphore(1 if stream else at_once)
    good = True

    async def one(request: Request) -> None:
        nonlocal good
        try:
            good &= await (_ask(client, request, stream=stream, plain=plain) if wait else _only_send(client, request))
        except (NotAnswered, NotSent) as error:
            good = False
            click.echo(f"streamguard: {error}", err=True)
        finally:
            room.release()

    async with client:
        try:
            async with asyncio.TaskGroup() as group:
                for request in requests:
                    await room.acquire()
                    group.create_task(one(request))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    return good


async def _ask(client: Client, request: Request, *, stream: bool, plain: bool) -> bool:
    response = await (_shown(client, request) if stream else client.ask(request))
    for line in plain_lines(response) if plain else (encode(response),):
        click.echo(line)
    return response.status == "answered"


async def _only_send(client: Client, request: Request) -> bool:
    await client.send(request)
    click.echo(orjson.dumps({"tenant_id": request.tenant_id, "request_id": request.request_id}))
    return True


async def _shown(client: Client, request: Request) -> Response:
    async with aclosing(client.stream(request)) as events:
        async for event in events:
            if isinstance(event, Response):
                click.echo(err=True)
                return event
            click.echo(piece(event), nl=False, err=True)
    raise AssertionError("a stream ends with its response")
