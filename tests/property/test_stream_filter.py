"""What a stream shows is what the whole text shows, however it is cut; and nothing that is looked for stands in it."""

import random
from functools import cache
from itertools import combinations, pairwise

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.secret_samples import secret_samples
from streamguard.checks.answer.leak_index import leak_index
from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.chain import OutputChain
from streamguard.checks.echo import PersonalEcho
from streamguard.checks.lists import ListRules
from streamguard.checks.personal_data.detectors import personal_data
from streamguard.checks.personal_data.placeholders import put_back
from streamguard.checks.policy import OutputRules, Policy
from streamguard.checks.secrets import Secrets, secrets_in
from streamguard.checks.streaming.filter import PhraseRules, StreamFilter, StreamResult
from streamguard.events.stages import Placeholder

CANARY = "kq7zwv2tyxab"
SYSTEM = (
    "You answer the questions of customers for the support team of an online shop. Be friendly, concrete and brief: at most six "
    "sentences, in the language of the customer. Rely on the documents where there are some; do not invent prices, dates or "
    f"promises. Say that a colleague will take over when you cannot help. Our hotline is +49 30 5550199. Reference {CANARY}."
)
OWN = (
    Placeholder(token="[EMAIL_1]", kind="EMAIL", value="ann@own.org"),
    Placeholder(token="[PHONE_1]", kind="PHONE", value="+49 170 1234567"),
)
ASKED = "Please write to [EMAIL_1] or call [PHONE_1]. My key is AKIA" + "Q3EGRIZW7XKJ5LMB."
DENIED = ListRules(deny_words=("golden goose", "free money now"), deny=(r"(?i)\bACME-\d+ deal\b",))
PLAIN = OutputRules()
STRICT = OutputRules(lists=DENIED, business=BusinessRules(forbidden=("we guarantee it",)))

TOKEN = "".join(random.Random(6).choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=300))
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + (TOKEN[:64] + "\n") * 12 + "-----END RSA " + "PRIVATE KEY-----"
WORDS = SYSTEM.split()

