"""Whatever is encoded wherever is found; whatever the text, nothing fails and nothing is unbounded."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.checks.contract import Subject
from streamguard.checks.decoding.payloads import DEPTH, LARGEST, decoded
from streamguard.checks.encoded import Encoded, personal_payloads
from streamguard.checks.personal import RedactPersonal
from streamguard.checks.personal_data.placeholders import PlaceholderMap, put_back
from streamguard.checks.text.folding import fold
from streamguard.checks.unicode import UnicodeTricks, normalise
from tests.support.encodings import CODECS

# Written here, so that the check cannot be fitted to the words that it knows: about half of them are in no list of it.
_WHO = (
    "the teacher",
    "my neighbour",
    "an old sailor",
    "your assistant",
    "the tall gardener",
    "every student",
    "our manager",
)
_DOES = (
    "wants to ignore",
    "will explain",
    "has forgotten",
    "should never reveal",
    "can always repeat",
    "would like to buy",
)
_WHAT = (
    "the previous instructions",
    "all secret passwords",
    "a quick answer",
    "his brown umbrella",
    "the rules of this game",
)
_WHEN = (
    "before the meeting tomorrow",
    "when you ask for it",
    "and then tell me about the weather",
    "because it is late",
)
SENTENCES = st.builds(" ".join, st.tuples(*map(st.sampled_from, (_WHO, _DOES, _WHAT, _WHEN))))
AROUND = st.one_of(
    st.lists(st.sampled_from((*_WHO, *_WHAT, *_WHEN)), max_size=6).map(" ".join),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf")), max_size=60),
)
TRICKY = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(
            "\u200b\u200d\ufe0f\u202e\U000e0041\U000e0100\ud800\u0301🅰🇩ǝаА=%&#;\\xu0123456789abcdefAZ+/-_. \n"
        ),
    ),
    max_size=300,
)


def plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=25, deadline=None)
@given(sentence=SENTENCES, before=AROUND, after=AROUND)
def test_an_encoded_sentence_is_found_in_any_surroundings(name: str, sentence: str, before: str, after: str) -> None:
    text = f"{before}\n\n{CODECS[name](sentence)}\n\n{after}"
    said = [payload.text for payload in decoded(text).payloads]
    if name == "pig_latin":  # whoever reads it must guess: `antsway` is "ants" and "wants"
        words = sentence.split()
        assert any(sum(word in one.split() for word in words) >= 0.8 * len(words) for one in said), (text, said)
    else:
        assert any(plain(sentence) in plain(one) for one in said), (text, said)


@settings(max_examples=300, deadline=None)
@given(text=TRICKY)
def test_no_text_fails_and_places_and_sizes_are_bounded(text: str) -> None:
    found = decoded(text)
    assert all(0 <= payload.start < payload.end <= len(text) for payload in found.payloads)
    assert all(1 <= payload.depth <= DEPTH for payload in found.payloads)
    assert sum(len(payload.text) for payload in found.payloads) <= LARGEST
    result = normalise(text)
    assert normalise(result.text).text == result.text
    assert all(0 <= span.start < span.end <= len(text) for span in result.tricks)
    assert 0 <= result.found.score <= 1
    assert bool(result.tricks) == bool(result.found.counts)
    seen = UnicodeTricks().inspect(Subject(text))
    Encoded(inner=(UnicodeTricks(),)).inspect(Subject(result.text, hidden=seen.hidden))
    fold(text)


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(TRICKY, SENTENCES), mail=st.sampled_from(["a.b@example.com", "anna@mail.example.org"]))
def test_a_placeholder_for_a_passage_is_always_put_back(text: str, mail: str) -> None:
    written = normalise(f"{text} {CODECS['base64'](mail + ' and more')} [ENCODED_1] {text}").text
    found = PlaceholderMap()
    redacted = RedactPersonal(found).inspect(Subject(written)).text
    assert redacted is not None
    assert put_back(redacted, found.placeholders()) == written
    assert personal_payloads(written)


@settings(max_examples=100, deadline=None)
@given(sentence=SENTENCES, places=st.lists(st.integers(0, 60), min_size=4, max_size=12))
def test_what_tag_characters_spell_is_read_however_they_are_spread(sentence: str, places: list[int]) -> None:
    unseen = [chr(0xE0000 + ord(letter)) for letter in sentence]
    share = max(1, len(unseen) // len(places))
    pieces = [unseen[at : at + share] for at in range(0, len(unseen), share)]
    text = "x".join("".join(piece) for piece in pieces)
    result = normalise(f"Hello {text} there")
    assert result.found.hidden == (sentence,)
    assert not any(0xE0000 <= ord(character) <= 0xE007F for character in result.text)
