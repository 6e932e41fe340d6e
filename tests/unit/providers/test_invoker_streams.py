"""Asking models while somebody reads along: what is shown, what a broken or cancelled call has cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from streamguard.config import Candidate
from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall
from streamguard.events.usage import Usage
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress
from streamguard.providers.errors import CallFailed, FirstTokenLate, ServerFailed, StreamBroken, StreamStalled
from streamguard.providers.fake import FakeProvider, Pieces
from tests.unit.providers.asking import MANY, ROUTES, USAGE, Setting, told


def wrong(text: str, tool_calls: Sequence[ToolCall]) -> str:
    return "wrong"


@dataclass
class Reader:
    """Notes what an audience is told."""

    heard: list[str] = field(default_factory=list[str])

    async def begin(self) -> None:
        self.heard.append("<begin>")

    async def text(self, piece: str) -> None:
        self.heard.append(piece)

    async def end(self) -> None:
        self.heard.append("<end>")


async def test_pieces_are_shown_as_they_come_and_the_end_once_the_answer_stands() -> None:
    reader = Reader()
    setting = Setting((Pieces(["All ", "is ", "well."], usage=USAGE),))
    answered = await setting.ask(audience=reader)
    assert answered.text == "All is well."
    assert reader.heard == ["<begin>", "All ", "is ", "well.", "<end>"]
    call = answered.calls[0]
    assert (call.streamed, call.estimated, call.usage) == (True, False, USAGE)
    assert (call.first_token_us, call.between_tokens_us) == (0, 0)
    assert setting.flagship.asked[0][1] == CallLimits(10, first_token=8, between_tokens=4)


async def test_without_a_reader_nothing_streams() -> None:
    setting = Setting((Pieces(["a"], usage=USAGE),))
    answered = await setting.ask()
    assert (answered.calls[0].streamed, setting.flagship.asked[0][1]) == (False, CallLimits(10))


@pytest.mark.parametrize("error", [StreamBroken(), StreamStalled()])
async def test_a_stream_that_breaks_is_charged_for_what_came_and_the_next_begins_anew(error: CallFailed) -> None:
    reader = Reader()
    setting = Setting((Pieces(["two words", " and two"], then=error),), routes={"both": ROUTES["both"]}, retries=0)
    answered = await setting.ask(audience=reader)
    assert reader.heard == ["<begin>", "two words", " and two", "<begin>", "good", "<end>"]
    broken = answered.calls[0]
    assert (broken.usage, broken.estimated) == (Usage(input_tokens=7, output_tokens=4), True)
    assert (broken.cost_nusd, broken.status, broken.error) == (7 * 2 + 4 * 10, "error", error.code)
    assert answered.cost_nusd is not None
    assert answered.cost_nusd == sum(call.cost_nusd or 0 for call in answered.calls)


async def test_what_the_provider_told_before_a_break_is_taken_as_it_is() -> None:
    told_before = Usage(input_tokens=90, cache_read_tokens=30, output_tokens=1)
    setting = Setting((Pieces(["one two"], then=StreamBroken(), told=told_before),), retries=0)
    answered = await setting.ask(audience=Reader())
    assert answered.calls[0].usage == Usage(input_tokens=90, cache_read_tokens=30, output_tokens=2)
    assert answered.calls[0].estimated


@pytest.mark.parametrize("usage", [None, Usage(input_tokens=90, cache_read_tokens=30)])
async def test_the_prompt_alone_counted_is_taken_as_told_and_the_answer_counted_here(usage: Usage | None) -> None:
    told_before = Usage(input_tokens=90, cache_read_tokens=30)
    setting = Setting((Pieces(["one two", " three"], told=told_before, usage=usage),))
    answered = await setting.ask(audience=Reader())
    assert answered.calls[0].usage == Usage(input_tokens=90, cache_read_tokens=30, output_tokens=3)
    assert answered.calls[0].estimated
    if usage is not None:
        answered = await Setting((ChatAnswer("one two three", usage),)).ask()
        assert answered.calls[0].usage == Usage(input_tokens=90, cache_read_tokens=30, output_tokens=3)
        assert answered.calls[0].estimated


async def test_a_stream_that_never_opened_may_have_cost_nothing_and_stays_unknown() -> None:
    answered = await Setting((FirstTokenLate(), ServerFailed(status=503)), retries=0).ask(audience=Reader())
    assert (answered.calls[0].usage, answered.calls[0].cost_nusd, answered.calls[0].estimated) == (None, None, False)


async def test_a_model_that_cannot_stream_shows_its_answer_whole() -> None:
    routes = {"both": (Candidate(provider="a", model="flagship", without=frozenset({"streaming"})),)}
    reader = Reader()
    setting = Setting(routes=routes)
    answered = await setting.ask(audience=reader)
    assert (reader.heard, answered.calls[0].streamed) == (["<begin>", "good", "<end>"], False)


@pytest.mark.parametrize(
    ("calls", "heard"), [(2, ["<begin>", "no form", "<begin>", "half"]), (1, ["<begin>", "no form", "<end>"])]
)
async def test_the_half_of_a_better_answer_is_not_the_end_of_the_one_that_stands(calls: int, heard: list[str]) -> None:
    reader = Reader()
    said = Pieces(["no form"], usage=USAGE), Pieces(["half"], then=StreamBroken())
    setting = Setting(said, retries=0)
    bounds = MANY.model_copy(update={"calls": calls})
    answered = await setting.ask("one", audience=reader, check=wrong, reservation=bounds)
    assert (answered.text, answered.form_error) == ("no form", "wrong")
    assert reader.heard == heard


class _Hanging(FakeProvider):
    """Streams one piece and then nothing."""

    async def chat(self, ask: ChatRequest, *, limits: CallLimits, progress: Progress | None = None) -> ChatAnswer:
        if progress is not None:
            progress.opened = True
            await progress.text("three small words")
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_cancelled_request_is_cut_off_and_settled_with_what_it_cost_so_far() -> None:
    setting, stop, reader = Setting(), asyncio.Event(), Reader()
    setting.providers["a"] = _Hanging()
    asked = asyncio.create_task(setting.ask(stop=stop, audience=reader))
    while "three small words" not in reader.heard:
        await asyncio.sleep(0)
    stop.set()
    answered = await asked
    assert (answered.failure, answered.text, answered.source) == (Reason.CANCELLED, None, "none")
    assert told(answered) == [("t/r/1/1", "flagship", "first", "cancelled", 7 * 2 + 3 * 10)]
    assert (answered.calls[0].estimated, answered.cost_nusd) == (True, 7 * 2 + 3 * 10)
    assert "<end>" not in reader.heard


async def test_a_request_cancelled_before_it_comes_asks_nobody() -> None:
    setting, stop = Setting(), asyncio.Event()
    stop.set()
    answered = await setting.ask(stop=stop)
    assert (answered.failure, answered.calls, answered.cost_nusd) == (Reason.CANCELLED, (), 0)
    assert setting.flagship.asked == []


async def test_a_whole_call_that_is_cancelled_has_an_unknown_cost() -> None:
    setting, stop = Setting(), asyncio.Event()
    setting.providers["a"] = _Hanging()
    asked = asyncio.create_task(setting.ask(stop=stop))
    for _ in range(5):
        await asyncio.sleep(0)
    stop.set()
    answered = await asked
    assert told(answered) == [("t/r/1/1", "flagship", "first", "cancelled", None)]
    assert answered.cost_nusd == 0
