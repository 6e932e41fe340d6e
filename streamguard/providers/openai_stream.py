"""A streamed chat completion put together from its chunks."""

from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from streamguard.providers.contract import ChatAnswer, Progress
from streamguard.providers.errors import InvalidResponse, StreamBroken
from streamguard.providers.events import Event
from streamguard.providers.failures import error_inside, word
from streamguard.providers.openai_answer import BROKEN_OFF, UNREADABLE, answer_of, finish, parts, read_usage, tool_call


@dataclass(slots=True)
class _Call:
    """A tool call as far as it came."""

    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])

    @property
    def whole(self) -> bool:
        """Nothing can follow: it has a name, and its arguments are JSON."""
        try:
            return bool(self.name) and isinstance(orjson.loads("".join(self.arguments)), dict)
        except orjson.JSONDecodeError:
            return False


class OpenAIStream:
    """See `streamguard.providers.calling.StreamReading`."""

    def __init__(self, progress: Progress) -> None:
        self.complete = False
        self.finished = False
        self._progress = progress
        self._all: list[str] = []
        """Text that was gathered."""
        self._text: list[str] = []
        self._unseen: list[str] = []
        self._calls: list[_Call] = []
        self._places: dict[int, _Call] = {}
        self._finish_reason: str | None = None

    def take(self, event: Event) -> None:
        """The next event."""
        if event.data == b"[DONE]":
            self.complete = self.finished = True
            return
        try:
            chunk = cast("dict[str, Any]", orjson.loads(event.data))
            error = chunk.get("error")
            if error or event.name == "error":
                begun = bool(self._all or self._text or self._unseen or self._progress.pieces)
                raise error_inside(error or chunk, otherwise=StreamBroken, begun=begun)
            choices = chunk.get("choices")
            if choices:
                choice = choices[0]
                delta = choice.get("delta")
                if delta:
                    self._delta(delta)
                told = choice.get("finish_reason")
                if told:
                    self._end(finish(told))
            # Groq puts it into a place of its own
            usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
            progress = self._progress
            if usage:
                progress.usage = read_usage(usage) or progress.usage
            if progress.response_id is None:
                progress.response_id = word(chunk.get("id"))
            if progress.response_model is None:
                progress.response_model = word(chunk.get("model"))
        except UNREADABLE:
            # from None: orjson's error carries the document
            raise StreamBroken(status=200) from None

    def gathered(self) -> tuple[str, str]:
        """Text and the unseen since the last time."""
        text, unseen = "".join(self._text), "".join(self._unseen)
        if text:
            self._all.append(text)
            self._text.clear()
        if unseen:
            self._unseen.clear()
        return text, unseen

    def answer(self) -> ChatAnswer:
        """The whole."""
        progress = self._progress
        try:
            calls = tuple(
                tool_call(call.call_id, call.name, "".join(call.arguments), number)
                for number, call in enumerate(self._calls)
            )
        except UNREADABLE:
            raise InvalidResponse(status=200) from None
        return answer_of(
            "".join(self._all),
            calls,
            progress.usage,
            self._finish_reason,
            progress.response_id,
            progress.response_model,
        )

    def _delta(self, delta: dict[str, Any]) -> None:
        content = delta.get("content")
        if content:
            if isinstance(content, str):
                self._text.append(content)
            else:
                text, thoughts = parts(content)
                self._text.append(text)
                self._unseen.append(thoughts)
        refusal = delta.get("refusal")
        if refusal:
            self._text.append(_text(refusal))
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if thought:
            self._unseen.append(_text(thought))
        for part in delta.get("tool_calls") or ():
            self._tool(part)

    def _tool(self, part: dict[str, Any]) -> None:
        place = part.get("index") or 0
        call_id = part.get("id") or ""
        call = self._places.get(place)
        function = part.get("function") or {}
        name = function.get("name") or ""
        if call is not None and name:
            # Some servers give every call the index 0, or none. A second id in one place is a second call; where there is none, a
            # name behind arguments that are whole begins one.
            another = call.call_id and call.call_id != call_id if call_id else call.whole
            call = None if another else call
        if call is None:
            call = self._places[place] = _Call()
            self._calls.append(call)
        call.call_id = call.call_id or call_id
        if name and not call.name:
            call.name = _text(name)
            self._unseen.append(name)
        arguments = function.get("arguments")
        if arguments:
            piece = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
            call.arguments.append(piece)
            self._unseen.append(piece)

    def _end(self, reason: str | None) -> None:
        if reason in BROKEN_OFF:
            raise StreamBroken(status=200)
        self._finish_reason = reason
        self.complete = True


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
