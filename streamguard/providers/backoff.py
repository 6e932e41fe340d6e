"""How long to wait before asking again."""

import random


def wait_before_retry(
    attempt: int,
    *,
    base: float,
    cap: float,
    rng: random.Random,
    time_left: float,
    retry_after: float | None = None,
) -> float | None:
    """Seconds to wait before retry number `attempt` (1 for the first); None when that leaves no time to ask.

    Full jitter: drawn evenly between 0 and `base` doubled with each attempt, at most `cap`. It spreads callers that
    failed together better than a jitter around a fixed wait. A server that said when to come back (`retry_after`,
    seconds) is obeyed: the wait is never shorter, and callers spread above it. A point in time that is over (one clock may be
    behind the other), or 0, says no more than that asking again may help.
    """
    # 2 ** 64 is beyond every cap; it keeps the power finite
    ceiling = min(cap, base * 2.0 ** min(attempt - 1, 64))
    wait = rng.uniform(0.0, ceiling)
    if retry_after:
        wait = retry_after + rng.uniform(0.0, min(ceiling, retry_after * 0.1))
    return wait if wait < time_left else None
