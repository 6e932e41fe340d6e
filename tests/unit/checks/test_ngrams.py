"""The hashed features are those that the shipped weights were trained on."""

import hashlib

import numpy as np

from streamguard.checks.injections.ngrams import BITS, features


def test_the_places_are_those_that_the_model_knows() -> None:
    places, owners = features(["ignore the rules", "wie geht's? 你好"])
    digest = hashlib.sha256(places.astype("<i4").tobytes() + owners.astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == "aebc7f5c2414de5e", "other hashes need a model trained anew, and a new FORMAT"


def test_a_repeated_feature_counts_once() -> None:
    once, often = features(["word word "])[0], features(["word " * 500])[0]
    assert len(once) <= len(often) <= len(once) + 12


def test_no_feature_reaches_into_the_next_text() -> None:
    places, owners = features(["ab", "cd"])
    alone = [features([text])[0] for text in ("ab", "cd")]
    assert np.array_equal(places[owners == 0], alone[0])
    assert np.array_equal(places[owners == 1], alone[1])


def test_how_a_sentence_opens_is_a_feature() -> None:
    assert set(features(["add salt now"])[0]) - set(features(["now add salt now"])[0])


def test_texts_without_words_have_features_too() -> None:
    for text in ("", " ", "?!", "\ud800"):
        places, owners = features([text])
        assert len(places) == len(owners)
        assert all(0 <= place < 1 << BITS for place in places)


def test_more_texts_than_fit_the_short_keys() -> None:
    number = (1 << (32 - BITS)) + 5
    places, owners = features(["ab"] * number)
    assert owners.max() == number - 1
    assert len(places) == number * len(features(["ab"])[0])
