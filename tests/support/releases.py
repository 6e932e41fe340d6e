"""Later releases of the package, for tests of upgrades: its own source with a few edits, as a tree to run workers from.

A copy is made under a test's directory and run with `PYTHONPATH`: two real releases side by side, in processes of their own.
Each edit must fit exactly once, so a test cannot go on quietly with a release that is no later than ours.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamguard

PACKAGE = Path(streamguard.__file__).parent
_DATA = ("topics", "schemas", "prompts", "policies", "models", "examples")


@dataclass(frozen=True, slots=True)
class Edit:
    """In `file` of the package, what stands `after` comes behind `before`; with `instead`, in its place."""

    file: str
    before: str
    after: str
    instead: bool = False


MINOR: Sequence[Edit] = (
    # services may send a priority, and requests of a closed zone are refused with a reason of its own
    Edit("events/request.py", "    ADDED: ClassVar[tuple[str, ...]] = (", '"priority",'),
    Edit("events/request.py", "    session_id: Id | None = None\n", "    priority: int | None = None\n"),
    Edit("events/reason.py", "class Reason(StrEnum):\n", '    ZONE_CLOSED = "zone_closed"\n'),
    Edit(
        "stages/admit.py",
        "        request, limits = event.record, self._limits\n",
        '        if request.metadata.get("zone") == "closed":\n            return Reason.ZONE_CLOSED\n',
    ),
    # admit finds a zone, which goes with the request into its outcome and its telemetry
    Edit("events/stages.py", "class Carried(Record):\n", "    zone: str | None = None\n"),
    Edit("events/stages.py", "class Admitted(Record):\n", "    zone: str | None = None\n"),
    Edit("events/outcome.py", "class Outcome(Ended):\n", "    zone: str | None = None\n"),
    Edit("events/booked.py", "class Telemetry(Record):\n", "    zone: str | None = None\n"),
    Edit("stages/admit.py", "        admitted = Admitted(\n", '            zone="north",\n'),
    Edit("stages/guard.py", "        return Guarded(\n", "            zone=admitted.zone,\n"),
    Edit("stages/ending.py", "            head=admitted.head(),\n", "            zone=admitted.zone,\n"),
    Edit("stages/ending.py", '        "head": record.head,\n', '        "zone": record.zone,\n'),
    Edit("stages/settle.py", "        return Telemetry(\n", "            zone=outcome.zone,\n"),
    # parts of records have fields more, which whoever makes them fills
    Edit("events/trail.py", "class TrailEntry(Record):\n", "    host: str | None = None\n"),
    Edit("stages/watch.py", "        return TrailEntry(\n", '            host="later",\n'),
    Edit("events/stages.py", "class Reservation(Record):\n", "    memory_tokens: int | None = None\n"),
    Edit("stages/admit.py", "        return Reservation(\n", "            memory_tokens=11,\n"),
    Edit("events/trail.py", "class Verdict(Record):\n", "    judge: str | None = None\n"),
    Edit("checks/chain.py", "        passed = tuple(\n            Verdict(\n", '                judge="later",\n'),
    Edit("events/usage.py", "class Usage(Record):\n", "    audio_tokens: int | None = None\n"),
    Edit("providers/openai_answer.py", "        return Usage(", "audio_tokens=3, "),
    Edit(
        "events/usage.py",
        "        return Usage(\n",
        "            audio_tokens=(self.audio_tokens or 0) + (other.audio_tokens or 0),\n",
    ),
    Edit("events/stages.py", "class CacheUse(Record):\n", "    layer: str | None = None\n"),
    # codes of parts grow
    Edit("events/usage.py", '"reask"', ', "hedged"'),
    Edit("events/stages.py", '["miss"', ', "skipped"'),
    Edit(
        "stages/invoke.py",
        '            cache=CacheUse(status="off" if head.cache == "off" else "miss"',
        ', layer="memory").model_copy(update={"status": "skipped"}',
    ),
    Edit(
        "stages/invoke.py",
        "            calls=answered.calls,\n",
        '            calls=tuple(call.model_copy(update={"kind": "hedged"}) for call in answered.calls),\n',
        instead=True,
    ),
)
"""A later release of the same major version: fields more on records and on their parts, and codes that ours does not know."""

MAJOR: Sequence[Edit] = (Edit("events/codec.py", "MAJOR = 1\n", "MAJOR = 2\n", instead=True),)
"""A release whose records older ones cannot read."""


def release(directory: Path, edits: Sequence[Edit]) -> Path:
    """Make a release in a new `directory`, and return it. Raises `ValueError` naming an edit that does not fit exactly once."""
    shutil.copytree(PACKAGE, directory / "streamguard", ignore=shutil.ignore_patterns("__pycache__"))
    for name in _DATA:
        (directory / name).symlink_to(PACKAGE.parent / name)
    for edit in edits:
        file = directory / "streamguard" / edit.file
        text = file.read_text()
        if text.count(edit.before) != 1:
            raise ValueError(f"{edit.file}: {edit.before!r} stands there {text.count(edit.before)} times")
        file.write_text(text.replace(edit.before, edit.after if edit.instead else edit.before + edit.after))
    return directory
