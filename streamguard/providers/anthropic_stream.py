"""A streamed message of Anthropic's put together from its events (https://docs.anthropic.com/en/api/messages-streaming)."""

from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from streamguard.providers.anthropic_answer import Draft, read_usage, text_of
from streamguard.providers.anthropic_form import Form, Unwrapping
from streamguard.providers.contract import ChatAnswer, Progress
from streamguard.providers.errors import StreamBroken
from streamguard.providers.events import Event
from streamguard.providers.failures import error_inside, word
from streamguard.providers.openai_answer import UNREADABLE, tool_call


@dataclass(slots=True)
class _Block:
    kind: str
    id: object = None
    name: object = None
    given: object = None
    """The tool's input as the block began: empty, and then it comes in pieces; a tool without arguments has none."""
    pieces: list[str] = field(default_factory=list[str])


class AnthropicStream:
    """See `streamguard.providers.calling.StreamReading`. `form`: how the answer's form was asked for."""

    def __init__(self, form: Form | None, progress: Progress) -> None:
        self.complete = False
        self.finished = False
        self._draft = Draft()
        self._form = form
        self._progress = progress
        self._unwrapping = Unwrapping() if form is not None and form.wrapped else None
        self._in_form: list[str] = []
        self._counts: dict[str, int] = {}
        self._blocks: dict[int, _Block] = {}
        self._begun = False
        self._seen: list[str] = []
        self._unseen: list[str] = []

    def take(self, event: Event) -> None:
        """The next event. Raises `StreamBroken` for one that cannot be read, and what an `error` event stands for."""
        if self.finished:
            return
        try:
            self._take(cast("dict[str, Any]", orjson.loads(event.data)))
        except UNREADABLE:
            raise StreamBroken(status=200) from None

    def gathered(self) -> tuple[str, str]:
        """Text, and what else was generated, since it was last asked for."""
        given = "".join(self._seen), "".join(self._unseen)
        self._seen.clear()
        self._unseen.clear()
        return given

    def answer(self) -> ChatAnswer:
        """The whole. Raises `EmptyAnswer` for one without a word and without a call."""
        return self._draft.answer()

    def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "content_block_delta":
                self._delta(self._blocks[event["index"]], event["delta"])
            case "content_block_start":
                start = event["content_block"]
                block = _Block(start["type"], start.get("id"), start.get("name"), start.get("input"))
                self._blocks[event["index"]] = block
                if block.kind == "text":
                    self._text(text_of(start.get("text") or ""))
                elif block.kind == "tool_use":
                    self._unseen.append(text_of(block.name))
            case "content_block_stop":
                self._stop(self._blocks.pop(event["index"]))
            case "message_start":
                message = event["message"]
                self._begun = True
                self._draft.response_id = self._progress.response_id = word(message.get("id"))
                self._draft.response_model = self._progress.response_model = word(message.get("model"))
                self._count(message.get("usage"))
            case "message_delta":
                self._count(event.get("usage"), last=True)
                reason = word(event["delta"].get("stop_reason"))
                if reason:
                    self._complete(reason)
            case "message_stop":
                self._complete(None)
                self.finished = True
            case "error":
                if not self.complete:
                    raise error_inside(event.get("error"), otherwise=StreamBroken, begun=self._begun)
                self.finished = True
            case _:  # pings, and events of later versions
                pass

    def _delta(self, block: _Block, delta: dict[str, Any]) -> None:
        match delta["type"]:
            case "text_delta":
                self._text(text_of(delta["text"]))
            case "input_json_delta":
                piece = text_of(delta["partial_json"])
                block.pieces.append(piece)
                if self._form is None or self._draft.in_form is not None:
                    self._unseen.append(piece)
                else:
                    self._formed(piece)
            case "thinking_delta":
                self._unseen.append(text_of(delta["thinking"]))
            case _:  # signatures, citations
                pass

    def _text(self, text: str) -> None:
        self._draft.text.append(text)
        # Where a form was asked for it is what stands around the answer: shown at the end if nothing in form came.
        (self._seen if self._form is None else self._unseen).append(text)

    def _formed(self, piece: str) -> None:
        if self._unwrapping is not None:
            piece = self._unwrapping.feed(piece)
        self._in_form.append(piece)
        self._seen.append(piece)

    def _stop(self, block: _Block) -> None:
        if block.kind != "tool_use" or self._draft.in_form is not None:
            return
        written = "".join(block.pieces)
        if self._form is None:
            self._draft.calls.append(
                tool_call(block.id, block.name, written or block.given or {}, len(self._draft.calls))
            )
            return
        if not written:
            self._formed(orjson.dumps(block.given or {}).decode())
        if self._unwrapping is not None:
            last = self._unwrapping.end()
            self._in_form.append(last)
            self._seen.append(last)
        self._draft.in_form = "".join(self._in_form)

    def _complete(self, reason: str | None) -> None:
        """All is told: with the reason why the message ended, and at the latest with its last event."""
        if self.complete:
            return
        for index in sorted(self._blocks):  # of a server that leaves out the ends of blocks
            self._stop(self._blocks.pop(index))
        self._draft.stop_reason = reason
        if self._form is not None and self._draft.in_form is None:
            self._seen.extend(self._draft.text)
        self.complete = True

    def _count(self, told: Any, *, last: bool = False) -> None:
        """Counts are totals so far, and may be left out of later reports; the output is known once its end told it."""
        if not isinstance(told, dict):
            return
        counts = cast("dict[str, object]", told)
        for name, count in counts.items():
            if isinstance(count, int):
                self._counts[name] = max(count, self._counts.get(name, count))
        usage = read_usage({"output_tokens": 0, **self._counts})
        if usage is not None:
            self._progress.usage = usage
        if last and "output_tokens" in counts:
            self._draft.usage = read_usage({**self._counts, "output_tokens": counts["output_tokens"]})
