"""Credentials are refused and leave no trace; look-alikes pass. No literal here is a token as a scanner would take it."""

import random
import time
from collections import Counter

import pytest
from pydantic import ValidationError

from benchmarks.secret_samples import FORMS, MADE, secret_samples
from streamguard.checks.contract import Finding, Subject
from streamguard.checks.credentials.entropy import base62_crc32
from streamguard.checks.credentials.formats import RULES
from streamguard.checks.secrets import MASK, Secrets, SecretsRules, secrets_in
from streamguard.events.reason import Reason

DICE = random.Random(7)
ALNUM = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def drawn(count: int, of: str = ALNUM) -> str:
    return "".join(DICE.choices(of, k=count))


TOKEN = "ghp_" + drawn(36)


def inspect(text: str, rules: SecretsRules | None = None, **subject: str) -> Finding:
    return Secrets(rules).inspect(Subject(text, **subject))  # pyright: ignore[reportArgumentType]  # literals of the caller


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("aws_access_key", "AKIA" + drawn(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
        ("github_token", TOKEN),
        ("github_fine_grained_token", "github_pat_" + drawn(22) + "_" + drawn(59)),
        ("gitlab_token", "glpat-" + drawn(20)),
        ("slack_token", "xoxb-" + "123456789012-" + drawn(24)),
        ("anthropic_key", "sk-ant-" + "api03-" + drawn(93) + "AA"),
        ("openai_key", "sk-proj-" + drawn(48)),
        ("stripe_key", "sk_live_" + drawn(24)),
        ("google_api_key", "AIza" + drawn(35)),
        ("jwt", "eyJ" + drawn(20) + ".eyJ" + drawn(30) + "." + drawn(43)),
        ("telegram_token", "8261930475:AA" + drawn(33)),
        ("discord_token", "MT" + drawn(24) + "." + drawn(6) + "." + drawn(27)),
        ("mailchimp_key", drawn(32, "0123456789abcdef") + "-us12"),
        ("twilio_key", "SK" + drawn(32, "0123456789abcdef")),
        ("digitalocean_token", "dop_v1_" + drawn(64, "0123456789abcdef")),
    ],
)
def test_a_credential_blocks_and_is_masked(kind: str, token: str) -> None:
    finding = inspect(f"It fails with {token} since today.")
    assert (finding.action, finding.code, finding.reason) == ("block", "secret", Reason.SECRET_IN_INPUT)
    assert finding.code in Secrets.codes
    assert [(span.kind, span.start, span.end) for span in finding.spans] == [(kind, 14, 14 + len(token))]
    assert finding.text == f"It fails with {MASK} since today."
    assert finding.score is not None
    assert finding.score >= 0.6


@pytest.mark.parametrize("vendor", [*FORMS, *MADE])
def test_each_vendor_documented_is_known(vendor: str) -> None:
    samples = [one for one in secret_samples(3, 4_000, unlisted=0.0) if one.kind == vendor]
    found = sum(bool(secrets_in(one.text)) for one in samples)
    assert len(samples) >= 10
    assert found >= 0.8 * len(samples)


@pytest.mark.parametrize("seed", [101, 102])
def test_recall_and_false_alarms_over_labelled_samples(seed: int) -> None:
    found = Counter((one.label, bool(secrets_in(one.text))) for one in secret_samples(seed, 2_000, unlisted=0.0))
    assert found[1, True] >= 0.98 * 1_000
    assert found[0, True] <= 0.01 * 1_000


def test_keys_without_a_form_are_known_by_their_names() -> None:
    samples = [one for one in secret_samples(103, 1_000, unlisted=1.0) if one.label]
    assert sum(bool(secrets_in(one.text)) for one in samples) >= 0.95 * len(samples)


