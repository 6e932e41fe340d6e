"""What the audit keeps of each record: where it lies, what it was made from, whose it is, and a few facts. No texts but
those of chunks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from sys import intern
from typing import Any

from streamguard.errors import InvalidRecord
from streamguard.events.base import Record
from streamguard.events.booked import JournalEntry, Payload, Settlement, Telemetry
from streamguard.events.chunk import Chunk
from streamguard.events.codec import RECORDS, decode
from streamguard.events.outcome import Outcome, Response
from streamguard.events.request import Request
from streamguard.events.stages import Admitted, CacheEntry, Carried, Completion
from streamguard.events.usage import Call
from streamguard.intake.damage import OFFSETS, UNREADABLE_BATCH
from streamguard.intake.existing import OF, SRC, InputId, parse_src
from streamguard.intake.marks import Place
from streamguard.stream.dead_letters import replayed_run
from streamguard.stream.planned import Identity
from streamguard.stream.topics import DEAD_LETTERS, Topics
from tests.chaos.audit_rows import Booked, booked
from tests.support.audit import Entry


@dataclass(frozen=True, slots=True)
class Decided:
    """A journal entry, or the decision in an admitted record. A marker has no `epoch` but `based_on`."""

    epoch: int | None
    action: str = "marker"
    partition: int = 0
    based_on: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """A call that a record names. `response_id` is the provider's word for its answer; `told`: it said that the call failed.
    `estimated`: its cost was counted by us, for want of a word of the provider's."""

    call_id: str
    status: str
    cost_nusd: int | None
    response_id: str | None
    told: bool = False
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """How a request ended, as an outcome or a response tells it. `books` are the topics that settle owes to an outcome;
    `streamed` says an outcome that its answer was wanted in pieces, `output` is a digest of a response's text."""

    status: str
    reason: str | None
    cost_nusd: int | None
    signature: str
    calls: tuple[Made, ...] = ()
    books: frozenset[str] = frozenset()
    streamed: bool = False
    output: bytes = b""


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of a streamed answer, as it is: what readers make of several is to be judged."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion: where its answer came from, and the calls made for it."""

    source: str
    cost_nusd: int | None
    calls: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """What a settlement or a cache entry says of a request's cost. `status` is empty for a cache entry."""

    status: str
    cost_nusd: int | None
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: who found what wrong with which record. An `empty` one holds nothing of it: it was too large."""

    stage: str
    code: str
    at: InputId | None
    empty: bool = False


Fact = Decided | Told | Piece | Answer | Sum | Letter | Booked | None


@dataclass(frozen=True, slots=True)
class Kept:
    """One record. Topics are named without prefix. `source` and `of` are its headers, `made_from` its identity as an input.

    `digest` is of key and value where bytes must come out as they went in. `fact` None: it cannot be read, or there is
    nothing to keep of it (a request, a payload, what lies between the stages). `span` is how many offsets it stands for: the
    remains of a damaged batch stand for all that were in it.
    """

    place: Place
    offset: int
    timestamp: int
    source: InputId | None
    of: frozenset[str]
    key: str
    identity: Identity | None
    fact: Fact = None
    digest: bytes = b""
    readable: bool = True
    span: int = 1

    @property
    def topic(self) -> str:
        return self.place.topic

    @property
    def name(self) -> InputId:
        """What the `src` header of an output of this record says."""
        return InputId(self.place, self.offset, self.timestamp)

    def __str__(self) -> str:
        return f"{self.place.topic}/{self.place.partition}/{self.offset}"


def digest(key: bytes | None, value: bytes | None) -> bytes:
    """What bytes are known by; None and empty differ."""
    parts = (b"-" if one is None else b"+%d:" % len(one) + one for one in (key, value))
    return blake2b(b"".join(parts), digest_size=16).digest()


class Keeper:
    """Makes `Kept` of records as they are read. Equal keys, places and sets are kept once."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._places: dict[Place, Place] = {}
        self._ofs: dict[bytes, frozenset[str]] = {b"": frozenset()}
        self._identities: dict[Identity, Identity] = {}

    def keep(self, entry: Entry) -> Kept:
        topic = self._topics.plain(entry.place.topic)
        headers = {name: value for name, value in entry.headers.items() if value}
        of = headers.get(OF, b"")
        if of not in self._ofs:
            self._ofs[of] = frozenset(self._topics.plain(name) for name in of.decode(errors="replace").split(","))
        record, identity, fact = (None, None, None) if entry.damage else self._read(topic, headers, entry)
        source = self._written_from(topic, headers)
        replayed = source is not None and source.place.topic == DEAD_LETTERS
        in_full = record is None or topic == "requests" or replayed  # a dead letter is no record
        return Kept(
            place=self._place(entry.place),
            offset=entry.offset,
            timestamp=entry.timestamp,
            source=source,
            of=self._ofs[of],
            key=intern((entry.key or b"").decode(errors="backslashreplace")),
            identity=None if identity is None else self._identities.setdefault(identity, identity),
            fact=fact,
            digest=digest(entry.key, entry.value) if in_full else b"",
            readable=record is not None or topic == DEAD_LETTERS,
            span=_span(headers) if entry.damage == UNREADABLE_BATCH else 1,
        )

    def _read(
        self, topic: str, headers: Mapping[str, bytes], entry: Entry
    ) -> tuple[Record | None, Identity | None, Fact]:
        name = self._topics[topic].record
        if name is None:
            return None, None, self._letter(headers)
        schema = headers.get("schema")
        try:
            record = decode(RECORDS[name], entry.value, None if schema is None else schema.decode(errors="replace"))
        except InvalidRecord:
            return None, None, None
        identity = _identity(record)
        run = replayed_run(headers, self._topics.full(DEAD_LETTERS))
        if identity is not None and run is not None:
            identity = identity._replace(run=run)
        fact = _FACTS.get(type(record))
        return record, identity, fact(record) if fact else None

    def _letter(self, headers: Mapping[str, bytes]) -> Letter:
        stage, code = (headers.get(name, b"").decode(errors="replace") for name in ("dlq.stage", "dlq.code"))
        return Letter(intern(stage), intern(code), self._source(headers.get("dlq.at")), "dlq.size" in headers)

    def _written_from(self, topic: str, headers: Mapping[str, bytes]) -> InputId | None:
        """In `requests` only what admit sent on, and what was replayed, is the line's: services may send any `src`."""
        source = self._source(headers.get(SRC))
        if (
            topic == "requests"
            and source is not None
            and "placed" not in headers
            and source.place.topic != DEAD_LETTERS
        ):
            return None
        return source

    def _source(self, header: bytes | None) -> InputId | None:
        source = parse_src(header)
        return None if source is None else InputId(self._place(source.place), source.offset, source.timestamp)

    def _place(self, place: Place) -> Place:
        plain = Place(self._topics.plain(place.topic), place.partition)
        return self._places.setdefault(plain, plain)


