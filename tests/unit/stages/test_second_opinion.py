"""Remote checks inside guard and verify: who is asked about what, for how long, and what happens when nobody answers."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from streamguard.checks.chain import Chains, InputChain, OutputChain
from streamguard.checks.policy import InvalidPolicy, Policy
from streamguard.checks.remote import RemoteModel, RemoteScores
from streamguard.checks.remote_fake import FakeRemoteModel
from streamguard.clock import FakeClock
from streamguard.config import Candidate
from streamguard.errors import ProviderError
from streamguard.events.outcome import Outcome, Response
from streamguard.events.reason import Reason
from streamguard.events.stages import Guarded
from streamguard.prompts.registry import PromptBook
from streamguard.resources import resource_dir
from streamguard.stages.contract import Step
from streamguard.stages.guard import Guard
from streamguard.stages.second_opinion import SecondOpinion
from streamguard.stages.verify import Verify
from tests.unit.stages.examples import NOW, admitted, completion, ended, ending, event, request

DOWN = ProviderError("connect", retriable=True)
HATE = {"hate": 0.97}


def policy(direction: str = "input", **rules: Any) -> Policy:
    return Policy.model_validate({"version": "1", direction: {"remote": {"guard": rules}}})


async def guard(model: RemoteModel, text: str = "Where is it?", of: Policy | None = None, **asked: Any) -> Step:
    of = of or policy()
    clock = FakeClock(NOW)
    stage = Guard(
        chains=Chains(InputChain, of, b"k"),
        prompts=PromptBook.load(resource_dir("prompts")),
        default_prompt="chat",
        routes={name: (Candidate(provider="openai", model="m"),) for name in ("default", "economy")},
        key=b"key",
        ending=ending(),
        clock=clock,
        opinion=SecondOpinion("input", of, {"guard": model}, clock),
    )
    fields = {"messages": [{"role": "user", "content": text}], **asked}
    return await stage.run(event(admitted(request(**fields))), None)


async def verify(model: RemoteModel, output: str, of: Policy | None = None) -> tuple[Outcome, Response]:
    of, clock = of or policy("output"), FakeClock(NOW)
    opinion = SecondOpinion("output", of, {"guard": model}, clock)
    stage = Verify(Chains(OutputChain, of, b"k"), ending(), clock, opinion)
    return ended(await stage.run(event(completion(output)), None))


def passed(step: Step) -> Guarded:
    (out,) = step
    assert isinstance(out.record, Guarded)
    return out.record


async def test_the_model_is_asked_once_about_all_texts_and_sees_them_redacted() -> None:
    model = FakeRemoteModel()
    context = [{"id": "d", "text": "Call +49 30 901820 or write to eve@example.org."}]
    step = await guard(model, "I am ann@example.com, key ghp_" + "aB3dE5gH7j" * 4, context=context)

    assert [out.topic for out in step] == ["outcomes", "responses"]
    assert model.asked == []  # a secret blocks, so there is nothing to ask

    passed(await guard(model, "I am ann@example.com", context=context))
    ((texts, timeout),) = model.asked
    assert (len(texts), timeout) == (2, 1.0)
    assert texts[0] == "I am [EMAIL_1]"
    assert not any(datum in "".join(texts) for datum in ("ann@", "eve@", "901820"))


async def test_nobody_is_asked_where_the_policy_names_nobody() -> None:
    model = FakeRemoteModel()
    own = Policy.model_validate(
        {
            "version": "1",
            "input": {"remote": {"guard": {}}},
            "prompts": {"chat": {"input": {"remote": {"guard": {"when": "never"}}}}},
        }
    )

    await guard(model, of=Policy(version="1"))
    await guard(model, of=own)
    assert model.asked == []

    await guard(model, messages=None, prompt={"name": "classify", "variables": {"question": "Where?"}}, of=own)
    assert len(model.asked) == 1


async def test_what_the_model_says_ends_the_request() -> None:
    outcome, _ = ended(await guard(FakeRemoteModel(default=HATE)))

    assert (outcome.status, outcome.reason) == ("refused", Reason.UNSAFE_INPUT)
    assert outcome.trail[-1].detail["check"] == "unsafe"
    assert [verdict.action for verdict in outcome.verdicts if verdict.check == "remote.guard"] == ["block"]


async def test_a_quiet_model_leaves_its_verdict_and_lets_go_on() -> None:
    guarded = passed(await guard(FakeRemoteModel()))

    assert [verdict.action for verdict in guarded.verdicts if verdict.check == "remote.guard"] == ["pass"]


@pytest.mark.parametrize(
    ("on_failure", "status", "reason"),
    [
        ("pass", "guarded", None),
        ("flag", "guarded", None),
        ("escalate", "escalated", Reason.LOW_CONFIDENCE),
        ("block", "failed", Reason.CHECK_UNAVAILABLE),
    ],
)
async def test_without_an_opinion_the_policy_decides_about_a_request(
    on_failure: str, status: str, reason: Reason | None
) -> None:
    step = await guard(FakeRemoteModel(default=DOWN), of=policy(on_failure=on_failure))

    if status == "guarded":
        (verdict,) = (one for one in passed(step).verdicts if one.check == "remote.guard")
        assert (verdict.action, verdict.code) == (on_failure, "remote_unavailable")
        return
    outcome, response = ended(step)
    assert (outcome.status, outcome.reason, response.reason) == (status, reason, reason)
    assert outcome.trail[-1].detail["check"] == "remote_unavailable"


@pytest.mark.parametrize(
    ("on_failure", "status", "reason"),
    [
        ("flag", "answered", None),
        ("escalate", "escalated", Reason.LOW_CONFIDENCE),
        ("block", "failed", Reason.CHECK_UNAVAILABLE),
    ],
)
async def test_without_an_opinion_the_policy_decides_about_an_answer(
    on_failure: str, status: str, reason: Reason | None
) -> None:
    outcome, response = await verify(
        FakeRemoteModel(default=DOWN), "Tomorrow.", policy("output", on_failure=on_failure)
    )

    assert (outcome.status, outcome.reason) == (status, reason)
    assert (response.output is None) == (status != "answered")


async def test_an_answer_is_shown_without_foreign_data_and_refused_for_what_it_says() -> None:
    model = FakeRemoteModel(HATE)
    outcome, response = await verify(model, "Ask eve@example.org, it arrives tomorrow.")

    assert model.asked[0][0] == ("Ask [removed], it arrives tomorrow.",)
    assert (outcome.status, outcome.reason, response.output) == ("refused", Reason.UNSAFE_OUTPUT, None)


class Faithless:
    """Breaks its promise."""

    def __init__(self, what: Exception | Sequence[RemoteScores]) -> None:
        self._what = what

    async def judge(self, texts: Sequence[str], *, timeout: float) -> Sequence[RemoteScores]:
        if isinstance(self._what, Exception):
            raise self._what
        return self._what

    async def aclose(self) -> None: ...


@pytest.mark.parametrize("what", [ValueError("Where is it?"), [], [{}, {}]])
async def test_a_model_that_breaks_its_promise_gives_no_opinion(what: Exception | Sequence[RemoteScores]) -> None:
    outcome, _ = ended(await guard(Faithless(what), of=policy(on_failure="block")))

    assert outcome.reason is Reason.CHECK_UNAVAILABLE
    assert "Where" not in "".join(verdict.model_dump_json() for verdict in outcome.verdicts)


@pytest.mark.parametrize(("left_us", "timeout"), [(300_000, 0.3), (5_000_000, 1.0)])
async def test_nobody_is_waited_for_beyond_the_deadline(left_us: int, timeout: float) -> None:
    model = FakeRemoteModel()
    await guard(model, deadline=NOW + left_us)

    assert model.asked[0][1] == pytest.approx(timeout)


async def test_a_cancelled_step_leaves_nobody_asking() -> None:
    class Slow(FakeRemoteModel):
        left = False

        async def judge(self, texts: Sequence[str], *, timeout: float) -> Sequence[RemoteScores]:
            try:
                await asyncio.Event().wait()
            finally:
                self.left = True
            return ()

    model = Slow()
    step = asyncio.create_task(guard(model))
    for _ in range(5):
        await asyncio.sleep(0)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert model.left


async def test_several_models_are_asked_at_once_and_the_first_to_stop_it_is_the_reason() -> None:
    both = asyncio.Barrier(2)

    class Meeting(FakeRemoteModel):
        async def judge(self, texts: Sequence[str], *, timeout: float) -> Sequence[RemoteScores]:
            await both.wait()
            return await super().judge(texts, timeout=timeout)

    of = Policy.model_validate({"version": "1", "output": {"remote": {"a": {"on_failure": "block"}, "b": {}}}})
    opinion = SecondOpinion("output", of, {"a": Meeting(DOWN), "b": Meeting(HATE)}, FakeClock(NOW))
    before = Chains(OutputChain, of, b"k").of("chat").run("It arrives tomorrow.")
    async with asyncio.timeout(5):
        result = await opinion.on("chat", before, ("assistant",), None)

    assert result.blocked is Reason.CHECK_UNAVAILABLE
    assert [(one.check, one.action) for one in result.verdicts[-2:]] == [("remote.a", "block"), ("remote.b", "block")]


@pytest.mark.parametrize("models", [{}, {"other": FakeRemoteModel()}])
def test_a_policy_that_names_a_model_that_is_not_there_is_refused(models: dict[str, RemoteModel]) -> None:
    with pytest.raises(InvalidPolicy, match=r"input\.remote\.guard"):
        SecondOpinion("input", policy(), models, FakeClock(NOW))
    told = {"version": "1", "prompts": {"chat": {"input": {"remote": {"guard": {}}}}}}
    own = Policy.model_validate(told)
    with pytest.raises(InvalidPolicy, match=r"input\.remote\.guard"):
        SecondOpinion("input", own, models, FakeClock(NOW))
