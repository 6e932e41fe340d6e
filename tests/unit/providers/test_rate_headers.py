"""What is left of a limit, and when to come back, out of headers that anybody may write anyhow."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.providers.contract import RateLimit
from streamguard.providers.rate_headers import count, rate_limit, seconds, wished_wait

NOW_US = 1_800_000_000_000_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("6ms", 0.006),
        ("1s", 1.0),
        ("1m30.5s", 90.5),
        ("6m0s", 360.0),
        ("2h45m30s", 9930.0),
        ("1d", 86400.0),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("12", 12.0),
        ("0.35", 0.35),
        (" 7s ", 7.0),
        ("0s", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-1s", None),
        ("1x", None),
        ("s", None),
        ("1m 30s", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("١s", None),
        ("1735689600", None),  # a point in time
        ("2026-01-01T00:00:00Z", None),
    ],
)
def test_durations(value: str | None, expected: float | None) -> None:
    assert seconds(value) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0), ("149984", 149984), ("7.0", 7), (None, None), ("", None), ("-1", None), ("many", None), ("٣", None)],
)
def test_counts(value: str | None, expected: int | None) -> None:
    assert count(value) == expected


@given(st.text(max_size=30))
def test_no_header_is_too_odd_to_read(value: str) -> None:
    for read in (seconds, count):
        result = read(value)
        assert result is None or result >= 0


def test_without_the_headers_nothing_is_known() -> None:
    assert rate_limit(httpx.Headers({"x-ratelimit-limit-requests": "60"})) is None
    # an answer of a server that counts one of both only
    assert rate_limit(httpx.Headers({"X-RateLimit-Remaining-Tokens": "5"})) == RateLimit(tokens_left=5)
    assert (
        rate_limit(httpx.Headers({"x-ratelimit-remaining-requests": "?", "x-ratelimit-reset-requests": "1s"})) is None
    )


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
    ],
)
def test_the_wait_that_a_server_wishes(headers: dict[str, str], wait: float | None) -> None:
    assert wished_wait(httpx.Headers(headers), NOW_US) == wait