def _span(headers: Mapping[str, bytes]) -> int:
    first, _, last = headers[OFFSETS].decode().partition("-")
    return int(last) - int(first) + 1


def _identity(record: Record) -> Identity | None:
    if isinstance(record, Request):
        return Identity(record.tenant_id, record.request_id)
    if isinstance(record, Admitted):
        return Identity(record.request.tenant_id, record.request.request_id, record.run)
    if isinstance(record, Carried | Outcome):
        return Identity(record.head.tenant_id, record.head.request_id, record.run)
    if isinstance(record, CacheEntry):
        tenant, _, rest = record.source.partition("/")
        request, _, run = rest.rpartition("/")
        return Identity(tenant, request, int(run))
    if isinstance(record, JournalEntry) and record.tenant_id and record.request_id:
        return Identity(record.tenant_id, record.request_id, record.run or 1)
    if isinstance(record, Response | Telemetry | Settlement | Payload | Chunk):
        return Identity(record.tenant_id, record.request_id, record.run)
    return None


def _journal(entry: JournalEntry) -> Decided:
    if entry.decision is None:
        return Decided(None, entry.kind, based_on=entry.based_on or 0)
    return Decided(entry.decision.epoch, entry.decision.action, entry.decision.partition)


def _admitted(record: Admitted) -> Decided:
    return Decided(record.decision.epoch, record.decision.action, record.decision.partition)


def _outcome(outcome: Outcome) -> Told:
    books = {"telemetry", "settlements"}
    if outcome.head.consent.retention and outcome.messages:
        books.add("payloads")
    clean = all(verdict.action == "pass" for verdict in outcome.verdicts if verdict.direction == "output")
    whole = outcome.status == "answered" and outcome.source == "model" and outcome.degraded is None
    whole = whole and not outcome.tool_calls  # what tools said then may be otherwise now
    shared = outcome.head.cache != "off" and outcome.head.consent.retention and outcome.fingerprint is not None
    if clean and whole and shared and outcome.output is not None:
        books.add("cache-entries")
    return Told(
        outcome.status,
        outcome.reason,
        outcome.cost_nusd,
        outcome.provenance.signature,
        _calls(outcome.calls),
        frozenset(books),
        streamed=outcome.head.stream,
    )


def _response(response: Response) -> Told:
    signature, output = response.provenance.signature, text_digest(response.output or "")
    return Told(response.status, response.reason, response.cost_nusd, signature, output=output)


def text_digest(text: str) -> bytes:
    """What a text is known by."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _calls(calls: tuple[Call, ...]) -> tuple[Made, ...]:
    return tuple(
        Made(
            call.call_id,
            call.status,
            call.cost_nusd,
            call.response_id,
            told=(call.http_status or 200) >= 400,
            estimated=call.estimated,
        )
        for call in calls
    )


_FACTS: Mapping[type[Record], Callable[[Any], Fact]] = {
    JournalEntry: _journal,
    Admitted: _admitted,
    Completion: lambda one: Answer(one.source, one.cost_nusd, _calls(one.calls)),
    Outcome: _outcome,
    Response: _response,
    Telemetry: booked,
    Settlement: lambda one: Sum(one.status, one.cost_nusd, one.calls),
    CacheEntry: lambda one: Sum("", one.cost_nusd),
    Chunk: Piece,
}
