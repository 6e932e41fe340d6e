"""Personal data in arguments of tools: taken out on the way to a model, put back on the way to the service, in any JSON."""

from typing import Any

import orjson
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from streamguard.answers.arguments import argument_texts, as_one_string, rewritten
from streamguard.answers.tools import restored
from streamguard.checks.chain import InputChain
from streamguard.checks.contract import Subject
from streamguard.checks.personal_data.placeholders import put_back
from streamguard.checks.policy import Policy
from streamguard.checks.unicode import normalise

POLICY = Policy.model_validate({"version": "1", "input": {"encoded": {"unread": "pass"}}})
IN = InputChain(POLICY, b"k")

DATA = st.sampled_from(
    [
        "anna@example.com",
        "+49 30 901820",
        "4111 1111 1111 1111",
        "DE89370400440532013000",
        "078-05-1120",
        "203.0.113.7",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    ]
)
AROUND = st.sampled_from(
    [" ", "\n", "\t", '"', "\\", "\\n", "[EMAIL_1]", "[removed]", "(text 1)", "{", "}", "]", ": ", "é", "</x>", "\x00"]
)
PLAIN = st.text(st.characters(codec="ascii", categories=["L"]), max_size=5)
TEXT = st.lists(st.one_of(DATA, AROUND, PLAIN), max_size=6).map("".join)
LEAF = st.one_of(
    TEXT, st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.just(4111111111111111), st.floats(-9, 9)
)
VALUE = st.recursive(
    LEAF, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)), max_leaves=8
)
ARGUMENTS = st.dictionaries(TEXT, VALUE, max_size=4)


def written(arguments: dict[str, Any], ascii_only: bool) -> str:
    """The JSON text, as some write it: with an escape for each character beyond ASCII."""
    text = orjson.dumps(arguments).decode()
    return "".join(one if ord(one) < 128 else f"\\u{ord(one):04x}" for one in text) if ascii_only else text


def normal(value: Any) -> Any:
    """What the checks of characters make of it; numbers as texts, which they become where they are data."""
    if isinstance(value, str):
        return normalise(value).text
    if isinstance(value, list):
        return [normal(item) for item in value]  # pyright: ignore[reportUnknownVariableType]  # any JSON
    if isinstance(value, dict):
        return {normal(name): normal(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    # as it stands in the JSON: Python writes small numbers in another way
    return orjson.dumps(value).decode() if isinstance(value, int | float) and not isinstance(value, bool) else value


def same(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@settings(deadline=None, max_examples=60)
@given(ARGUMENTS, st.booleans())
@example({'"': 6.103515625e-05}, False)
def test_whatever_is_taken_out_of_arguments_is_put_back(arguments: dict[str, Any], ascii_only: bool) -> None:
    given_text = written(arguments, ascii_only)
    texts = argument_texts(given_text)
    checked = IN.run([Subject("Send it."), *(Subject(text, "assistant") for text in texts)])
    # letters before an IBAN can make a cloud provider's key: what is masked as a secret stays so, and is not looked at here
    assume("[SECRET]" not in "".join(checked.texts))
    left = rewritten(given_text, checked.texts[1:])

    if left is None:
        assert isinstance(orjson.loads(as_one_string(checked.texts[1:])), dict)
        return
    redacted = orjson.loads(left)
    assert "anna@example.com" not in str(redacted)
    back = restored(left, None, lambda text: put_back(text, checked.placeholders))
    assert same(normal(orjson.loads(back))) == same(normal(arguments))
