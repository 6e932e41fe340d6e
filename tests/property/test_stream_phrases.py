"""Phrases over a stream: leaving out what cannot change anything changes nothing."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.lists import ListRules
from streamguard.checks.policy import OutputRules
from streamguard.checks.streaming.filter import PhraseRules
from streamguard.checks.streaming.phrases import Phrases

RULES = OutputRules(
    lists=ListRules(deny_words=("blue moon", "__init__", "größe xl")),
    business=BusinessRules(forbidden=("as an ai",), competitors=("Acme", "a*b"), claims={"refund_guarantee": "block"}),
)
PARTS = (
    *(
        "go kill yourself",
        "kys",
        "kysha",
        "fick dich",
        "gas the jews",
        "heil",
        " hitler",
        "blue",
        "moon",
        "__init__",
        "größe",
    ),
    *(
        "xl",
        "as an",
        " ai",
        "acme",
        "Acme's",
        "a*b",
        "full refund",
        "you get a",
        "**",
        "*",
        "_",
        "~",
        "`",
        " ",
        " ",
        " ",
        ". ",
    ),
    *("\n", "—", "…", "Über", "é", "e\u0301", "ﷺ", "İ", "ю", "kill", "the word", '"', "means", "x" * 70, "snake_case"),
    *("[EMAIL_1]", "plain words go on"),
)
GAPS = (" ", " ", " ", " ", "", "", "\n", ". ")
TEXTS = st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from(GAPS)).map("".join), max_size=40).map("".join)
PIECES = st.tuples(TEXTS, st.integers(1, 90)).map(
    lambda cut: [cut[0][at : at + cut[1]] for at in range(0, len(cut[0]), cut[1])]
)
COMPILED = PhraseRules(RULES)


def shown(stage: Phrases, pieces: list[str]) -> list[str]:
    """What comes out after each piece, and what stopped it."""
    return [*map(stage.feed, pieces), stage.finish(), stage.check, stage.finding().code]


@given(PIECES)
def test_a_look_for_words_alone_changes_nothing(pieces: list[str]) -> None:
    every_word = Phrases(COMPILED.checks, COMPILED.phrases, patterns=False)
    assert shown(COMPILED.stage(), pieces) == shown(every_word, pieces)
