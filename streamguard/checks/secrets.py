"""Credentials in what is asked: refused, so that they neither reach a model nor stay in a store.

A rule is a token format with a literal part. One pass of Aho-Corasick looks for the literals; only the rules whose literal
occurs are matched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from streamguard.checks.contract import PASS, Finding, Subject
from streamguard.checks.matching import Pattern, Words
from streamguard.checks.splicing import spliced
from streamguard.events.reason import Reason
from streamguard.events.trail import Span

MASK = "[SECRET]"
_LISTED = 16


@dataclass(frozen=True, slots=True)
class SecretRule:
    """`expression` in re2's syntax; it can match only where one of `literals` occurs."""

    kind: str
    literals: tuple[str, ...]
    expression: str


_END = r"(?:\b|$)"
RULES: tuple[SecretRule, ...] = (
    SecretRule("aws_access_key", ("AKIA", "ASIA"), rf"\b(?:AKIA|ASIA)[A-Z2-7]{{16}}{_END}"),
    SecretRule(
        "aws_secret_key",
        ("aws_secret", "AWS_SECRET", "SecretAccessKey"),
        r"(?i)(?:aws_secret(?:_access)?_key|secretaccesskey)[\"']?\s{0,4}[:=]\s{0,4}[\"']?[A-Za-z0-9/+]{40}",
    ),
    SecretRule(
        "github_token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})",
    ),
    SecretRule("gitlab_token", ("glpat-",), r"\bglpat-[A-Za-z0-9_-]{20,}"),
    SecretRule("slack_token", ("xox", "xapp-"), r"\b(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,})"),
    SecretRule(
        "slack_webhook", ("hooks.slack.com",), r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{30,}"
    ),
    SecretRule("anthropic_key", ("sk-ant-",), r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{20,}"),
    SecretRule(
        "openai_key", ("sk-",), r"\bsk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})"
    ),
    SecretRule("google_key", ("AIza",), r"\bAIza[A-Za-z0-9_-]{35}"),
    SecretRule("google_oauth", ("ya29.", "GOCSPX-"), r"\b(?:ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{28})"),
    SecretRule(
        "stripe_key", ("k_live_", "k_test_", "whsec_"), r"\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{24,})"
    ),
    SecretRule(
        "private_key",
        ("PRIVATE KEY",),
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?s:.)*?"
        r"(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    SecretRule("jwt", ("eyJ",), r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    SecretRule("npm_token", ("npm_",), r"\bnpm_[A-Za-z0-9]{36}"),
    SecretRule("pypi_token", ("pypi-",), r"\bpypi-[A-Za-z0-9_-]{50,}"),
    SecretRule("huggingface_token", ("hf_",), r"\bhf_[A-Za-z0-9]{34,}"),
    SecretRule("sendgrid_key", ("SG.",), r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    SecretRule("azure_key", ("AccountKey=", "SharedAccessKey="), r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}"),
    SecretRule("digitalocean_token", ("dop_v1_",), r"\bdop_v1_[a-f0-9]{64}"),
    SecretRule("shopify_token", ("shpat_", "shpss_"), r"\bshp(?:at|ss)_[a-fA-F0-9]{32}"),
    SecretRule("telegram_token", (":AA",), r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    SecretRule(
        "url_password", ("://",), r"\b[a-z][a-z0-9+.-]{2,20}://[^\s:/@\"'<>]{1,64}:[^\s/@\"'<>]{3,64}@[A-Za-z0-9.-]+"
    ),
)  # fmt: skip


class Secrets:
    """Blocks on a credential. The text it leaves holds `[SECRET]` instead."""

    name = "secrets"

    def __init__(self, rules: Sequence[SecretRule] = RULES) -> None:
        self._rules = tuple((rule, Pattern(rule.expression)) for rule in rules)
        self._literals = Words({literal for rule in rules for literal in rule.literals})

    def inspect(self, subject: Subject) -> Finding:
        text = subject.text
        present = self._literals.within(text)
        if not present:
            return PASS
        found = sorted(
            (start, end, rule.kind)
            for rule, pattern in self._rules
            if not present.isdisjoint(rule.literals)
            for start, end in pattern.spans(text)
        )
        if not found:
            return PASS
        return Finding(
            action="block",
            code="secret",
            spans=tuple(Span(kind=kind, start=start, end=end) for start, end, kind in found[:_LISTED]),
            reason=Reason.SECRET_IN_INPUT,
            text=spliced(text, ((start, end, MASK) for start, end, _ in found)),
        )
