"""Commits: never past what is unfinished, marks never above an output of what is uncommitted, at the end everything."""

from collections import defaultdict
from collections.abc import Sequence

from streamguard.intake.marks import Place
from tests.chaos.audit_steps import READ_BY, Line
from tests.support.audit import hidden_by_marks, passed_unfinished

_SINK = ("telemetry", "payloads")
"""Their commits carry plans instead of marks, and what is done with them is in the store."""


def too_far(line: Line) -> list[str]:
    """Commits that were seen during the run and passed what was unfinished, or hid outputs below a mark."""
    done: defaultdict[Place, list[tuple[int, float]]] = defaultdict(list)
    lie: defaultdict[Place, list[tuple[int, Sequence[tuple[Place, int]]]]] = defaultdict(list)
    for topic in READ_BY:
        for record in line.records(topic):
            outputs = line.outputs.get(record.name, ())
            # What gave nothing was to give nothing, or is reported as lost; then no commit says more.
            stored = max((one.timestamp for one in outputs), default=0)
            done[record.place].append((record.offset, stored))
            lie[record.place].append((record.offset, [(one.place, one.offset) for one in outputs]))
    commits = line.evidence.commits
    wrong = [f"{one}, before it was done" for one in passed_unfinished(commits, done)]
    wrong += [f"an output at {one}" for one in hidden_by_marks(commits, lie)]
    wrong += [
        f"{commit.place} at {commit.offset}, behind its end"
        for commit in commits
        if commit.offset > line.evidence.ends.get(commit.place, commit.offset)
    ]
    return wrong


def undrained(line: Line) -> list[str]:
    """Where a group had not committed its topic's end when all was over, or more than that."""
    read = (*READ_BY, *(_SINK if line.evidence.stored is not None else ()))
    return [
        f"{'/'.join(map(str, place))} is committed at {at} and ends at {end}"
        for place, end in line.evidence.ends.items()
        if place.topic in read and (at := line.evidence.committed.get(place, -1)) != end and (end > 0 or at > 0)
    ]