@pytest.mark.parametrize(
    "text",
    [
        "Where do I put my sk- key?",
        "The variable is called GITHUB_TOKEN and starts with ghp_",
        "task-force and risk-averse-people-who-talk-much",
        "see https://example.com:8080/path and mailto:me@example.com",
        "-----BEGIN CERTIFICATE-----\n" + drawn(64) + "\n-----END CERTIFICATE-----",
        "A key file starts with -----BEGIN " + "PRIVATE KEY----- and ends with its END line.",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "sk-" + "x" * 48,
        "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
        "glpat-" + "your-token-goes-here",
        "pk_live_" + drawn(24),
        "password: required",
        "mot de passe : oublié2024?",
        "the password for the wifi is on the Router2!",
        "the password is case-sensitive and your password was changed in 2024/05.",
        "password=os.environ.get1('X')",
        "api_key = settings.services.billing.api_key2",
        "api_key=${BILLING_API_KEY}",
        "DB_PASS=$DB_PASSWORD_2",
        "password: vault:kv/db1",
        "the token count: 4096 and the key_id: a1b2c3d4e5f6a7b8",
        "postgres://user:password@localhost/db",
        "commit " + drawn(40, "0123456789abcdef"),
        "monkey=aB3dE5gH7jK9mN1pQ2sT4vW6",
        "public_key: " + drawn(43),
        "data:image/png;base64,iVBORw0KGgo" + drawn(3_000, ALNUM + "+/"),
    ],
)
def test_talking_about_credentials_is_fine(text: str) -> None:
    assert inspect(text) == Finding()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("DB_PASSWORD=Winter!72kQ", f"DB_PASSWORD={MASK}"),
        (r'"body": "{\"password\": \"Winter!72kQ\"}"', rf'"body": "{{\"password\": \"{MASK}\"}}"'),
        (r'"{\\\"password\\\":\\\"Winter!72kQ\\\"}"', rf'"{{\\\"password\\\":\\\"{MASK}\\\"}}"'),
        ("the password for the test db is Winter!72kQ.", f"the password for the test db is {MASK}."),
        ("pw: Winter!72kQ", f"pw: {MASK}"),
        ("Mot de passe : Winter!72kQ", f"Mot de passe : {MASK}"),
        ("CONTRASEÑA: Winter!72kQ", f"CONTRASEÑA: {MASK}"),
        ("пароль: Winter!72kQ", f"пароль: {MASK}"),
        ("密码:Winter!72kQ", f"密码:{MASK}"),
        ("postgres://app:Winter72kQ@db.internal/x", f"postgres://app:{MASK}@db.internal/x"),
        ("machine x login anna password Winter72kQ", f"machine x login anna password {MASK}"),
        ("curl -u anna:Winter72kQ https://x", f"curl -u anna:{MASK} https://x"),
        ("Authorization: Basic YW5uYTpXaW50ZXI3MmtR", f"Authorization: Basic {MASK}"),
        ("config = {'client_secret': 'q8ZkW3vN5tYb2LxR'}", f"config = {{'client_secret': '{MASK}'}}"),
        ("?api_key=q8ZkW3vN5tYb2LxR&page=2", f"?api_key={MASK}&page=2"),
        ("Mein Passwort lautet Winter72kQ, hilft das?", f"Mein Passwort lautet {MASK}, hilft das?"),
        ("our api key is q8ZkW3vN5tYb2LxR7c.", f"our api key is {MASK}."),
        ("line\\npassword=Winter72kQ\\n", f"line\\npassword={MASK}\\n"),
        ("--token q8ZkW3vN5tYb2LxR", f"--token {MASK}"),
        ('<add key="Password" value="Winter72kQ"/>', f'<add key="Password" value="{MASK}"/>'),
        ("- name: API_KEY\n  value: q8ZkW3vN5tYb2LxR", f"- name: API_KEY\n  value: {MASK}"),
    ],
)
def test_of_what_is_named_the_value_alone_is_masked(text: str, left: str) -> None:
    assert inspect(text).text == left


def test_a_right_checksum_makes_certain_and_a_wrong_one_hides_nothing() -> None:
    body = drawn(30)
    right, wrong = base62_crc32(body), base62_crc32(body + "x")
    scores = [secrets_in(f"npm_{body}{check}")[0].score for check in (right, wrong)]
    assert scores == [1.0, pytest.approx(0.8)]
    assert base62_crc32("") == "000000"


def test_a_header_that_decodes_makes_a_jwt_surer() -> None:
    decodes, garbled = ("eyJhbGciOiJIUzI1NiJ9", "eyJ" + drawn(17))
    scores = [secrets_in(f"{head}.eyJ{drawn(20)}.{drawn(43)}")[0].score for head in (decodes, garbled)]
    assert scores[0] == 1.0 > scores[1] >= 0.7


