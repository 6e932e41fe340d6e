"""What is struck must be there: a fault that strikes nothing would pass for one that was survived."""

import asyncio
from pathlib import Path

import pytest

from streamguard.processes import Command
from tests.chaos.fleet import Fleet, Member


def fleet(directory: Path) -> Fleet:
    """Of which nothing runs."""
    return Fleet("127.0.0.1:1", directory, [Member("all")], prefix="fleet.")


def test_what_does_not_run_cannot_be_struck(tmp_path: Path) -> None:
    nothing = fleet(tmp_path)
    with pytest.raises(LookupError):
        nothing.kill("all")
    with pytest.raises(LookupError):
        nothing.freeze("store")
    nothing.thaw("all")


class Lame(Fleet):
    """Whatever it starts fails at once."""

    def command(self, name: str) -> Command:
        return Command(name, ["sh", "-c", "exit 1"])


@pytest.mark.slow
async def test_what_was_stopped_while_it_paused_was_not_given_up(tmp_path: Path) -> None:
    lame = Lame("127.0.0.1:1", tmp_path, [Member("all")], prefix="fleet.")
    lame.start("all")
    async with asyncio.timeout(20):
        while lame.exits.total() < 4 or lame.pids:  # it pauses half a second by now
            await asyncio.sleep(0.02)
    await lame.stop("all")
    assert lame.given_up == []
