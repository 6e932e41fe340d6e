"""What invoke asks, what it makes of an answer, and that a finished one is not asked for again."""

import pytest
from pydantic import JsonValue

from streamguard.checks.chain import Chains, OutputChain
from streamguard.checks.policy import Policy
from streamguard.clock import FakeClock
from streamguard.events.base import carry
from streamguard.events.codec import encode
from streamguard.events.reason import Reason
from streamguard.events.request import FunctionCall, FunctionTool, ResponseFormat, Tool, ToolCall
from streamguard.events.stages import Completion, Invocation, Placeholder
from streamguard.events.usage import Call, Usage
from streamguard.providers.answered import Answered
from streamguard.providers.question import Question
from streamguard.stages.cancelling import Cancellations
from streamguard.stages.chunks import ChunkWriter, FakeChunkWriter
from streamguard.stages.invoke import Invoke
from streamguard.stages.showing import Showings
from tests.unit.stages.examples import NOW, completion, event, guarded, request

CALL = Call(
    call_id="acme/r1/1/1", provider="openai", model="gpt-4o", kind="first", status="ok", started_at=NOW, duration_us=5,
    usage=Usage(input_tokens=10, output_tokens=5), cost_nusd=75_000,
)  # fmt: skip


class Says:
    """Answers with `text`, at a price."""

    def __init__(self, text: str, *tool_calls: ToolCall) -> None:
        self._text, self._tool_calls = text, tool_calls
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answered:
        self.asked.append(question)
        if question.audience is not None:
            await question.audience.begin()
            await question.audience.text(self._text)
            await question.audience.end()
        return Answered(
            text=self._text, source="model", failure=None, degraded=None, provider="openai", model="gpt-4o",
            finish_reason="stop", form_error=None, calls=(CALL,), usage=Usage(input_tokens=10, output_tokens=5),
            cost_nusd=75_000, price_version="1", tool_calls=self._tool_calls, detail={"route": "default", "rung": "primary"},
        )  # fmt: skip


async def invoke(
    asker: Says, found: Completion | None = None, *, asks: Invocation | None = None, chunks: ChunkWriter | None = None
) -> Completion:
    clock = FakeClock(NOW)
    showings = Showings(Chains(OutputChain, Policy(version="1"), b"key"), chunks or FakeChunkWriter(), clock)
    stage = Invoke(asker, showings, Cancellations(clock), clock)
    [out] = await stage.run(event(asks or carry(guarded(), Invocation)), found)
    assert out.topic == "completions"
    assert isinstance(out.record, Completion)
    return out.record


async def test_an_answer_is_passed_on_with_what_it_cost() -> None:
    made = await invoke(Says("Tomorrow."))

    assert (made.output, made.failure, made.cost_nusd, made.calls) == ("Tomorrow.", None, 75_000, (CALL,))
    assert made.trail[-1].detail["calls"] == 1


async def test_a_found_answer_is_not_asked_for_again() -> None:
    asker, found = Says("Another."), completion("Tomorrow.")

    assert await invoke(asker, found) == found
    assert asker.asked == []


@pytest.mark.parametrize("text", ["x" * 3_000_000, "\0" * 90_000])
async def test_an_answer_that_fits_into_no_record_fails_and_its_cost_stays(text: str) -> None:
    made = await invoke(Says(text))

    assert (made.output, made.failure, made.cost_nusd) == (None, Reason.INVALID_OUTPUT, 75_000)
    assert len(encode(made)) < 10_000


async def test_a_long_answer_that_fits_is_passed_on() -> None:
    assert (await invoke(Says("x" * 300_000))).output is not None


def asking(**ask: object) -> Invocation:
    base = carry(guarded(), Invocation)
    return base.model_copy(update={"ask": base.ask.model_copy(update=ask)})


async def test_what_is_asked_comes_from_the_record() -> None:
    asker = Says("Tomorrow.")
    head = request(conversation_id="c7", lane="batch", deadline=NOW + 5).head()
    await invoke(asker, asks=carry(guarded(head=head), Invocation))
    [question] = asker.asked
    assert (question.call_id_base, question.conversation, question.lane) == ("acme/r1/1", "acme/c7", "batch")
    assert (question.deadline_us, question.input_tokens, question.audience) == (NOW + 5, 10, None)
    assert question.stop is not None


async def test_how_the_model_was_chosen_stands_in_the_trail() -> None:
    made = await invoke(Says("Tomorrow."))
    assert (made.trail[-1].detail["route"], made.trail[-1].detail["rung"]) == ("default", "primary")


async def test_an_answer_that_somebody_reads_along_is_shown_and_noted() -> None:
    chunks = FakeChunkWriter()
    streamed = carry(guarded(head=request(stream=True).head()), Invocation)
    made = await invoke(Says("Tomorrow."), asks=streamed, chunks=chunks)
    assert "".join(chunk.text for chunk in chunks.stored) == "Tomorrow."
    assert made.shown is not None
    assert (made.shown.whole, made.output) == (True, "Tomorrow.")


async def test_json_is_checked_by_its_form_and_tools_by_their_schemas() -> None:
    asker = Says("{}")
    tool = Tool(function=FunctionTool(name="look", parameters={"type": "object", "required": ["at"]}))
    await invoke(asker, asks=asking(response_format=ResponseFormat(type="json_object")))
    await invoke(asker, asks=asking(tools=(tool,)))
    form, tools = (question.check for question in asker.asked)
    assert form is not None
    assert tools is not None
    wrong, right = (
        ToolCall(id="1", function=FunctionCall(name="look", arguments=said)) for said in ("{}", '{"at":"sky"}')
    )
    assert form("no json", ()) is not None
    assert form("{}", ()) is None
    assert "look" in (tools("", (wrong,)) or "")
    assert tools("", (right,)) is None
    assert tools("plain words", ()) is None


async def test_a_call_that_must_come_is_asked_for_and_the_askers_own_data_fits_its_schema() -> None:
    asker = Says("words")
    number: dict[str, JsonValue] = {"type": "object", "properties": {"card": {"type": "integer"}}, "required": ["card"]}
    tool = Tool(function=FunctionTool(name="pay", parameters=number))
    own = asking(tools=(tool,), tool_choice="required").model_copy(
        update={"placeholders": (Placeholder(token="[CARD_1]", kind="card", value="4111"),)}
    )
    await invoke(asker, asks=own)
    await invoke(asker)
    must, free = (question.check for question in asker.asked)
    assert must is not None
    assert free is not None
    pays = ToolCall(id="1", function=FunctionCall(name="pay", arguments='{"card":"[CARD_1]"}'))
    assert must("words", ()) is not None
    assert must("", (pays,)) is None
    assert free("words", ()) is None
    assert free("", (pays,)) is not None


async def test_tools_that_are_called_are_passed_on_and_too_much_of_them_is_not() -> None:
    small, large = (
        ToolCall(id="1", function=FunctionCall(name="look", arguments=said)) for said in ("{}", "x" * 500_000)
    )
    made = await invoke(Says("", small))
    assert (made.output, made.tool_calls, made.failure) == ("", (small,), None)
    made = await invoke(Says("", *(small,) * 10_000))  # each takes more to be written down than it says
    assert (made.output, made.tool_calls, made.failure) == (None, (), Reason.INVALID_OUTPUT)
    assert made.cost_nusd == 75_000
    made = await invoke(Says("", large))
    assert (made.output, made.tool_calls, made.failure) == (None, (), Reason.INVALID_OUTPUT)
