"""Key queues: order per key, nothing lost, no queue longer than its bound, whatever arrives and ends when."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from streamguard.intake.contract import Received
from streamguard.intake.keys import KeyQueues


@given(
    keys=st.lists(st.sampled_from([b"a", b"b", b"c", None]), max_size=40),
    bound=st.integers(1, 4),
    choices=st.lists(st.tuples(st.sampled_from(["release", "end"]), st.integers(0, 9)), max_size=120),
)
def test_every_record_runs_once_in_order_of_its_key(
    keys: list[bytes | None], bound: int, choices: list[tuple[str, int]]
) -> None:
    queues = KeyQueues(bound)
    records = [Received("in", 0, offset, 0, key, None) for offset, key in enumerate(keys)]
    queues.hold(records)
    running: list[Received] = []
    ran: list[Received] = []
    waiting: defaultdict[bytes | None, int] = defaultdict(int)

    def release(room: int) -> None:
        released = queues.release(room)
        assert len(released) <= room
        for record in released:
            if queues.enter(record):
                assert record.key is None or record.key not in {one.key for one in running}
                running.append(record)
            else:
                waiting[record.key] += 1
                assert waiting[record.key] <= bound

    def end(which: int) -> None:
        record = running.pop(which % len(running))
        ran.append(record)
        if (following := queues.next(record)) is not None:
            waiting[record.key] -= 1
            running.append(following)

    for what, number in choices:
        if what == "release":
            release(number)
        elif running:
            end(number)
    while running or queues.held:
        release(7)
        end(0)
    assert sorted(record.offset for record in ran) == list(range(len(keys)))
    for key in (b"a", b"b", b"c"):
        own = [record.offset for record in ran if record.key == key]
        assert own == sorted(own)
    assert queues.busy == 0
