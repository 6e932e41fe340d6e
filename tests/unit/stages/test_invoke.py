"""What invoke makes of an answer, and that a finished one is not asked for again."""

from typing import Any

import pytest

from streamguard.clock import FakeClock
from streamguard.events.base import carry
from streamguard.events.codec import encode
from streamguard.events.reason import Reason
from streamguard.events.stages import Ask, Completion, Invocation
from streamguard.events.usage import Call, Usage
from streamguard.providers.answered import Answered
from streamguard.stages.invoke import Invoke
from tests.unit.stages.examples import NOW, completion, event, guarded

CALL = Call(
    call_id="acme/r1/1/1", provider="openai", model="gpt-4o", kind="first", status="ok", started_at=NOW, duration_us=5,
    usage=Usage(input_tokens=10, output_tokens=5), cost_nusd=75_000,
)  # fmt: skip


class Says:
    """Answers with `text`, at a price."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.asked = 0

    async def ask(self, ask: Ask, **_: Any) -> Answered:
        self.asked += 1
        return Answered(
            text=self._text, source="model", failure=None, degraded=None, provider="openai", model="gpt-4o",
            finish_reason="stop", form_error=None, calls=(CALL,), usage=Usage(input_tokens=10, output_tokens=5),
            cost_nusd=75_000, price_version="1",
        )  # fmt: skip


async def invoke(asker: Says, found: Completion | None = None) -> Completion:
    [out] = await Invoke(asker, FakeClock(NOW)).run(event(carry(guarded(), Invocation)), found)
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
    assert asker.asked == 0


@pytest.mark.parametrize("text", ["x" * 3_000_000, "\0" * 90_000])
async def test_an_answer_that_fits_into_no_record_fails_and_its_cost_stays(text: str) -> None:
    made = await invoke(Says(text))

    assert (made.output, made.failure, made.cost_nusd) == (None, Reason.INVALID_OUTPUT, 75_000)
    assert len(encode(made)) < 10_000


async def test_a_long_answer_that_fits_is_passed_on() -> None:
    assert (await invoke(Says("x" * 300_000))).output is not None