PERSONAL = st.sampled_from(
    [
        *(
            "bob.m+x@mail.example.com",
            "+49 (0)30 901820",
            "212-555-0188 x77",
            "416 60 039 office",
            "4111 1111 1111 1111",
        ),
        *("GB82 WEST 1234 5698 7654 32", "078-05-1120", "AB 12 34 56 C", "203.0.113.7", "00:1B:44:11:3A:B7"),
        *("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "DOB: March 12, 1980", "passport no. C01X00T47", "my phone is 5550143"),
        *(
            "ann@own.org",
            "+49 170 1234567",
            "+49 30 5550199",
            "[EMAIL_1]",
            "[PHONE_1]",
            "[EMAIL_9]",
            "[EMAIL_",
            "[removed]",
        ),
    ]
)
SECRETS = st.sampled_from(
    [
        *(sample.text for sample in secret_samples(3, 60)),
        *(KEY, KEY[:90], f"password={TOKEN[:20]}", f"ghp_{TOKEN[:36]}", "AKIA" + "Q3EGRIZW7XKJ5LMB", "secret is "),
    ]
)
LEAKS = st.tuples(st.integers(0, len(WORDS) - 1), st.integers(1, 25)).map(
    lambda cut: " ".join(WORDS[cut[0] : cut[0] + cut[1]])
)
PHRASES = st.sampled_from(
    [
        *(
            "golden goose",
            "golden",
            "free money",
            "free  money\nnow",
            "gol\u200bden go\u00f6se",
            "kys",
            "kys means kill yourself",
        ),
        *(
            "he said 'kys' to me",
            "ACME-12 deal",
            "ACME-",
            "we guarantee",
            "We guarantee it",
            CANARY,
            CANARY[:5],
            CANARY[::-1],
        ),
    ]
)
NOISE = st.sampled_from(
    [
        *(
            " ",
            "\n",
            ". ",
            ", ",
            "-",
            " and ",
            "@",
            "[",
            "]",
            "12 ",
            "=",
            "#",
            "1\ufe0f\u20e3",
            "电话",
            "привет мир",
            "é",
            "e\u0301",
        ),
        *(
            "\u200b",
            "\u202e",
            "\U0001f468\u200d\U0001f469",
            "pаypаl",
            "\ud83d",
            "\ude00",
            "ａｂｃ",
            "한국",
            "\u1112\u1161\u11ab",
        ),
        *(
            "\u0e44\u0e17\u0e22\u200b",
            "\u0300" * 6,
            "x" * 300,
            "The parcel will arrive on Tuesday. ",
            "order number 48213 ",
        ),
    ]
)
PIECES = st.one_of(PERSONAL, SECRETS, LEAKS, NOISE, NOISE, st.text(max_size=4))
TEXTS = st.lists(st.tuples(PIECES, st.sampled_from(["", " ", " ", "\n"])).map("".join), max_size=12).map("".join)
REFUSED = st.lists(
    st.tuples(st.one_of(PIECES, PHRASES), st.sampled_from(["", " ", " ", "\n"])).map("".join), max_size=12
).map("".join)
LONG = st.lists(TEXTS, min_size=3, max_size=9).map(" The parcel is on its way. ".join)
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@cache
def phrases(strict: bool) -> PhraseRules:
    return PhraseRules(STRICT if strict else PLAIN)


def made(*, strict: bool = False, placeholders: tuple[Placeholder, ...] = OWN) -> StreamFilter:
    return StreamFilter(
        STRICT if strict else PLAIN,
        placeholders=placeholders,
        system_text=SYSTEM,
        asked=ASKED,
        canary=CANARY,
        phrases=phrases(strict),
    )


def through(stream: StreamFilter, pieces: list[str]) -> tuple[str, StreamResult]:
    shown = "".join([*map(stream.feed, pieces), stream.finish()])
    return shown, stream.result


def check_cuts(text: str, places: list[int], *, strict: bool) -> None:
    whole, said = through(made(strict=strict), [text])
    shown, result = through(made(strict=strict), [text[a:b] for a, b in pairwise([0, *sorted(places), len(text)])])
    assert shown == whole
    assert (result.blocked, result.code) == (said.blocked, said.code)
    if not said.blocked:
        assert result == said


@settings(SLOW, max_examples=120)
@given(text=st.one_of(TEXTS, REFUSED), data=st.data())
@example(text=f"{' '.join(WORDS[10:26])} {' '.join(WORDS[30:60])}", data=None)
def test_what_is_shown_does_not_depend_on_the_cuts(text: str, data: st.DataObject | None) -> None:
    check_cuts(text, list(range(1, len(text))), strict=True)
    if data is not None and text:
        check_cuts(text, data.draw(st.lists(st.integers(0, len(text)), max_size=30)), strict=True)


@settings(SLOW, max_examples=25)
@given(text=LONG, size=st.integers(1, 700))
def test_the_same_of_texts_longer_than_a_window(text: str, size: int) -> None:
    check_cuts(text, list(range(size, len(text), size)), strict=False)


def test_every_cut_in_two_and_three() -> None:
    dice = random.Random(4)
    for text in (
        "to bob@else.com, [EMAIL_1]!",
        "call +49 30 901820 x7 now",
        "a golden\u200b goose",
        "e\u0301 \U0001f468\u200d\U0001f469 \ud83d\ude00",
        "kq7-zwv2 TYXAB end",
        f"key AKIA{TOKEN[:16].upper()} ok",
    ):
        for places in combinations(range(len(text) + 1), 1):
            check_cuts(text, list(places), strict=True)
        for places in dice.sample(list(combinations(range(len(text) + 1), 2)), 40):
            check_cuts(text, list(places), strict=True)


@settings(SLOW, max_examples=120)
@given(text=TEXTS)
def test_nothing_that_is_looked_for_is_shown(text: str) -> None:
    shown, _ = through(made(placeholders=()), list(text))
    echo = PersonalEcho(PLAIN.personal_echo, (), f"{SYSTEM}\n{ASKED}")
    assert echo.foreign(shown, personal_data(shown)) == []
    secrets = Secrets(asked=ASKED)
    assert [one for one in secrets_in(shown) if secrets.is_foreign(one, shown)] == []
    index = leak_index(SYSTEM, CANARY)
    assert not index.has_canary(shown)
    assert "line" not in {span.kind for span in index.spans(shown)}


@settings(SLOW, max_examples=120)
@given(text=TEXTS)
def test_the_chain_makes_the_same_of_the_whole(text: str) -> None:
    chain = OutputChain(Policy(version="1"), b"key")
    checked = chain.run(text, placeholders=OWN, system_text=SYSTEM, asked=ASKED, canary=CANARY)
    shown, result = through(chain.stream(placeholders=OWN, system_text=SYSTEM, asked=ASKED, canary=CANARY), [text])
    # What only a whole answer can be (empty, looping) the stream does not see.
    if checked.code not in ("empty", "looping", "debris"):
        assert result.blocked == checked.blocked
    if result.blocked is None and checked.blocked is None:
        assert shown == put_back(checked.text, OWN)
