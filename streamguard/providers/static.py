"""A provider that needs no server: it always gives the same text."""

from streamguard.config import StaticProvider as StaticSettings
from streamguard.events.usage import Usage
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress


class StaticProvider:
    """The configured text as the answer to everything, at once and without a token."""

    def __init__(self, settings: StaticSettings) -> None:
        self.name = settings.name
        self._text = settings.text

    async def chat(self, ask: ChatRequest, *, limits: CallLimits, progress: Progress | None = None) -> ChatAnswer:
        """See `ChatProvider.chat`. Never fails."""
        answer = ChatAnswer(self._text, Usage(), "stop", response_model=ask.model)
        if progress is not None:
            progress.opened = True
            progress.usage, progress.response_model = answer.usage, answer.response_model
            await progress.text(self._text)
        return answer

    async def aclose(self) -> None:
        """Nothing to give back."""
