"""A small clean run made by hand: evidence of every kind of end, for tests that plant errors into it."""

from collections import defaultdict
from collections.abc import Sequence

from streamguard.events.chunk import LAST_STREAM, Chunk
from streamguard.intake.marks import Place
from streamguard.stages.chunks import CHUNKS
from streamguard.stream.planned import Identity
from streamguard.stream.topics import DEAD_LETTERS, Topics
from tests.chaos.audit_evidence import Evidence, Sent, SimulatorCall
from tests.chaos.audit_records import Answer, Decided, Fact, Kept, Letter, Made, Piece, Sum, Told, digest, text_digest
from tests.chaos.audit_rows import NONE, At, Booked, Row, Stored, several
from tests.support.audit import Commit

T0 = 1_700_000_000_000
COST = 1_250
BROKEN, WHOLE = 5, 7
"""The streams of one that is streamed."""
_SETTLED = frozenset({"telemetry", "settlements", "payloads"})


class Example:
    """Requests end one after another, a millisecond a record."""

    def __init__(self) -> None:
        self.records: dict[str, list[Kept]] = {topic.name: [] for topic in Topics.load()}
        self.calls: list[SimulatorCall] = []
        self.sent: list[Sent] = []
        self.commits: list[Commit] = []
        self._now = T0
        self._next: defaultdict[Place, int] = defaultdict(int)
        self._epochs: dict[int, int] = {}

    def put(
        self,
        topic: str,
        partition: int,
        key: str,
        *,
        source: Kept | None = None,
        of: Sequence[str] = (),
        identity: Identity | None = None,
        fact: Fact = None,
        contents: bytes = b"",
        readable: bool = True,
    ) -> Kept:
        """Write one record, behind all others of its partition. Without an identity it has that of its source."""
        place, self._now = Place(topic, partition), self._now + 1
        one = Kept(
            place,
            self._next[place],
            self._now,
            None if source is None else source.name,
            frozenset(of),
            key,
            source.identity if identity is None and source is not None else identity,
            fact,
            contents,
            readable,
        )
        self._next[place] += 1
        self.records[topic].append(one)
        return one

    # -- what admit gets and gives -------------------------------------------------------------------------------------

    def own(self, partition: int) -> None:
        """A new owner takes a partition of the journal."""
        end = self._next[Place("admission-journal", partition)]
        marker = self.put("admission-journal", partition, "", fact=Decided(None, based_on=end))
        self._epochs[partition] = marker.offset

    def send(self, identity: Identity, partition: int = 0, *, cancelled: bool = False) -> Kept:
        """A service sends a request, and perhaps does not wait for it."""
        contents = digest(identity.tenant_id.encode(), "/".join(map(str, identity)).encode())
        self.sent.append(Sent(identity, contents, cancelled=cancelled))
        return self.put("requests", partition, identity.tenant_id, identity=identity, contents=contents)

    def broken(self, partition: int = 0) -> Kept:
        """Bytes that nobody can read, and their dead letter."""
        contents = digest(b"k", b"\xff")
        self.sent.append(Sent.raw(b"k", b"\xff"))
        record = self.put("requests", partition, "k", contents=contents, readable=False)
        letter = Letter("admit", "undecodable", record.name)
        self.put(DEAD_LETTERS, partition, "k", source=record, of=[DEAD_LETTERS], fact=letter, contents=contents)
        return record

    def moved(self, request: Kept, partition: int) -> Kept:
        """Admit sends a misplaced request on."""
        return self.put(
            "requests",
            partition,
            request.key,
            source=request,
            of=["requests"],
            identity=request.identity,
            contents=b"copy",
        )

    def admit(self, request: Kept, conversation: str, *, epoch: int | None = None) -> Kept:
        """The decision on a request, by the owner of its partition or (`epoch`) by one before."""
        assert request.identity is not None
        partition, of = request.place.partition, ("admission-journal", "admitted")
        decided = Decided(self._epochs[partition] if epoch is None else epoch, "admit", partition)
        self.put("admission-journal", partition, request.key, source=request, of=of, fact=decided)
        key = f"{request.identity.tenant_id}/{conversation}"
        return self.put("admitted", 0, key, source=request, of=of, fact=decided)

    def fail(self, admitted: Kept) -> Kept:
        """Guard cannot handle it: the request fails, its record becomes a dead letter, which is returned."""
        of = (DEAD_LETTERS, "outcomes", "responses")
        fact, contents = Letter("guard", "CheckFailed", admitted.name), f"{admitted}".encode()
        letter = self.put(
            DEAD_LETTERS, admitted.place.partition, admitted.key, source=admitted, of=of, fact=fact, contents=contents
        )
        self._end(admitted, Told("failed", "internal", 0, f"s{self._now}", books=_SETTLED - {"payloads"}), of)
        return letter

    def replay(self, letter: Kept) -> Kept:
        """An operator sends a letter of guard's once more."""
        assert isinstance(letter.fact, Letter)
        assert letter.fact.at is not None
        assert letter.identity is not None
        again = letter.identity._replace(run=letter.identity.run + 1)
        at = letter.fact.at.place
        decided = Decided(0, "admit", 0)
        return self.put(
            at.topic, at.partition, letter.key, source=letter, identity=again, fact=decided, contents=letter.digest
        )

    # -- how requests end ----------------------------------------------------------------------------------------------

    def refuse(self, admitted: Kept) -> None:
        """Guard ends it."""
        self._end(admitted, Told("refused", "injection", 0, f"s{self._now}", books=_SETTLED - {"payloads"}))

    def stream(self, admitted: Kept, *, answered: bool = True) -> None:
        """It is answered, or (cancelled) is not, while a reader reads along: its first stream broke off, the second is whole."""
        guarded = self._on(admitted, "guarded")
        invocation = self._on(guarded, "invocations")
        identity = invocation.identity
        assert identity is not None
        key = f"{'/'.join(map(str, identity))}/1"
        cut = self._call(key, partial=True)
        self._show(invocation, BROKEN, "Go")
        calls: tuple[Made, ...] = (Made(key, "error", COST - 1, f"chatcmpl-x-{cut.seq}", estimated=True),)
        cost, output = COST - 1, ""
        if answered:
            output, cost = "Good day", cost + COST
            whole = self._call(f"{key}.1")
            calls = (*calls, Made(f"{key}.1", "ok", COST, f"chatcmpl-x-{whole.seq}"))
            self._show(invocation, WHOLE, "Good ", "day")
        completion = self._on(invocation, "completions", Answer("model" if answered else "none", cost, calls))
        status, reason = ("answered", None) if answered else ("failed", "cancelled")
        books = _SETTLED | ({"cache-entries"} if answered else set())
        told = Told(status, reason, cost, f"s{self._now}", calls, books, streamed=True, output=text_digest(output))
        of = ("outcomes", "responses") if answered else ("outcomes", "responses", CHUNKS)
        self._end(completion, told, of)
        if not answered:
            last = Chunk(request_id=identity.request_id, tenant_id=identity.tenant_id, stream=LAST_STREAM, seq=0)
            taken_back = Piece(last.model_copy(update={"mark": "retracted"}))
            self.put(CHUNKS, completion.place.partition, completion.key, source=completion, of=of, fact=taken_back)

    def _show(self, invocation: Kept, stream: int, *texts: str) -> None:
        assert invocation.identity is not None
        tenant, request, run = invocation.identity
        for seq, text in enumerate(texts):
            chunk = Chunk(request_id=request, tenant_id=tenant, run=run, stream=stream, seq=seq, text=text)
            if seq:
                chunk = chunk.model_copy(update={"mark": "final"})
            self.put(
                CHUNKS, invocation.place.partition, invocation.key, identity=invocation.identity, fact=Piece(chunk)
            )

    def answer(self, admitted: Kept, *, cached: bool = False, repeated: bool = False) -> None:
        """It goes all the way; `repeated`: its first call was under way when a worker died."""
        guarded = self._on(admitted, "guarded")
        if cached:
            completion = self._on(guarded, "completions", Answer("cache", 0, ()))
            self._end(completion, Told("answered", None, 0, f"s{self._now}", books=_SETTLED))
            return
        invocation = self._on(guarded, "invocations")
        assert invocation.identity is not None
        key = f"{'/'.join(map(str, invocation.identity))}/1"
        calls = [self._call(key) for _ in range(2 if repeated else 1)]
        made = (Made(key, "ok", COST, f"chatcmpl-x-{calls[-1].seq}"),)
        completion = self._on(invocation, "completions", Answer("model", COST, made))
        self._end(completion, Told("answered", None, COST, f"s{self._now}", made, _SETTLED | {"cache-entries"}))

    def _on(self, record: Kept, topic: str, fact: Fact = None) -> Kept:
        return self.put(topic, record.place.partition, record.key, source=record, of=[topic], fact=fact)

    def _call(self, call_id: str, *, partial: bool = False) -> SimulatorCall:
        begun, self._now = self._now + 1, self._now + 20
        key = call_id.partition(".")[0]
        call = SimulatorCall(len(self.calls) + 1, key, call_id, not partial, COST, begun, self._now, partial)
        self.calls.append(call)
        return call

    def _end(self, record: Kept, told: Told, of: Sequence[str] = ("outcomes", "responses")) -> None:
        partition = record.place.partition
        outcome = self.put("outcomes", partition, record.key, source=record, of=of, fact=told)
        thin = Told(told.status, told.reason, told.cost_nusd, told.signature, output=told.output)
        self.put("responses", partition, record.key, source=record, of=of, fact=thin)
        calls = several(
            (number, one.call_id, "sim", "model", "first", one.status, one.cost_nusd)
            for number, one in enumerate(told.calls)
        )
        facts: dict[str, Fact] = {
            "telemetry": Booked(told.status, told.reason, told.cost_nusd, calls, several([(0, "bounds", "input")])),
            "settlements": Sum(told.status, told.cost_nusd, len(told.calls)),
            "payloads": None,
            "cache-entries": Sum("", told.cost_nusd),
        }
        for topic, fact in facts.items():
            if topic in told.books:
                self.put(
                    topic,
                    partition,
                    record.key,
                    source=outcome,
                    of=sorted(told.books),
                    identity=record.identity,
                    fact=fact,
                )

    # -- what is read --------------------------------------------------------------------------------------------------

    def commit(self, source: str, offset: int, marks: dict[Place, int]) -> None:
        """The group that reads a topic commits now."""
        self.commits.append(Commit(Place(source, 0), offset, marks, self._now + 1))

    def evidence(self) -> Evidence:
        """As if it had been read."""
        telemetry = [(one, one.fact) for one in self.records["telemetry"] if isinstance(one.fact, Booked)]
        ends = dict(self._next)
        return Evidence(
            records={
                name: sorted(records, key=lambda one: (one.place, one.offset)) for name, records in self.records.items()
            },
            sent=list(self.sent),
            ends=ends,
            committed=dict(ends),
            commits=list(self.commits),
            calls=list(self.calls),
            stored=Stored(
                requests=[_row(one, fact.status, fact.reason or "", fact.cost_nusd) for one, fact in telemetry],
                payloads=[_row(one) for one in self.records["payloads"]],
                calls={_at(one): fact.calls for one, fact in telemetry if fact.calls is not NONE},
                verdicts={_at(one): fact.verdicts for one, fact in telemetry},
            ),
        )


