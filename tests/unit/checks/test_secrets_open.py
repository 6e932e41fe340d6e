"""Where a stream may still hold a credential: what stands before that place is settled, whatever follows."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.secret_samples import secret_samples
from streamguard.checks.credentials.formats import RULES
from streamguard.checks.secrets import LONGEST_SECRET, Secret, open_from, secrets_in

DICE = random.Random(5)
TOKEN = "".join(DICE.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=400))
LINE = TOKEN[:64] + "\n"
BEGIN = "-----BEGIN RSA " + "PRIVATE KEY-----"
END = "-----END RSA " + "PRIVATE KEY-----"

PIECES = [
    *(" ", "\n", "=", ": ", '"', "'", ",", "&", "-", ".", "_", "é", "的", "\\n", "%3D", "is ", "the ", "hello ", "İ"),
    *("password", "api_key", "token", "DB_PASS=", "secret is ", "Bearer ", "Basic ", "curl -u a:"),
    "Authorization: ",
    *("ghp_", "sk-", "sk-ant-a1-", "AKIA", "eyJ", "xoxb-", "SG.", "://", "@db ", "-us1", ":AA", "Q~", "NRAL", "JQQJ99"),
    *("login b password ", "postgres://u:", "xapp-1-", "1//0"),
    *(TOKEN[:36], TOKEN[36:52], TOKEN[52:84], TOKEN[:8], TOKEN, TOKEN[:16].upper(), "0123456789", "8261930475", "f3a9c1d27b" * 4),
    *(BEGIN, "\n" + LINE * 2, END, "-----", "Private-Lines: 2\n", "Private-MAC: f3a9c1d27b"),
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def test_what_a_rule_masks_holds_no_space() -> None:
    """`open_from` relies on it: a credential that is still open begins after the last space."""
    spaced = [
        rule.kind for rule in RULES if any(" " in literal for literal in rule.literals) or r"\s" in rule.expression
    ]
    assert {rule.kind for rule in RULES if rule.inner} >= set(spaced) >= {"bearer_token", "okta_token"}


def settled(text: str, before: int) -> list[Secret]:
    return [secret for secret in secrets_in(text) if secret.start < before]


def check_split(text: str, split: int) -> None:
    prefix = text[:split]
    place = open_from(prefix)
    assert 0 <= place <= len(prefix)
    assert settled(prefix, place) == settled(text, place)
    assert all(secret.end <= place for secret in settled(text, place))


@given(text=texts, data=st.data())
@settings(max_examples=400, deadline=None)
def test_what_stands_before_the_open_place_is_settled(text: str, data: st.DataObject) -> None:
    check_split(text, data.draw(st.integers(0, len(text))))


@given(text=texts)
@settings(max_examples=25, deadline=None)
@example(f"x ghp_{TOKEN[:36]} y")
@example(f"x {BEGIN}\n{LINE * 3}{END} y")
@example(f"password={TOKEN[:200]} {TOKEN} api_key: {TOKEN[:30]}")
def test_at_every_split(text: str) -> None:
    for split in range(len(text) + 1):
        check_split(text, split)


def test_at_splits_of_labelled_samples() -> None:
    samples = secret_samples(11, 400)
    for one, other in zip(samples[:200], samples[200:], strict=True):
        text = f"{one.text}\n{other.text}"
        for split in DICE.sample(range(len(text) + 1), min(6, len(text))):
            check_split(text, split)


@pytest.mark.parametrize(
    "start", ["eyJhbGciOiJ9.eyJ", "password=", "ghp_", "token: sk-proj-", "data:image/png;base64,"]
)
@pytest.mark.parametrize("length", [600, 700, 2_000, LONGEST_SECRET - 5, LONGEST_SECRET + 100, 2 * LONGEST_SECRET])
def test_long_runs_without_a_break(start: str, length: int) -> None:
    run = "".join(DICE.choices(TOKEN, k=length))
    text = f"see {start}{run} and {start}{run[:90]} end"
    for split in (len(start) + 300, len(start) + length // 2, len(start) + length, len(text) - 40, len(text) - 4):
        check_split(text, split)


def test_a_private_key_is_open_until_its_end_or_the_bound() -> None:
    opened = f"so {BEGIN}\n{LINE * 4}"
    assert open_from(opened) == 3
    assert open_from(f"{opened}{END} ") == len(f"{opened}{END} ")
    endless = f"so {BEGIN}\n" + LINE * (LONGEST_SECRET // len(LINE) + 1)
    assert open_from(endless + " ") == len(endless) + 1
    assert secrets_in(endless)[0] == Secret(3, 3 + LONGEST_SECRET, "private_key", 1.0)


def test_text_without_a_credential_waits_for_no_more_than_a_word() -> None:
    text = "The key to a good token economy is to reset your password, they say. 漢字だけの長い文章にも秘密はない。 "
    for split in range(len(text) + 1):
        assert len(text[open_from(text[:split]) : split]) <= len("password,")
