"""How much of a text repeats itself. Models get stuck: the same line, sentence or few words again and again.

Two measures, both linear: the share of runs of six words that came before, and how far the text's end repeats one period.
"""

from streamguard.checks.text.wording import shingles_of

_FEWEST_RUNS = 24
"""Runs of words below which a share says nothing: a list of three alike lines is no loop."""
_PROBE = 24
"""Characters at the end that are looked for again. A loop's period is seen up to `_PERIOD`."""
_PERIOD = 2_000
_TIMES = 4
_FEWEST_CHARACTERS = 96


def repeated_share(text: str) -> float:
    """The share of `text`, 0 to 1, that says again what was said before."""
    return max(_again(text), _tail(text))


def _again(text: str) -> float:
    runs = shingles_of(text)
    if len(runs) < _FEWEST_RUNS:
        return 0.0
    return 1 - len(set(runs)) / len(runs)


def _tail(text: str) -> float:
    """The share of the text that its last period takes up, repeated at least `_TIMES` over; 0 when it does not repeat."""
    text = text.rstrip()
    length = len(text)
    if length < _FEWEST_CHARACTERS:
        return 0.0
    before = text.rfind(text[-_PROBE:], max(0, length - _PROBE - _PERIOD), length - 1)
    if before < 0:
        return 0.0
    period = length - _PROBE - before
    start = _first_repeat(text, period)
    repeated = length - start
    # A row of dashes or dots is a line drawn, unless the answer is little else.
    if repeated < max(_TIMES * period, _FEWEST_CHARACTERS):
        return 0.0
    return (repeated - period) / length


def _first_repeat(text: str, period: int) -> int:
    """Where the repetitions of the last `period` characters begin. In steps that double, then halve: not one by one."""
    length = len(text)
    size = period
    while 2 * size <= length and text[length - 2 * size : length - size] == text[length - size :]:
        size *= 2
    start = length - size
    while size >= period:
        if start >= size and text[start - size : start] == text[length - size :]:
            start -= size
        else:
            size //= 2
    return start
