"""Streams: what readers of `response-chunks` hold in the end, by the rules of `streamguard.events.reading`; and cancellations."""

from collections import defaultdict

from streamguard.events.reading import ChunkReader
from streamguard.stages.chunks import CHUNKS
from tests.chaos.audit_records import Piece, Told, text_digest
from tests.chaos.audit_steps import Line

CANCELLED = "cancelled"


def readers(line: Line) -> tuple[int, list[str]]:
    """How many requests wanted their answer in pieces, and whose readers do not hold what their response says.

    Whoever died while showing it, however often it was begun anew: of an answer the reader holds all, of anything else nothing.
    """
    reading: defaultdict[tuple[str, str], ChunkReader] = defaultdict(ChunkReader)
    for record in line.records(CHUNKS):
        if isinstance(record.fact, Piece):
            reading[record.fact.chunk.tenant_id, record.fact.chunk.request_id].feed(record.fact.chunk)
    wanted: dict[tuple[str, str], int] = {}
    for outcome in line.valid("outcomes"):
        if isinstance(outcome.fact, Told) and outcome.fact.streamed and outcome.identity is not None:
            wanted[outcome.identity[:2]] = max(outcome.identity.run, wanted.get(outcome.identity[:2], 0))
    wrong = [
        f"{'/'.join(name)} wanted no pieces of its answer, and has some" for name in reading.keys() - wanted.keys()
    ]
    for response in line.valid("responses"):
        told, identity = response.fact, response.identity
        if not isinstance(told, Told) or identity is None or wanted.get(identity[:2]) != identity.run:
            continue  # what readers hold is of the last run
        reader = reading[identity[:2]]
        if told.status == "answered":
            fits = reader.state == "final" and text_digest(reader.text) == told.output
        else:
            fits = reader.state != "final" and not reader.text
        if not fits:
            wrong.append(
                f"{response} is {told.status}, its reader holds {len(reader.text)} characters and is {reader.state}"
            )
    return len(wanted), wrong


def cancelled(line: Line) -> tuple[int, list[str]]:
    """How many requests ended because nobody waited for them any more, and those of which nobody had said so."""
    asked = {one.identity[:2] for one in line.evidence.sent if one.cancelled and one.identity is not None}
    ended = [
        one
        for one in line.valid("outcomes")
        if isinstance(one.fact, Told) and one.fact.reason == CANCELLED and one.identity is not None
    ]
    wrong = [
        f"{one} is cancelled, and nobody asked for that"
        for one in ended
        if one.identity and one.identity[:2] not in asked
    ]
    return len(ended), wrong
