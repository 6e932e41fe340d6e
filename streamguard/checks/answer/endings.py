"""Whether a text stops before it is done."""

import re

_TAIL = 400
_OPENERS = {"(": ")", "[": "]", "{": "}", "„": "“", "“": "”", "«": "»"}
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_LEADING = frozenset(
    (
        *(
            "the",
            "a",
            "an",
            "of",
            "to",
            "and",
            "or",
            "with",
            "for",
            "from",
            "in",
            "is",
            "are",
            "your",
            "our",
            "because",
            "that",
        ),
        *(
            "der",
            "die",
            "das",
            "den",
            "dem",
            "des",
            "ein",
            "eine",
            "einen",
            "und",
            "oder",
            "mit",
            "für",
            "von",
            "zu",
            "ist",
        ),
        *(
            "weil",
            "dass",
            "ihre",
            "unsere",
            "le",
            "la",
            "les",
            "un",
            "une",
            "de",
            "du",
            "des",
            "et",
            "ou",
            "avec",
            "pour",
        ),
        *(
            "el",
            "los",
            "las",
            "una",
            "y",
            "con",
            "para",
            "que",
            "il",
            "lo",
            "gli",
            "di",
            "e",
            "per",
            "che",
            "os",
            "uma",
            "em",
        ),
    )
)
"""Words that something follows."""


def cut_off(text: str) -> str | None:
    """How one sees that `text` was cut: `fence` (a block of code is open), `bracket`, `clause` (it ends with a comma, or on
    a word that something follows). None when nothing shows it: an end in the middle of a sentence often looks like one."""
    text = text.rstrip()
    if "```" in text and len(_FENCE.findall(text)) % 2:
        return "fence"
    if text.endswith("```"):
        return None
    last = text[-_TAIL:].rpartition("\n")[2]
    if not last:
        return None
    if last[-1] in ",;(–—[{":
        return "clause"
    if _left_open(last):
        return "bracket"
    # A line of its own with a few words is a heading or a name.
    return "clause" if last.count(" ") > 3 and last.rpartition(" ")[2] in _LEADING else None


def _left_open(line: str) -> bool:
    """Whether the line opens what it does not close, and does not end as a sentence does."""
    if line[-1] in ".!?:。！？)]}":
        return False
    return any(line.count(opener) > line.count(closer) for opener, closer in _OPENERS.items() if opener in line)
