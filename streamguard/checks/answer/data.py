"""Whether an answer is data rather than prose: JSON, by its first and last signs."""

import re

_BEGINS = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*(?:[\"{\[\]]|-?\d[\d.eE+-]*\s*,|true\b|false\b|null\b))")


def is_data(text: str) -> bool:
    """Prose that begins and ends with a placeholder (`[NAME_1], … [EMAIL_1]`) or a citation is none, nor is other prose in
    brackets."""
    return _BEGINS.match(text) is not None and text.rstrip()[-1:] in ("}", "]")
