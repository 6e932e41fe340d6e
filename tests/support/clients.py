"""The clients of `examples/clients`, run as a service's developer runs them: a process each."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import executable

from streamguard.config import plain_environment
from streamguard.processes import die_with_parent
from tests.support.node import installed
from tests.support.unavailable import or_skip

EXAMPLES = Path(__file__).parents[2] / "examples" / "clients"
CLIENTS = ("ask_confluent.py", "ask_aiokafka.py", "ask_kafkajs.mjs")
SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a client printed (`name: value` a line), what it complained of, and its exit status."""

    status: int
    said: Mapping[str, str]
    complaint: str


@dataclass(frozen=True, slots=True)
class Client:
    """One of `CLIENTS`, and how it is run."""

    name: str
    command: tuple[str, ...]

    async def ask(
        self, brokers: str, text: str, *options: str, prefix: str = "", environment: Mapping[str, str] | None = None
    ) -> Told:
        """Run it once. Raises `TimeoutError` when it does not come to an end."""
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *("--brokers", brokers, "--prefix", prefix, *options, text),
            env={**plain_environment(), **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent(),
        )
        try:
            out, complaint = await asyncio.wait_for(process.communicate(), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        said = dict(line.split(": ", 1) for line in out.decode().splitlines())
        return Told(process.returncode or 0, said, complaint.decode())


async def all_ask(
    brokers: str, *options: str, prefix: str = "", environment: Mapping[str, str] | None = None
) -> list[Told]:
    """What each of them tells, side by side: for what takes its time and no processor. Skips where one cannot be had."""
    clients = or_skip(lambda: [client(name) for name in CLIENTS])
    asking = (
        one.ask(brokers, "Where is my parcel?", *options, prefix=prefix, environment=environment) for one in clients
    )
    return await asyncio.gather(*asking)


def client(name: str) -> Client:
    """Raises `Unavailable` where it needs Node and there is none, or its packages cannot be had."""
    if not name.endswith(".mjs"):
        return Client(name, (executable, str(EXAMPLES / name)))
    folder = installed(EXAMPLES, "clients")
    # a module looks for its packages beside itself; tests install nothing into the checkout
    return Client(name, ("node", str(shutil.copy(EXAMPLES / name, folder / name))))
