"""The README as a newcomer takes it up: its commands as they stand, at a terminal, and then what they promise together."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import clickhouse_connect
import orjson
import pytest

from streamguard.config import plain_environment
from tests.support.clients import CLIENTS, EXAMPLES, Client, client
from tests.support.dev_line import Dev
from tests.support.kafka import ROOT
from tests.support.node import installed
from tests.support.readme import PAGE, TYPED, Block, as_shown, fenced, sections, shell_blocks
from tests.support.terminal import typed
from tests.support.unavailable import or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TEXT = PAGE.read_text()
OTHER_TERMINAL = next(block for block in shell_blocks(TEXT) if "source streamguard-dev/dev.env" in block.commands)
"""What the reader types first in the terminal where `dev` does not run."""
TENANT, USER = "newcomer", "u-1"
A_MINUTE = 20
"""Requests of one user that are let in within a minute."""
SECONDS = 30.0


@pytest.fixture(scope="module")
def checkout(dev: Dev, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks to the reader's commands as a checkout does in which `make setup` and `dev` were run."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "streamguard-dev").symlink_to(dev.folder)
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("node_modules"))
    (folder / "ask.py").write_text("\n".join(fenced(sections(TEXT)["Send one event"], "python")))
    return folder


def type_in(checkout: Path, command: str) -> tuple[int, str]:
    script = "\n".join([*OTHER_TERMINAL.commands, command])
    return typed(script, checkout, plain_environment())


def test_the_commands_do_what_the_page_shows(checkout: Path) -> None:
    """In the order of the page. Where it shows what a block prints, that is what it prints."""
    or_skip(lambda: installed(EXAMPLES, "clients"))
    blocks = [block for block in shell_blocks(TEXT) if block.heading in TYPED]
    wrong = [said for block in blocks if (said := _wrong(block, checkout))]
    status, printed = type_in(checkout, "python ask.py")
    if status or not printed.startswith("answered None "):
        wrong.append(f"the page's Python: status {status}:\n{printed}")
    assert not wrong, "\n\n".join(wrong)


def _wrong(block: Block, checkout: Path) -> str:
    printed: list[str] = []
    for command in block.commands:
        status, said = type_in(checkout, command)
        printed.append(said)
        if status or "Traceback" in said or not said.strip():
            return f"{command}: status {status}:\n{said[-2000:]}"
    if block.shown is not None and not as_shown(block.shown, "".join(printed)):
        return f"{block.commands}: the page shows\n{block.shown}\nand there came\n{''.join(printed)}"
    return ""


async def test_a_newcomer_asks_in_each_way_sees_the_cost_and_is_refused_after_the_twentieth(
    dev: Dev, checkout: Path
) -> None:
    clients = or_skip(lambda: [client(name) for name in ("python_client.py", *CLIENTS)])
    whose = ("--tenant", TENANT, "--user", USER)
    asked = [one.ask(dev.kafka, f"May I pay by card {one.name}?", *whose) for one in clients]
    told = await asyncio.gather(*asked)
    for one in told:
        assert (one.status, one.complaint, one.said["status"]) == (0, "", "answered")
        assert one.said["output"]
    printed = {one.said["request"]: Decimal(one.said["cost"].removeprefix("$")) for one in told}
    assert len(printed) == len(clients)
    assert all(cost > 0 for cost in printed.values())

    # what each printed is what the store holds: to any client of ClickHouse, and to our own command
    assert await _costs(dev, len(printed)) == printed
    sql = f"SELECT request_id, cost FROM requests WHERE tenant_id = '{TENANT}'"
    _, rows = await asyncio.to_thread(type_in, checkout, f'streamguard query --json "{sql}"')
    found = {row["request_id"]: Decimal(row["cost"]) for row in map(orjson.loads, rows.splitlines())}
    assert found == printed

    # as many as the minute has room for, and no more
    rest = "".join(
        orjson.dumps({"messages": [{"role": "user", "content": f"May I pay in {n} parts?"}]}).decode() + "\n"
        for n in range(A_MINUTE - len(clients))
    )
    (checkout / "rest.jsonl").write_text(rest)
    status, said = await asyncio.to_thread(type_in, checkout, f"streamguard send rest.jsonl {' '.join(whose)}")
    assert status == 0, said
    assert said.count("answered · ") == A_MINUTE - len(clients)
    await _refused(clients[0], dev, whose)  # the plain ones: tests/contract/test_example_clients.py
    status, said = await asyncio.to_thread(type_in, checkout, f"streamguard send --text Hello? {' '.join(whose)}")
    assert status == 1, said
    assert said.startswith("refused: rate_limited_user · ")
    assert " · ask again in " in said


async def _refused(one: Client, dev: Dev, whose: Sequence[str]) -> None:
    told = await one.ask(dev.kafka, "May I pay by card?", *whose)
    assert (told.status, told.said["status"], told.said["reason"]) == (1, "refused", "rate_limited_user")
    assert 0 < int(told.said["ask again in"].removesuffix(" s")) <= 60
    assert told.said["cost"] == "$0.000000000"


async def _costs(dev: Dev, count: int) -> dict[str, Decimal]:
    """Of the tenant's requests, once there are so many of them in the store."""
    store = await asyncio.to_thread(clickhouse_connect.get_client, dsn=f"{dev.clickhouse}/streamguard")
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                sql = "SELECT request_id, cost FROM requests WHERE tenant_id = {tenant:String}"
                rows = (await asyncio.to_thread(store.query, sql, parameters={"tenant": TENANT})).result_rows
                if len(rows) >= count:
                    return {str(request_id): Decimal(cost) for request_id, cost in rows}
                await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(store.close)
