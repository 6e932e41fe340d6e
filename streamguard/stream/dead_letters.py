"""Dead letters and what can become of them: pure, from a record of the topic to what an operator sees and replays.

A letter of a stage up to verify is replayed as the next `run` of its request: the bytes stay as they came, the header `run`
tells the stage which pass it is. A letter of settle or the sink is a booking that could not be made: it keeps its run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import orjson

from streamguard.intake.contract import Received
from streamguard.intake.damage import UNREADABLE_BATCH, UNREADABLE_HEADER
from streamguard.intake.existing import OF, SRC, InputId, parse_src
from streamguard.intake.marks import Place
from streamguard.stream.topics import DEAD_LETTERS, Topics

RUN = "run"
"""Header of a replayed dead letter: which pass of its request it is."""
CODE, STAGE, AT, SIZE = "dlq.code", "dlq.stage", "dlq.at", "dlq.size"
_KEPT = ("dlq.src", "dlq.of")

PASSES = ("requests", "admitted", "guarded", "invocations", "invocations-batch", "completions")
"""Topics whose records are a request under way: replayed, it makes its next pass."""
BOOKINGS = ("outcomes", "telemetry", "payloads")
"""Topics whose records tell how a request ended: replayed, that is booked late."""
_UNBOOKED = frozenset({"undecodable", "unknown_schema", "invalid_record"})
"""Codes with which nothing of a booking was made."""

MOST_RUNS = 999_999
_NUMBER = re.compile(rb"[2-9]|[1-9][0-9]{1,5}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_TENANT = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Refusal = Literal["elsewhere", "not_kept", "damaged", "misplaced", "booked"]
REFUSALS: Mapping[Refusal, str] = {
    "elsewhere": "it does not say where it lay, or not in a topic of this line",
    "not_kept": "it was too large to be kept: only its size is known",
    "damaged": "no client could read it as a record, and none can write it again",
    "misplaced": "it stands on another partition than its tenant's, and says that admit placed it there",
    "booked": "its request is booked in part already, and would be booked twice",
}
"""Why a letter is never replayed."""


def replayed_run(headers: Mapping[str, bytes], dead_letters: str) -> int | None:
    """Which pass of its request a record is, when it was replayed from the topic `dead_letters`; None when it was not.

    A header `run` counts beside a `src` that names a dead letter, or in a request that admit has sent on from there: services
    may have a header of this name too, for something else.
    """
    value = headers.get(RUN, b"")
    ours = headers.get(SRC, b"").startswith(dead_letters.encode() + b"/") or "placed" in headers
    return int(value) if ours and _NUMBER.fullmatch(value) else None


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter, without what it holds. `stage` and `code` are `?` where they are not ours; `timestamp` in ms."""

    place: Place
    offset: int
    timestamp: int
    at: InputId | None
    """The record that it was."""
    topic: str
    """Where that lay, without prefix; empty when it is not known."""
    stage: str
    code: str
    tenant: str | None
    bytes: int
    """Of key and value."""
    run: int | None
    """The pass that a replay makes; None where it is none."""
    refusal: Refusal | None

    @property
    def name(self) -> str:
        """How operators name it: `topic/partition/offset`."""
        return f"{self.place.topic}/{self.place.partition}/{self.offset}"

    @property
    def src(self) -> str:
        """How `src` headers and decisions name it, for ever."""
        return f"{self.name}/{self.timestamp}"

    @property
    def target(self) -> Place | None:
        """The partition where a replay goes: the one where it lay."""
        return self.at.place if self.at and self.topic else None


def read_letter(record: Received, topics: Topics) -> Letter:
    """What a record of `dead-letters` says about itself."""
    said = _said(record)
    at = parse_src(said.get(AT))
    topic = topics.plain(at.place.topic) if at else ""
    if topic not in (*PASSES, *BOOKINGS) or at is None or at.place.topic != topics.full(topic):
        topic = ""
    code, stage = _word(said.get(CODE)), _word(said.get(STAGE))
    return Letter(
        place=Place(record.topic, record.partition),
        offset=record.offset,
        timestamp=record.timestamp,
        at=at,
        topic=topic,
        stage=stage,
        code=code,
        tenant=_tenant(record.key),
        bytes=len(record.key or b"") + len(record.value or b""),
        run=_next_run(record, topic, topics.full(DEAD_LETTERS)) if topic in PASSES else None,
        refusal=_refusal(topic, stage, code, empty=SIZE in said and record.key is None and record.value is None),
    )


def original_headers(record: Received) -> tuple[tuple[str, bytes], ...]:
    """The headers of the record that a letter holds, in their order: without what was added, and without its `src` and `of`,
    which were an intake's."""
    ours = {_last(record, name) for name in (CODE, STAGE, AT)}
    return tuple(
        header
        for number, header in enumerate(record.headers)
        if number not in ours and header[0] not in (SRC, OF, *_KEPT)
    )


def replayed_headers(letter: Letter, record: Received, topics: Topics) -> tuple[tuple[str, bytes], ...]:
    """The headers of a replay, `src` and `of` aside: those the record had, and its `run` where it is a pass."""
    headers = original_headers(record)
    if letter.run is None:
        return headers
    if _run_before(record, topics.full(DEAD_LETTERS)) is not None:  # a replay itself: its next run takes the place
        headers = tuple(header for header in headers if header[0] != RUN)
    return (*headers, (RUN, b"%d" % letter.run))


def _said(record: Received) -> dict[str, bytes]:
    """What was added to the record's own headers: it stands behind them, so the last of each name counts."""
    return {name: value for name, value in record.headers if name in (CODE, STAGE, AT, SIZE) and value}


def _last(record: Received, name: str) -> int | None:
    return max((number for number, header in enumerate(record.headers) if header[0] == name), default=None)


def _refusal(topic: str, stage: str, code: str, *, empty: bool) -> Refusal | None:
    if not topic:
        return "elsewhere"
    if empty:
        return "not_kept"
    if code in (UNREADABLE_BATCH, UNREADABLE_HEADER):
        return "damaged"
    if (stage, code) == ("admit", "Misplaced"):
        return "misplaced"
    return "booked" if topic in BOOKINGS and code not in _UNBOOKED else None


def _run_before(record: Received, dead_letters: str) -> int | None:
    """The pass that the record was, by its headers; None when it was no replay."""
    headers = {SRC if name == _KEPT[0] else name: value for name, value in record.headers if name != SRC and value}
    return replayed_run(headers, dead_letters)


def _next_run(record: Received, topic: str, dead_letters: str) -> int:
    """One more than the pass it was, by its headers or, behind admit, by the record itself."""
    inside = 1 if topic == "requests" else _run_inside(record.value or b"")
    return 1 + min(max(_run_before(record, dead_letters) or 1, inside), MOST_RUNS - 1)


def _run_inside(value: bytes) -> int:
    try:
        fields = cast("object", orjson.loads(value))
    except orjson.JSONDecodeError:
        return 1
    run = cast("dict[str, object]", fields).get(RUN) if isinstance(fields, dict) else None
    return run if isinstance(run, int) and not isinstance(run, bool) and run > 0 else 1


def _tenant(key: bytes | None) -> str | None:
    """Who asked, by a key that is a tenant's or `tenant/conversation`; what cannot be a tenant's name is not shown."""
    found = _TENANT.fullmatch((key or b"").split(b"/")[0])
    return found[0].decode() if found else None


def _word(value: bytes | None) -> str:
    text = (value or b"").decode(errors="replace")
    return text if _WORD.fullmatch(text) else "?"
