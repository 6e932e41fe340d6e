"""The plain form of text classifiers (text-embeddings-inference, Hugging Face's endpoints, most servers of one's own).

`{"inputs": text}` is answered with `[{"label": "INJECTION", "score": 0.98}, …]`, by some within one more list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.config import ClassificationEndpoint
from streamguard.providers.remote_form import Scores, scored


class ClassificationForm:
    """See `Form`. One text a request: servers differ in how they write several."""

    path = ""
    batch = 1

    def __init__(self, settings: ClassificationEndpoint) -> None:
        del settings  # its address alone says which model

    def body(self, texts: Sequence[str]) -> Mapping[str, Any]:
        (text,) = texts
        return {"inputs": text}

    def read(self, answer: Any, count: int) -> Sequence[Scores]:
        if not isinstance(answer, list):
            raise TypeError("answer")
        listed: list[Any] = answer
        if len(listed) == 1 and isinstance(listed[0], list):
            listed = listed[0]
        given = {entry["label"]: entry["score"] for entry in listed}
        if len(given) != len(listed) or not all(isinstance(label, str) for label in given):
            raise ValueError("labels")
        return [scored(given)]
