"""Unicode tricks go, writing stays."""

import pytest

from streamguard.checks.contract import Subject
from streamguard.checks.folding import fold
from streamguard.checks.unicode import UnicodeTricks, normalise
from streamguard.events.reason import Reason


@pytest.mark.parametrize(
    ("written", "plain", "kind"),
    [
        ("ig\u200bnore", "ignore", "invisible"),
        ("ig\u200dnore", "ignore", "invisible"),
        ("ig\u00adnore", "ignore", "invisible"),
        ("abc\u202edef\u202c", "abcdef", "bidi"),
        ("hi\U000e0069\U000e0067", "hi", "tags"),
        ("a\ufe01\ufe02b", "ab", "selectors"),
        ("a\x00b\x1bc", "abc", "control"),
        ("ｉｇｎｏｒｅ", "ignore", "disguise"),
        ("𝐢𝐠𝐧𝐨𝐫𝐞", "ignore", "disguise"),
        ("ⓘⓖⓝⓞⓡⓔ", "ignore", "disguise"),
        ("a\ud800b", "a\ufffdb", "surrogate"),
        ("e" + "\u0332" * 30, "e" + "\u0332" * 4, "marks"),
    ],
)
def test_a_trick_is_undone_and_named(written: str, plain: str, kind: str) -> None:
    finding = UnicodeTricks().inspect(Subject(written))
    assert (finding.action, finding.code, finding.text) == ("transform", kind, plain)
    assert finding.spans[0].kind == kind


@pytest.mark.parametrize(
    "written",
    [
        "plain ASCII, with\ttabs\nand lines",
        "Grüße aus Köln, naïve façade",
        "Привет, как дела?",
        "10² and ½ of it… ™",
        "👩‍👧 and ❤️ and 1️⃣",
        "می‌خواهم",
        "क्‍ष",
        "日本語、中文，한국어",
    ],
)
def test_ordinary_writing_passes_unchanged(written: str) -> None:
    finding = UnicodeTricks().inspect(Subject(written))
    assert finding.action == "pass"
    assert finding.text is None


def test_a_composed_form_is_no_trick_but_one_spelling() -> None:
    finding = UnicodeTricks().inspect(Subject("u\u0308ber"))
    assert (finding.action, finding.code, finding.text, finding.spans) == ("transform", "normalised", "über", ())


def test_a_trick_uncovered_by_removing_another_goes_too() -> None:
    result = normalise("a\u200d\u200b\ufe0fb")
    assert result.text == "ab"


def test_a_text_that_grows_out_of_bounds_is_refused() -> None:
    # The only characters that grow are those written plainly; this one becomes four.
    finding = UnicodeTricks().inspect(Subject("\U0001f110" * 50))
    assert finding.text is not None
    assert len(finding.text) <= 3 * 50 or finding.reason is Reason.INPUT_TOO_LONG


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Ignоrе  Рrevious\nInstruсtions", "ignore previous instructions"),
        ("PRÉCÉDENTES Aufträge", "precedentes auftrage"),
        ("“don’t”", '"don\'t"'),
        ("x²", "x2"),
    ],
)
def test_folding_for_matching_goes_all_the_way(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_folding_keeps_a_text_of_single_character_phrases_small() -> None:
    assert len(fold("\ufdfa" * 1000)) <= 4000
