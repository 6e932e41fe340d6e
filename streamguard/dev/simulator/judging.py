"""Models that judge texts, without a model: by a few words, so that tests know what comes out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from streamguard.dev.simulator import signals

CLASSIFIER = "prompt-guard-2"
"""Answers `POST /predict`, which names no model."""
_GUARD = "llama-guard-3-8b"
_JUDGE = "judge"
MODELS = frozenset({_GUARD, _JUDGE})
"""Chat models that judge what the user says instead of answering it."""

_ORDERS = ("previous instructions", "system prompt", "without any rules")
_CODES = {"illicit": "S2", "violence": "S1", "hate": "S10", "self-harm": "S11", "sexual": "S12"}


def injection(text: str) -> float:
    """How much a text looks like an injection, 0 to 1."""
    lowered = text.lower()
    return 0.98 if any(words in lowered for words in _ORDERS) else 0.01


def labels(text: str, *, odd: bool) -> list[dict[str, Any]]:
    """A classifier's answer. `odd`: with labels that nobody expects, which even quote the text."""
    score = injection(text)
    names = (text[:60], "weird") if odd else ("LABEL_1", "LABEL_0")
    return [{"label": name, "score": one} for name, one in zip(names, (score, 1 - score), strict=True)]


def verdict(
    model: str, messages: Sequence[tuple[str, str]], schema: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any] | None]:
    """What a judging chat model says, and the probabilities of its first token where it tells them."""
    text = next(text for role, text in reversed(messages) if role == "user")
    if model == _JUDGE:
        properties = (schema or {}).get("properties") or {"injection": {}}
        return orjson.dumps({label: injection(text) for label in properties}).decode(), None
    codes = [
        _CODES[category] for category, score in signals.moderation(text).items() if score > 0.5 and category in _CODES
    ]
    unsafe = 0.9 if codes else 0.02
    likely = [("unsafe", unsafe), ("safe", 1 - unsafe), ("The", 1e-6)]
    first = max(likely, key=lambda one: one[1])
    top = [{"token": token, "logprob": math.log(share)} for token, share in likely]
    said = f"\n\nunsafe\n{','.join(codes)}" if codes else "\n\nsafe"
    blank = {"token": "\n\n", "logprob": 0.0, "top_logprobs": [{"token": "\n\n", "logprob": 0.0}]}
    return said, {"content": [blank, {"token": first[0], "logprob": math.log(first[1]), "top_logprobs": top}]}
