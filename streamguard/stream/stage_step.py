"""Between a stage, which knows records, and its intake, which knows bytes."""

import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streamguard import metrics
from streamguard.errors import InputAtFault, InvalidRecord, StreamguardError
from streamguard.events.base import Record
from streamguard.events.booked import JournalEntry
from streamguard.events.codec import RECORDS, decode, encode, schema_name
from streamguard.events.outcome import Outcome
from streamguard.events.request import Request
from streamguard.events.stages import Admitted, Carried
from streamguard.intake.contract import Output, Received
from streamguard.intake.damage import is_text
from streamguard.intake.errors import BurialRefused, Diverged
from streamguard.stages.contract import Event, Out, Stage, Step
from streamguard.stages.ending import conclude
from streamguard.stream.dead_letters import RUN, replayed_run
from streamguard.stream.topics import DEAD_LETTERS, Topics

log = logging.getLogger(__name__)

MAX_RECORD_BYTES = 1_000_000
"""The largest value that is written; the brokers' usual limit for a batch of one is 1 MiB with headers."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

_DECIDING = ("admission-journal", "outcomes", "telemetry")
"""In a step of several outputs the first is to one of these."""

Failing = Callable[[Event[Any]], Step]
"""How a request ends that a stage could read but not handle: the outputs beside the dead letter."""


class RecordTooLarge(InputAtFault):
    """A step made a record that brokers refuse, of an input that was nearly as large."""


class DecisionUnreadable(StreamguardError):
    """An output of an earlier run of this step exists and is no valid record. The input itself is not to blame."""


class BuriedBefore(StreamguardError):
    """An earlier run of this step began to bury its input: that stands, and nothing is decided, or paid, again."""


class StageStep:
    """One stage as its intake sees it: a function from a received record to outputs, and one for what it cannot handle."""

    def __init__(self, name: str, source: str, stage: Stage[Any], topics: Topics, failing: Failing | None) -> None:
        record = topics[source].record
        assert record is not None
        self._name = name
        self._record = RECORDS[record]
        self._stage = stage
        self._topics = topics
        self._failing = failing
        self._seconds = metrics.STAGE_SECONDS.labels(name)
        self._done = metrics.STAGE_EVENTS.labels(name, "done")
        self._nothing = metrics.STAGE_EVENTS.labels(name, "nothing")

    async def __call__(self, record: Received, found: Mapping[str, bytes]) -> Sequence[Output]:
        began = time.perf_counter()
        headers = _headers(record)
        if self._topics.full(DEAD_LETTERS) in found:
            raise BuriedBefore
        event = self._event(record, headers)
        step = await self._stage.run(event, self._found(found))
        outputs = self._outputs(step, event, headers)
        self._seconds.observe(time.perf_counter() - began)
        (self._done if outputs else self._nothing).inc()
        return outputs

    def bury(self, record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        """The bytes and headers as they came go to the dead letters; a request that can be named ends there too.

        When Kafka refuses that as well, the dead letter goes alone, and then without what it holds. Raises the error itself
        where the stage has no way to end a request (settle): it must not lose what happened. Only what was booked in part, by
        other rules than today's, goes to the dead letters there: it would fail for ever.
        """
        attempt, error = (error.attempt, error.why) if isinstance(error, BurialRefused) else (1, error)
        code = error_code(error)
        said = {"stage": self._name, "code": code, "src": record.src, "error": type(error).__name__}
        log.error("event buried", extra={**said, "attempt": attempt})
        ending = self._ending(record, error, found) if attempt == 1 else ()
        if attempt == 1:
            metrics.STAGE_EVENTS.labels(self._name, "buried").inc()
            metrics.DEAD_LETTERS.labels(self._name, code).inc()
        return [dead_letter(self._topics, self._name, record, code, empty=attempt > 2), *ending]

    def _ending(self, record: Received, error: BaseException, found: Mapping[str, bytes]) -> Sequence[Output]:
        """How the request ends beside its dead letter; nothing where that cannot be told or written."""
        if isinstance(error, InvalidRecord):
            return ()
        if self._failing is None:
            if isinstance(error, Diverged | DecisionUnreadable | BuriedBefore):
                return ()
            raise error
        headers = _headers(record)
        try:
            event = self._event(record, headers)
            return self._outputs(self._concluded(event, found) or self._failing(event), event, headers)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the dead letter must not fail with it
            said = {"stage": self._name, "src": record.src, "error": type(exc).__name__}
            log.error("the request could not be ended beside its dead letter", extra=said)
            return ()

    def _concluded(self, event: Event[Any], found: Mapping[str, bytes]) -> Step:
        """What follows from an outcome that exists: it decides, whatever became of the step after it."""
        value = found.get(self._topics.full("outcomes"))
        if not value:
            return ()
        return conclude(event.key, decode(Outcome, value), event.record if isinstance(event.record, Carried) else None)

    def _event(self, record: Received, headers: Mapping[str, bytes]) -> Event[Any]:
        run = replayed_run(headers, self._topics.full(DEAD_LETTERS))
        decoded = decode(self._record, record.value, _text(headers.get("schema")))
        if run is not None and isinstance(decoded, Admitted | Carried):
            decoded = decoded.model_copy(update={"run": run})
        return Event(
            record=decoded,
            key=_text(record.key) or "",
            src=record.src,
            partition=record.partition,
            offset=record.offset,
            timestamp_us=record.timestamp * 1000,
            size=len(record.value or b""),
            trace_id=trace_id(headers),
            placed="placed" in headers,
            run=run,
        )

    def _found(self, found: Mapping[str, bytes]) -> Record | None:
        """The deciding output, which exists when any does: it is acknowledged before the others are sent. A scan may come upon
        those earlier."""
        for full, value in sorted(found.items(), key=lambda item: self._topics.plain(item[0]) not in _DECIDING):
            record = self._topics[self._topics.plain(full)].record
            if record is not None and value:
                try:
                    return decode(RECORDS[record], value)
                except InvalidRecord as exc:
                    raise DecisionUnreadable(f"{full}: {exc.code}") from exc
        return None

    def _outputs(self, step: Step, event: Event[Any], headers: Mapping[str, bytes]) -> list[Output]:
        # what is no trace is not passed on: it may hold anything, and headers carry no user text
        trace = headers["traceparent"] if event.trace_id else new_trace(event.src)
        deadline = _deadline(event.record)
        return [self._output(out, trace, deadline) for out in step]

    def _output(self, out: Out, trace: bytes, deadline: int | None) -> Output:
        headers: list[tuple[str, bytes]] = [("traceparent", trace)]
        if deadline is not None:
            headers.append(("deadline", str(deadline).encode()))
        if out.placed:
            headers.append(("placed", b"1"))
        if out.run is not None:
            headers.append((RUN, b"%d" % out.run))
        value = None
        if out.record is not None:
            headers.append(("schema", schema_name(type(out.record)).encode()))
            if isinstance(out.record, JournalEntry | Admitted) and out.record.decision is not None:
                headers.append(("epoch", str(out.record.decision.epoch).encode()))
            value = encode(out.record)
            if len(value) > MAX_RECORD_BYTES:
                raise RecordTooLarge(f"{out.topic}: {len(value)} bytes, at most {MAX_RECORD_BYTES} are written")
        return Output(self._topics.full(out.topic), out.key.encode(), value, tuple(headers), out.partition)


def dead_letter(topics: Topics, stage: str, record: Received, code: str, *, empty: bool = False) -> Output:
    """The record as it came, with what was wrong (`dlq.code`), who found it (`dlq.stage`) and where it lay (`dlq.at`).

    Its own `src` and `of` headers are kept under `dlq.src` and `dlq.of`: those names are the intake's. A name that is not
    UTF-8 is kept as `dlq.hex.` and its bytes in hexadecimal digits. An `empty` letter, for a record that is too large even
    here, has neither key, value nor headers of it, but its value's size in bytes (`dlq.size`).
    """
    said = (("dlq.code", code.encode()), ("dlq.stage", stage.encode()), ("dlq.at", record.src.encode()))
    if empty:
        size = (("dlq.size", b"%d" % len(record.value or b"")),)
        return Output(topics.full(DEAD_LETTERS), None, None, (*said, *size))
    kept = tuple((_kept(name), value) for name, value in record.headers)
    return Output(topics.full(DEAD_LETTERS), record.key, record.value, (*kept, *said))


def _kept(name: str) -> str:
    if not is_text(name):
        return f"dlq.hex.{name.encode(errors='surrogateescape').hex()}"
    return f"dlq.{name}" if name in ("src", "of") else name


def error_code(error: BaseException) -> str:
    """A stable word for an error: its own code where it has one, else the name of its class."""
    code = getattr(error, "code", None) if isinstance(error, StreamguardError) else None
    return code if isinstance(code, str) else type(error).__name__


def trace_id(headers: Mapping[str, bytes]) -> str | None:
    """The trace id (32 hex digits) of a W3C `traceparent`, None where there is none that can be read."""
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", b""))
    return found[1].decode() if found else None


def new_trace(src: str) -> bytes:
    """A trace for a request that came without: derived from where it lay, so that a second run continues the same."""
    digest = hashlib.blake2b(src.encode(), digest_size=24).hexdigest()
    return f"00-{digest[:32]}-{digest[32:]}-01".encode()


def _headers(record: Received) -> dict[str, bytes]:
    """The headers that say something, the last of each name: Kafka lets a producer send one without a value (None)."""
    return {name: value for name, value in record.headers if value}


def _deadline(record: Record) -> int | None:
    if isinstance(record, Request):
        return record.deadline
    if isinstance(record, Admitted):
        return record.request.deadline
    return record.head.deadline if isinstance(record, Carried) else None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
