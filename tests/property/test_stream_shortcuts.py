"""What a stream does not look at again, it would have found the same."""

from hypothesis import given
from hypothesis import strategies as st

from streamguard.checks.echo import EchoRules, PersonalEcho
from streamguard.checks.streaming.spotters import PersonalSpotter
from streamguard.checks.text.wording import last_places, word_places, words_of

TEXTS = st.lists(
    st.sampled_from(
        [
            "word",
            "two words ",
            "_a_",
            "…",
            "“q”",
            "é",
            "İ",
            "ΑΣ",
            "你不",
            "x" * 90,
            " ",
            " ",
            "\n",
            ", ",
            "½",
            "1st",
            "\u0e01",
        ]
    ),
    max_size=60,
).map("".join)
DATA = st.lists(
    st.sampled_from(
        (
            *(
                "Call ",
                "me at ",
                "+49 30 901820",
                "030 90182",
                "0 or ",
                "mail ",
                "ann@example.org",
                "@",
                "born on ",
                "12 March 1980",
            ),
            *(
                "passport ",
                "C01X00T47",
                "4111 1111 ",
                "1111 1111",
                "ext. 12",
                "DE89 3704 0044 ",
                "0532 0130 00",
                "fe80",
                "::1",
            ),
            *(
                "aa:bb:cc:",
                "dd:ee:ff",
                "10.0.0.1",
                ". ",
                " ",
                ", ",
                "street",
                "office",
                "is my phone",
                "abcdefghijklmnopqrstuvwxyz",
            ),
        )
    ),
    max_size=14,
)


@given(TEXTS, st.integers(1, 9))
def test_the_last_places_are_those_of_all(text: str, many: int) -> None:
    every, last = list(word_places(text)), last_places(text, many)
    assert len(last) >= min(many, len(every))
    assert last == every[len(every) - len(last) :]


@given(TEXTS)
def test_a_word_has_one_place(text: str) -> None:
    assert len(words_of(text)) == len(list(word_places(text)))


@given(DATA)
def test_a_text_that_grows_shows_the_data_of_the_whole(pieces: list[str]) -> None:
    grown = PersonalSpotter(EchoRules(), PersonalEcho(EchoRules(), ()))
    text = ""
    for piece in pieces:
        text += piece
        fresh = PersonalSpotter(EchoRules(), PersonalEcho(EchoRules(), ()))
        assert grown.scan(text, ended=False) == fresh.scan(text, ended=False)
