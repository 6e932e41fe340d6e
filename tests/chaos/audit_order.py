"""Order: of a tenant's requests up to `admitted`, of a conversation behind it, and of its calls to models."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from streamguard.intake.existing import InputId
from streamguard.intake.marks import Place
from streamguard.stream.planned import Identity
from streamguard.stream.topics import DEAD_LETTERS
from tests.chaos.audit_evidence import SimulatorCall
from tests.chaos.audit_records import Kept
from tests.chaos.audit_steps import Line

TOLERANCE_MS = 2.0
"""The simulator's clock and the times that are compared with it are read one after the other."""


def out_of_order(line: Line) -> list[str]:
    """Outputs that do not follow the order of their inputs, for inputs of one key.

    Refusals and cache hits may overtake what takes longer: an output is compared with those of the same stage alone, which
    are the ones with inputs of the same topic.
    """
    wrong: list[str] = []
    for topic in line.evidence.records:
        if topic == DEAD_LETTERS:
            continue
        last: dict[tuple[Place, Place, str], tuple[InputId, Kept]] = {}
        for one in line.valid(topic):
            made_from = line.inputs.get(one.source) if one.source is not None else None
            if made_from is None or one.source is None or one.source.place.topic == DEAD_LETTERS:
                continue
            lane = (one.place, one.source.place, made_from.key)
            before = last.get(lane)
            if before is not None and one.source.offset < before[0].offset:
                wrong.append(f"{one} of {made_from} comes behind {before[1]}, whose input was later ({made_from.key})")
            else:
                last[lane] = one.source, one
    return wrong


def calls_out_of_order(line: Line, calls: Iterable[SimulatorCall], booked: frozenset[int]) -> list[str]:
    """Model calls of a conversation that began before their turn, or before those of the request before them had ended.

    `booked` are those that an outcome names. A call that nobody waits for any more (its worker died or lost its partitions) may
    still run beside its own repetition and what follows that; but it must not begin then.
    """
    of: defaultdict[Identity, list[SimulatorCall]] = defaultdict(list)
    for call in calls:
        if call.begun_ms is not None and (identity := call.identity) is not None:
            of[identity].append(call)
    conversations: defaultdict[tuple[Place, str], list[Identity]] = defaultdict(list)
    for one in line.valid("admitted"):
        if one.identity is not None and one.identity in of:
            conversations[one.place, one.key].append(one.identity)
    wrong: list[str] = []
    for (_, key), turns in conversations.items():
        for before, after in pairwise(turns):
            begun = min(call.begun_ms or 0.0 for call in of[after]) + TOLERANCE_MS
            pair = f"{key}: of {before.request_id} and {after.request_id} behind it"
            if any((call.begun_ms or 0.0) > begun for call in of[before]):
                wrong.append(f"{pair}, a call of the first began when the second's had begun")
            elif any((call.ended_ms or 0.0) > begun for call in of[before] if call.seq in booked):
                wrong.append(f"{pair}, the calls overlap")
    return wrong
