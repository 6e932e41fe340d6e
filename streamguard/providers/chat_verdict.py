"""Guard models behind chat completions that answer with one word of a few (Llama Guard and its kin, served by vLLM).

The text is the user's message, which the model's own template puts behind fences. The first line of the answer is a label, the
second may list the codes of what is wrong: `unsafe`, then `S1,S10`. Where the server tells the probabilities of the first token,
every label has its own score, else the one that was said has 1.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.config import VerdictEndpoint
from streamguard.providers.remote_form import Scores, number

_CODE = re.compile(r"[A-Z][A-Z0-9]{0,3}")
_TOKENS = 24
_LOGPROBS = 8


class VerdictForm:
    """See `Form`."""

    path = "/chat/completions"
    batch = 1

    def __init__(self, settings: VerdictEndpoint) -> None:
        self._model = settings.model
        self._labels = tuple(label.casefold() for label in settings.labels)
        self._logprobs = settings.logprobs

    def body(self, texts: Sequence[str]) -> Mapping[str, Any]:
        (text,) = texts
        asked = {
            "model": self._model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": _TOKENS,
            "temperature": 0,
        }
        return asked | ({"logprobs": True, "top_logprobs": _LOGPROBS} if self._logprobs else {})

    def read(self, answer: Any, count: int) -> Sequence[Scores]:
        choice = answer["choices"][0]
        first, *rest = (line.strip() for line in choice["message"]["content"].strip().split("\n"))
        said = first.casefold()
        if said not in self._labels or len(rest) > 1:
            raise ValueError("label")
        likely = self._likely(choice.get("logprobs")) or {said: 1.0}
        if not rest:
            return [likely]
        codes = [code.strip() for code in rest[0].split(",")]
        if not all(map(_CODE.fullmatch, codes)):
            raise ValueError("codes")
        return [dict.fromkeys(codes, likely.get(said, 1.0))]

    def _likely(self, logprobs: Any) -> dict[str, float] | None:
        """The labels' probabilities as the first token that says something begins them."""
        for token in (logprobs or {}).get("content") or ():
            if token["token"].strip():
                return self._of_tokens(token.get("top_logprobs") or ())
        return None

    def _of_tokens(self, likeliest: Sequence[Any]) -> dict[str, float] | None:
        shares: dict[str, float] = {}
        for one in likeliest:
            begun = one["token"].strip().casefold()
            meant = [label for label in self._labels if begun and label.startswith(begun)]
            if len(meant) == 1:
                shares[meant[0]] = number(shares.get(meant[0], 0.0) + math.exp(min(0.0, one["logprob"])))
        return shares or None
