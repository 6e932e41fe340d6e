"""What the labels of usual models mean. A policy may say otherwise (`RemoteRules.labels`)."""

from collections.abc import Mapping

INJECTION = "injection"
NOTHING = "nothing"
OTHER = "other"
"""A label that nobody has explained: no category of ours, so moderation flags it and leaves the certain ones to a person."""

MEANINGS: Mapping[str, str] = {
    # Prompt Guard 1 and 2, deberta-v3-base-prompt-injection, PIGuard
    "injection": INJECTION,
    "jailbreak": INJECTION,
    "prompt_injection": INJECTION,
    "malicious": INJECTION,
    "label_1": INJECTION,
    "benign": NOTHING,
    "safe": NOTHING,
    "label_0": NOTHING,
    # Llama Guard 3; those not named here are no harm to people (defamation, advice, privacy, property, elections, code)
    "s1": "illicit/violent",
    "s2": "illicit",
    "s3": "sexual",
    "s4": "sexual/minors",
    "s9": "illicit/violent",
    "s10": "hate",
    "s11": "self-harm",
    "s12": "sexual",
    # toxic-bert and its kin
    "toxic": "harassment",
    "toxicity": "harassment",
    "severe_toxic": "harassment",
    "insult": "harassment",
    "obscene": "profanity",
    "threat": "harassment/threatening",
    "identity_hate": "hate",
    "non-toxic": NOTHING,
}
"""By label in lower case. OpenAI's categories mean themselves."""