def clean_run() -> Evidence:
    """Every kind of end once or twice, two owners of the journal, and one who wrote too late."""
    run = Example()
    run.own(0)
    run.own(1)
    asked = [run.send(Identity("acme", f"r{number}")) for number in range(6)]
    first = [run.admit(one, "talk") for one in asked[:3]]
    run.answer(first[0], repeated=True)
    run.refuse(first[1])
    run.commit("admitted", 1, {Place("guarded", 0): 0, Place("outcomes", 0): 1, Place("responses", 0): 1})
    run.answer(first[2])
    run.broken()
    run.own(0)
    new = run.admit(asked[3], "talk")
    run.admit(asked[4], "late", epoch=0)  # by an owner who had been replaced: it counts for nobody
    run.answer(new, cached=True)
    run.answer(run.admit(asked[4], "late"))
    run.send(Identity("acme", "r0"))  # sent twice: nothing comes of it
    run.answer(run.admit(asked[5], "alone"))
    run.answer(run.admit(run.moved(run.send(Identity("zeta", "z0")), 1), "talk"))
    run.answer(run.admit(run.send(Identity("zeta", "z1"), 1), "talk"))
    run.stream(run.admit(run.send(Identity("acme", "s0")), "read"))
    run.stream(run.admit(run.send(Identity("acme", "s1"), cancelled=True), "read"), answered=False)
    run.answer(run.replay(run.fail(run.admit(run.send(Identity("acme", "f0")), "failing"))))
    run.commit("admitted", 2, {Place("guarded", 0): 1, Place("outcomes", 0): 1, Place("responses", 0): 1})
    return run.evidence()


def _row(one: Kept, status: str = "", reason: str = "", cost_nusd: int | None = None) -> Row:
    assert one.identity is not None
    return Row(_at(one), one.identity, status, reason, cost_nusd)


def _at(one: Kept) -> At:
    return At(*one.place, one.offset)
