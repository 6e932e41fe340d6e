"""What readers of a stream are told once verify has judged the whole."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from streamguard.checks.chain import Chains, OutputChain
from streamguard.checks.policy import Policy
from streamguard.clock import FakeClock
from streamguard.events.base import carry
from streamguard.events.chunk import LAST_STREAM, Chunk
from streamguard.events.reason import Reason
from streamguard.events.stages import CacheUse, Completion, Invocation, Placeholder, Shown
from streamguard.stages.chunks import digest
from streamguard.stages.contract import Step
from streamguard.stages.verify import Verify
from streamguard.stages.watch import Watch
from tests.unit.stages.examples import NOW, admitted, completion, ended, ending, event, guarded, request

CHAINS = Chains(OutputChain, Policy(version="1"), b"k")
ADDRESS = Placeholder(token="[EMAIL_1]", kind="EMAIL", value="ann@own.org")
SAID = "It was sent to [EMAIL_1]."
GIVEN = "It was sent to ann@own.org."
LEAK = "The reference is canary-4f1d2c."
STREAMED = request(stream=True).head()


def made(output: str | None, shown: Shown | None, **changes: Any) -> Completion:
    ask = guarded().ask.model_copy(update={"canary": "canary-4f1d2c"})
    fields: dict[str, Any] = {"head": STREAMED, "ask": ask, "placeholders": (ADDRESS,), "shown": shown}
    return completion(output, **(fields | changes))


async def verified(record: Completion) -> Step:
    return await Verify(CHAINS, ending(), FakeClock(NOW)).run(event(record), None)


def last(step: Step) -> tuple[str | None, str] | None:
    """Mark and text of the last word, where there is one."""
    ended(step[:2])
    if len(step) == 2:
        return None
    (out,) = step[2:]
    chunk = out.record
    assert out.topic == "response-chunks"
    assert isinstance(chunk, Chunk)
    assert (chunk.stream, chunk.seq) == (LAST_STREAM, 0)
    return chunk.mark, chunk.text


def whole(text: str = GIVEN) -> Shown:
    return Shown(stream=NOW, whole=True, digest=digest(text))


async def test_who_was_shown_the_whole_answer_is_told_nothing_more() -> None:
    assert last(await verified(made(SAID, whole()))) is None


@pytest.mark.parametrize(
    ("shown", "changes"),
    [
        pytest.param(None, {}, id="nothing was shown"),
        pytest.param(None, {"source": "cache", "cache": CacheUse(status="exact")}, id="from the cache"),
        pytest.param(None, {"source": "static", "degraded": "static"}, id="a static text"),
        pytest.param(Shown(stream=NOW), {}, id="a part was shown"),
        pytest.param(whole("It was sent to"), {}, id="something else was shown"),
        pytest.param(whole(), {"run": 2}, id="it was shown in an earlier run"),
    ],
)
async def test_who_was_not_shown_the_answer_that_holds_is_given_it_whole(
    shown: Shown | None, changes: dict[str, Any]
) -> None:
    assert last(await verified(made(SAID, shown, **changes))) == ("final", GIVEN)


@pytest.mark.parametrize("shown", [None, Shown(stream=NOW), whole(LEAK)])
@pytest.mark.parametrize(
    ("output", "failure"), [(LEAK, None), (None, Reason.PROVIDERS_EXHAUSTED)], ids=["refused", "failed"]
)
async def test_where_there_is_no_answer_nothing_shown_may_be_kept(
    output: str | None, failure: Reason | None, shown: Shown | None
) -> None:
    before = REGISTRY.get_sample_value("streamguard_retractions_total", {"stage": "verify"}) or 0.0

    step = await verified(made(output, shown, failure=failure))

    assert last(step) == ("retracted", "")
    after = REGISTRY.get_sample_value("streamguard_retractions_total", {"stage": "verify"}) or 0.0
    assert after - before == (shown is not None)


async def test_an_answer_in_json_comes_whole() -> None:
    output = '{"to": "[EMAIL_1]"}'

    assert last(await verified(made(output, None))) == ("final", '{"to": "ann@own.org"}')


@pytest.mark.parametrize(
    ("output", "shown"), [(SAID, None), (SAID, whole()), (SAID, Shown(stream=NOW)), (LEAK, None), (LEAK, whole(LEAK))]
)
async def test_a_step_that_runs_again_says_the_same(output: str, shown: Shown | None) -> None:
    record = made(output, shown)
    step = await verified(record)

    again = await Verify(CHAINS, ending(), FakeClock(NOW + 5_000_000)).run(event(record), step[0].record)

    assert list(again) == list(step)


async def test_who_did_not_ask_for_a_stream_gets_no_chunk() -> None:
    for output in (SAID, LEAK, None):
        assert last(await verified(made(output, None, head=request().head()))) is None


def test_what_a_stage_could_not_handle_is_withdrawn_where_something_may_have_been_shown() -> None:
    watch = Watch("verify", FakeClock(NOW))
    before, asked = guarded(head=STREAMED), carry(guarded(head=STREAMED), Invocation)
    records = (admitted(request(stream=True)), before, asked, made(SAID, whole()))

    words = [last(ending().failed(event(record), watch)) for record in records]

    assert words == [None, None, ("retracted", ""), ("retracted", "")]
