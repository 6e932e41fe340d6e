"""Credentials are refused and leave no trace; look-alikes pass. No literal here is a token as a scanner would take it."""

import pytest

from streamguard.checks.contract import Subject
from streamguard.checks.secrets import MASK, RULES, Secrets
from streamguard.events.reason import Reason

_LETTERS = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0dF" * 8

TOKENS = {
    "aws_access_key": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws_secret_key": "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "github_token": "ghp_" + _LETTERS[:36],
    "gitlab_token": "glpat-" + _LETTERS[:20],
    "slack_token": "xoxb-" + "123456789012-" + _LETTERS[:24],
    "slack_webhook": "https://hooks.slack.com/services/" + "T00000000/B00000000/" + _LETTERS[:24],
    "anthropic_key": "sk-ant-" + "api03-" + _LETTERS[:40],
    "openai_key": "sk-proj-" + _LETTERS[:48],
    "google_key": "AIza" + _LETTERS[:35],
    "google_oauth": "ya29." + _LETTERS[:40],
    "stripe_key": "sk_live_" + _LETTERS[:24],
    "private_key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA " + "PRIVATE KEY-----",
    "jwt": "eyJ" + _LETTERS[:20] + ".eyJ" + _LETTERS[:30] + "." + _LETTERS[:43],
    "npm_token": "npm_" + _LETTERS[:36],
    "pypi_token": "pypi-" + _LETTERS[:60],
    "huggingface_token": "hf_" + _LETTERS[:34],
    "sendgrid_key": "SG." + _LETTERS[:22] + "." + _LETTERS[:43],
    "azure_key": "AccountKey=" + _LETTERS[:86] + "==",
    "digitalocean_token": "dop_v1_" + "a1b2c3d4" * 8,
    "shopify_token": "shpat_" + "a1b2c3d4" * 4,
    "telegram_token": "123456789:AA" + _LETTERS[:33],
    "url_password": "postgres://app:" + "hunter22@db.internal:5432/x",
}


def test_every_rule_has_its_example() -> None:
    assert {rule.kind for rule in RULES} == set(TOKENS)


@pytest.mark.parametrize("kind", TOKENS)
def test_a_credential_blocks_and_is_masked(kind: str) -> None:
    token = TOKENS[kind]
    finding = Secrets().inspect(Subject(f"It fails with {token} since today."))
    assert finding.action == "block"
    assert finding.reason is Reason.SECRET_IN_INPUT
    assert kind in {span.kind for span in finding.spans}
    assert finding.text is not None
    assert MASK in finding.text
    assert token not in finding.text
    assert finding.text.startswith("It fails with ")


@pytest.mark.parametrize(
    "text",
    [
        "Where do I put my sk- key?",
        "The variable is called GITHUB_TOKEN and starts with ghp_",
        "AKIA is the prefix of AWS keys",
        "task-force and risk-averse-people-who-talk-much",
        "see https://example.com:8080/path and mailto:me@example.com",
        "eyJ is how a JWT begins",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ],
)
def test_talking_about_credentials_is_fine(text: str) -> None:
    assert Secrets().inspect(Subject(text)).action == "pass"


def test_a_key_without_its_end_is_masked_to_the_end_of_the_text() -> None:
    finding = Secrets().inspect(Subject("x -----BEGIN " + "PRIVATE KEY-----\nMIIEabc"))
    assert finding.text == f"x {MASK}"
