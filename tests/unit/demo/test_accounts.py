"""Each call is held against the provider's books: exactly where usage was reported, within a bound where it was estimated."""

from typing import Any

import pytest

from streamguard.cli.demo.accounts import TOKENS_OF_A_FORM, TOKENS_OFF, Sides, compare

EXACT = {"call_id": "t/r/1/1", "status": "ok", "cost_nusd": 700, "response_id": "chatcmpl-1"}
GUESSED = {
    "call_id": "t/s/1/1",
    "status": "error",
    "error": "stream_broken",
    "estimated": True,
    "usage": {"input_tokens": 100, "output_tokens": 30},
    "cost_nusd": 130,
}
CUT = {"call_id": "t/c/1/1", "status": "error", "error": "cancelled", "cost_nusd": None}
SKIPPED = {"call_id": "t/r/1/2", "status": "skipped", "cost_nusd": 0}


def charged(seq: int, call_id: str, cost: int, asked: int = 100, said: int = 30) -> dict[str, Any]:
    return {"seq": seq, "request_id": call_id, "cost_nusd": cost, "input_tokens": asked, "output_tokens": said}


BOOKS = (charged(1, "t/r/1/1", 700), charged(2, "t/s/1/1", 130), charged(3, "t/c/1/1", 55))


def test_calls_are_sorted_by_what_is_known_of_them() -> None:
    accounts = compare((EXACT, GUESSED, CUT, SKIPPED), BOOKS)
    assert (accounts.exact, accounts.estimated) == (Sides(1, 700, 700), Sides(1, 130, 130))
    assert (accounts.cut, accounts.unnamed) == (Sides(1, 0, 55), Sides())
    assert accounts.unlike == ()
    assert accounts.outcomes_nusd == 830
    assert accounts.cut.off == -1.0


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (EXACT, charged(1, "t/r/1/1", 701)),
        (EXACT | {"cost_nusd": 0, "status": "error"}, charged(1, "t/r/1/1", 1)),
        (EXACT, charged(1, "t/other/1/1", 700)),
        (GUESSED, charged(1, "t/s/1/1", 130, said=30 + TOKENS_OFF + 1)),
        (GUESSED, charged(1, "t/s/1/1", 130, said=30 - TOKENS_OFF - 1)),
        (GUESSED, charged(1, "t/s/1/1", 130, asked=101 + TOKENS_OFF)),
        (GUESSED, charged(1, "t/s/1/1", 130, asked=99 - TOKENS_OF_A_FORM)),
        (GUESSED | {"error": "cancelled"}, charged(1, "t/s/1/1", 130, said=30 - TOKENS_OFF - 1)),
    ],
)
def test_what_differs_more_than_it_may_is_named(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert compare((ours,), (theirs,)).unlike == (ours["call_id"],)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GUESSED, charged(1, "t/s/1/1", 150, said=30 + TOKENS_OFF)),
        (GUESSED, charged(1, "t/s/1/1", 90, asked=100 - TOKENS_OF_A_FORM)),
        (GUESSED | {"error": "cancelled"}, charged(1, "t/s/1/1", 900, said=500)),
        (CUT, charged(1, "t/c/1/1", 900)),
    ],
)
def test_estimates_may_miss_a_little_and_what_we_cut_was_written_on(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    assert compare((ours,), (theirs,)).unlike == ()


def test_what_only_the_provider_knows_is_counted_where_it_was_charged() -> None:
    again = (charged(4, "t/r/1/1", 700), charged(5, "t/r/1/1", 0))
    accounts = compare((EXACT,), (*BOOKS[:1], *again))
    assert accounts.unnamed == Sides(1, 0, 700)
    assert accounts.unlike == ()


def test_an_answer_finds_its_own_call_among_several_of_one_id() -> None:
    accounts = compare((EXACT,), (charged(9, "t/r/1/1", 5), BOOKS[0]))
    assert (accounts.exact, accounts.unlike) == (Sides(1, 700, 700), ())
