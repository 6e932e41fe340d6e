"""Whatever the text: features and segments keep their places."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamguard.checks.injections.classifier import counted
from streamguard.checks.injections.ngrams import BITS, features
from streamguard.checks.injections.segments import folded, segments

TEXTS = st.text(st.characters(codec=None), max_size=80)
PROSE = st.text("aB. !?\n;:-–。éж\x1a\t", max_size=900)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_each_text_has_the_features_it_has_alone(texts: list[str]) -> None:
    places, owners = features(texts)
    assert list(owners) == sorted(owners)
    for number, text in enumerate(texts):
        assert np.array_equal(places[owners == number], features([text])[0])


@given(st.one_of(TEXTS, PROSE))
def test_segments_follow_one_another_and_cover_the_text(text: str) -> None:
    spans = segments(text)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    if text.strip():
        assert spans[0][0] == 0
        assert spans[-1][1] == len(text)
    assert all(0 < end - start <= 400 + 12 for start, end in spans)


@given(st.one_of(TEXTS, PROSE))
def test_there_is_a_folded_text_for_each_segment(text: str) -> None:
    spans = segments(text)
    assert len(folded(text, spans)) == max(1, len(spans))


@given(st.lists(st.integers(0, (1 << BITS) - 1), max_size=300), st.integers(4, BITS))
def test_counting_loses_nothing(found: list[int], bits: int) -> None:
    places, often = counted(np.array(found, np.int32), bits)
    small = [place >> (BITS - bits) for place in found]
    assert dict(zip(places.tolist(), often.tolist(), strict=True)) == {place: small.count(place) for place in small}
    assert len(places) == len(set(small))