def test_private_keys_are_masked_whole() -> None:
    lines = "\n".join(drawn(64) for _ in range(4))
    head, tail = "-----BEGIN " + "PRIVATE KEY-----", "-----END " + "PRIVATE KEY-----"
    for sep in ("\n", "\\n"):
        key = f"{head}\n{lines}\n{tail}".replace("\n", sep)
        assert inspect(f"x {key} y").text == f"x {MASK} y"
    assert inspect(f"x {head}\n{lines}").text == f"x {MASK}"
    assert inspect(f"x {head}\n{tail} y").action == "pass"
    putty = f"PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 4\n{lines}\nPrivate-MAC: {drawn(40, '0123456789abcdef')}"
    assert inspect(putty).text == f"PuTTY-User-Key-File-2: ssh-rsa\n{MASK}"


def test_a_token_longer_than_its_form_is_masked_to_its_end() -> None:
    for start in ("sk-ant-" + "api03-", "hf_", "eyJhbGciOiJIUzI1NiJ9.", "Bearer "):
        left = inspect(f"use {start}{drawn(700)} now").text
        assert left is not None
        assert len(left) <= len(f"use Bearer {MASK} now")


def test_one_value_found_twice_is_masked_once_under_the_surer_name() -> None:
    text = f"api_key={TOKEN}"
    assert [(one.kind, one.start, one.end) for one in secrets_in(text)] == [("github_token", 8, len(text))]


def test_a_policy_may_mask_and_go_on_or_let_kinds_pass() -> None:
    finding = inspect(f"a {TOKEN} b", SecretsRules(action="mask"))
    assert (finding.action, finding.reason, finding.text) == ("transform", None, f"a {MASK} b")
    assert inspect(TOKEN, SecretsRules(ignored=frozenset({"github_token"}))).action == "pass"
    assert inspect("our api key is q8ZkW3vN5tYb2LxR7c", SecretsRules(least_score=0.9)).action == "pass"
    assert inspect(TOKEN, SecretsRules(least_score=0.8)).action == "block"
    with pytest.raises(ValidationError, match="colour"):
        SecretsRules.model_validate({"colour": 1})


def test_an_answer_is_masked_except_for_what_the_asker_sent() -> None:
    other = "glpat-" + drawn(20)
    answer = Subject(f"yours {TOKEN}, mine {other}", "assistant", "output")
    assert Secrets().inspect(answer).text == f"yours {MASK}, mine {MASK}"
    finding = Secrets(asked=f"why does {TOKEN} fail?").inspect(answer)
    assert (finding.action, finding.code, finding.reason) == ("transform", "secret", None)
    assert finding.text == f"yours {TOKEN}, mine {MASK}"


def test_a_credential_among_unseen_characters_blocks() -> None:
    finding = Secrets().inspect(Subject("hello", hidden=(f"send {TOKEN}",)))
    assert (finding.action, finding.spans, finding.text) == ("block", (), None)


HOSTILE = {
    "all literals": " ".join(literal for rule in RULES for literal in rule.literals) + " ",
    "literals in one run": "".join(literal for rule in RULES for literal in rule.literals),
    "jwt heads": "-eyJ",
    "jwt dots": "eyJhbGciOiJ.",
    "passwords": "password=",
    "names": "the key is the token of a secret ",
    "keys begin": "-----BEGIN " + "PRIVATE KEY-----",
    "keys begin on lines": "-----BEGIN " + "PRIVATE KEY-----\n" + TOKEN[4:20] + "\n",
    "prefixes": "-sk-ant-a1-",
    "looking back": "1Q~1:AA",
    "urls": "a://b:",
    "tokens": TOKEN + " ",
    "named": "the key " + TOKEN[4:26] + " ",
    "assigned": "pass=" + TOKEN[4:12] + " ",
    "spaces": "token" + " " * 30,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_quarter_megabyte_takes_no_quadratic_time(name: str) -> None:
    """At most a fifth of a second where it was measured; quadratic time would be minutes."""
    text = (HOSTILE[name] * (262_144 // len(HOSTILE[name]) + 1))[:262_144]
    secrets_in("warm up")
    started = time.process_time()
    secrets_in(text)
    assert time.process_time() - started < 1.5
