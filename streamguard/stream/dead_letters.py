"""Dead letters and what can become of them: pure, from a record of the topic to what an operator sees and replays.

A letter of a stage up to verify is replayed as the next `run` of its request: the bytes stay as they came, the header `run`
tells the stage which pass it is. A letter of settle or the sink is a booking that could not be made: it keeps its run.
"""

import re
from collections.abc import Mapping

RUN = "run"
"""Header of a replayed dead letter: which pass of its request it is."""
_NUMBER = re.compile(rb"[2-9]|[1-9][0-9]{1,5}")


def replayed_run(headers: Mapping[str, bytes], dead_letters: str) -> int | None:
    """Which pass of its request a record is, when it was replayed from the topic `dead_letters`; None when it was not.

    A header `run` counts beside a `src` that names a dead letter, or in a request that admit has sent on from there: services
    may have a header of this name too, for something else.
    """
    value = headers.get(RUN, b"")
    ours = headers.get("src", b"").startswith(dead_letters.encode() + b"/") or "placed" in headers
    return int(value) if ours and _NUMBER.fullmatch(value) else None
