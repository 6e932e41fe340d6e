"""Gate and lease: under any sequence, passable means open and leased."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.clock import FakeClock
from streamguard.intake.gate import Gate


@given(
    events=st.lists(
        st.tuples(st.sampled_from(["open", "close", "renew", "calm", "pass"]), st.floats(0, 12)),
        max_size=30,
    )
)
def test_gate_passes_only_when_open_and_leased(events: list[tuple[str, float]]) -> None:
    clock = FakeClock()
    gate = Gate(8.0, 16.0, clock.monotonic)
    is_open, asked, calm = False, float("-inf"), float("-inf")
    for what, seconds in events:
        if what == "open":
            gate.open()
            is_open = True
        elif what == "close":
            gate.close()
            is_open = False
        elif what == "renew":
            at = clock.monotonic() - seconds
            gate.renew(at)
            asked = max(asked, at)
        elif what == "calm":
            at = clock.monotonic() - seconds
            gate.calm(at)
            calm = max(calm, at)
        else:
            clock.advance(seconds)
        leased = clock.monotonic() <= min(asked + 8.0, calm + 16.0)
        assert gate.passable == (is_open and leased)
        assert gate.leased == leased
