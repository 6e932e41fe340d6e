"""What headers say about how much may still be asked, and when."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from streamguard.providers.contract import RateLimit

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|µs|ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 31 * 86400.0
"""Seconds. More is no duration: some servers give a point in time there."""


def seconds(value: str | None) -> float | None:
    """A duration as Go writes it (`1m30.5s`, `6ms`), or plain seconds. None where it is neither."""
    if not value:
        return None
    value = value.strip()
    if _NUMBER.fullmatch(value):
        total = float(value)
    else:
        parts = _PART.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            return None
        total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return total if total <= _LONGEST else None


def count(value: str | None) -> int | None:
    """A whole number that is not negative; None for anything else."""
    return int(float(value)) if value and _NUMBER.fullmatch(value.strip()) else None


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """What OpenAI's `x-ratelimit-…` headers tell, which Azure, Groq and many others send too; None without them."""
    requests = count(headers.get("x-ratelimit-remaining-requests"))
    tokens = count(headers.get("x-ratelimit-remaining-tokens"))
    if requests is None and tokens is None:
        return None
    return RateLimit(
        requests_left=requests,
        requests_reset=seconds(headers.get("x-ratelimit-reset-requests")),
        tokens_left=tokens,
        tokens_reset=seconds(headers.get("x-ratelimit-reset-tokens")),
    )


def wished_wait(headers: Mapping[str, str], now_us: int) -> float | None:
    """Seconds until the server wants to be asked again: its `retry-after-ms`, which is the finer one, or `Retry-After`."""
    milliseconds = headers.get("retry-after-ms")
    if milliseconds and _NUMBER.fullmatch(milliseconds.strip()):
        return float(milliseconds) / 1000
    return retry_after(headers.get("retry-after"), now_us)


def retry_after(value: str | None, now_us: int) -> float | None:
    """A `Retry-After` in seconds from now: given in seconds or as an HTTP date; None where it is neither."""
    if value is None:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
            # HTTP's dates are GMT, also in the old form that does not say so; Python would take it for local time
            wait = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now_us / 1e6
        except (ValueError, OverflowError):  # the latter for numbers that no date has
            return None
    # NaN compares false with everything
    return max(0.0, wait) if wait < float("inf") else None
