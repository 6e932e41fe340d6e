"""Runs commands of streamguard, each in a fork of this process, which has loaded them all: `python -m tests.support.forks`.

Reads a JSON object a line: `words` (as typed), `environment` (the whole of it), `printed` (a file for what it says). Answers with
two lines: the fork's process id, and its exit status.
"""

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

import orjson

from streamguard.cli import COMMANDS, main


def _child(words: list[str], environment: dict[str, str], printed: Path) -> None:
    out = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    status = 1
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:  # noqa: BLE001 -- what Python itself would print and end with
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    for place in COMMANDS.values():
        import_module(place.partition(":")[0])
    for line in sys.stdin:
        told = orjson.loads(line)
        file = Path(told["printed"])
        file.write_bytes(b"")
        if (pid := os.fork()) == 0:
            _child(told["words"], told["environment"], file)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
