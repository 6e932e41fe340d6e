"""OpenAI's moderation endpoint: `POST /moderations`, all texts in one request, scores by category."""

from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.config import ModerationEndpoint
from streamguard.providers.remote_form import Scores, scored


class ModerationForm:
    """See `Form`. The labels are the categories' names."""

    path = "/moderations"
    batch = 32

    def __init__(self, settings: ModerationEndpoint) -> None:
        self._model = settings.model

    def body(self, texts: Sequence[str]) -> Mapping[str, Any]:
        return {"model": self._model, "input": list(texts)}

    def read(self, answer: Any, count: int) -> Sequence[Scores]:
        results = answer["results"]
        if len(results) != count:
            raise ValueError("results")
        return [scored(result["category_scores"]) for result in results]
