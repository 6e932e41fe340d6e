"""Taking personal data out and putting it back, over made-up texts."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.checks.chain import InputChain, OutputChain
from streamguard.checks.contract import Subject
from streamguard.checks.personal import RedactPersonal
from streamguard.checks.personal_data.detectors import personal_data
from streamguard.checks.personal_data.placeholders import PlaceholderMap, put_back
from streamguard.checks.policy import Policy
from streamguard.checks.unicode import normalise

POLICY = Policy(version="1")
IN = InputChain(POLICY, b"k")
OUT = OutputChain(POLICY, b"k")

DATA = st.sampled_from(
    [
        "anna@example.com",
        "a.b+c@mail.example.org",
        "+49 30 901820",
        "212-555-0188",
        "4111 1111 1111 1111",
        "DE89370400440532013000",
        "GB82 WEST 1234 5698 7654 32",
        "078-05-1120",
        "203.0.113.7",
        "2001:db8::8a2e:370:7334",
        "00:1B:44:11:3A:B7",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "12345678Z",
        "111.444.777-35",
    ]
)
TOKENS = st.sampled_from(
    [
        "[EMAIL_1]",
        "[email 1]",
        "[PHONE_2]",
        "[LITERAL_1]",
        "[NATIONAL_ID_1]",
        "[driver license 1]",
        "[CARD_1",
        "[IP",
        "_1]",
        "［EMAIL_1］",
    ]
)
FILLING = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = st.sampled_from([" ", "\n", ", ", " and ", "phone ", "order ", "-", ".", "/", "x", "[", "]"])
TEXT = st.lists(st.one_of(DATA, TOKENS, FILLING, WORDS), max_size=14).map("".join)
ANYTHING = st.text(st.characters(), max_size=200)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_what_was_taken_out_is_put_back_exactly(texts: list[str]) -> None:
    found = PlaceholderMap()
    check = RedactPersonal(found)
    plain = [normalise(text).text for text in texts]
    findings = [check.inspect(Subject(text)) for text in plain]
    redacted = found.sweep(
        [text if finding.text is None else finding.text for text, finding in zip(plain, findings, strict=True)]
    )
    assert [put_back(text, found.placeholders()) for text in redacted] == plain


@settings(deadline=None)
@given(st.lists(DATA, min_size=1, max_size=6), st.sampled_from([" ", "\n", ", ", "; ", " and "]))
def test_no_value_is_left_in_any_text(values: list[str], between: str) -> None:
    text = f"Please note: {between.join(values)} thanks"
    result = IN.run([Subject(text), Subject(f"again: {values[0]} here", "document")])
    for value in values:
        assert all(value not in redacted for redacted in result.texts)
    for redacted in result.texts:
        assert personal_data(redacted) == []


@settings(deadline=None)
@given(TEXT)
def test_redacting_twice_takes_out_only_look_alikes(text: str) -> None:
    once = IN.run([Subject(text)])
    kinds = {placeholder.kind for placeholder in IN.run([Subject(once.text)]).placeholders}
    assert kinds <= {"LITERAL"}


@settings(deadline=None)
@given(ANYTHING)
def test_normalising_is_settled_after_one_time(text: str) -> None:
    plain = normalise(text).text
    assert normalise(plain).text == plain
    assert unicodedata.is_normalized("NFC", plain)
    plain.encode()


@settings(deadline=None)
@given(st.lists(st.one_of(ANYTHING, TEXT), max_size=3))
def test_the_chains_never_raise_and_no_check_fails_on_any_text(texts: list[str]) -> None:
    for role in ("user", "document", "system"):
        result = IN.run([Subject(text, role) for text in texts])
        assert len(result.texts) == len(texts)
        assert "check_error" not in {verdict.code for verdict in result.verdicts}
    for text in texts:
        answered = OUT.run(text, system_text="some instructions " * 10, canary="0123456789ab")
        assert "check_error" not in {verdict.code for verdict in answered.verdicts}


@settings(deadline=None, max_examples=30)
@given(DATA, FILLING)
def test_foreign_data_never_leaves_in_an_answer(value: str, filling: str) -> None:
    answer = OUT.run(f"It is {value} {filling}")
    assert value not in answer.text
