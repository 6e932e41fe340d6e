"""Hostile requests as hypothesis draws them."""

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from streamguard.checks.contract import Role, Subject
from tests.support.fuzzing import DATA_OF_PEOPLE, Hostile
from tests.support.hostile_texts import HOSTILE

ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool", "variable", "document")
ANYTHING = st.text(st.characters(), max_size=120)
"""Half surrogates too: JSON can spell them."""
NASTY = st.sampled_from(sorted(HOSTILE)).flatmap(lambda name: st.integers(1, 300).map(HOSTILE[name]))
DATA = st.sampled_from(sorted(DATA_OF_PEOPLE.values()))
TEXT = st.lists(st.one_of(ANYTHING, NASTY, DATA), max_size=5).map("".join)
SUBJECTS = st.lists(st.builds(Subject, TEXT, st.sampled_from(ROLES)), max_size=3).map(tuple)
CASES = st.builds(Hostile, SUBJECTS, TEXT)

_UNCONCERNED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def drawn_cases(count: int, number: int) -> list[Hostile]:
    """`count` requests, the same for the same number."""
    drawn: list[Hostile] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=_UNCONCERNED,
    )
    @given(CASES)
    def draw(case: Hostile) -> None:
        drawn.append(case)

    if count:
        draw()
    return drawn
