"""Every fault of the simulator, whole and streamed, as one of our kinds of error; what is booked is what it charged."""

import asyncio
import time

import pytest

from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.dev.simulator import Fault, FaultRule, Latency, Simulator, SimulatorSettings
from streamguard.dev.simulator.tokens import count
from streamguard.events.request import Message
from streamguard.providers.contract import CallLimits, ChatAnswer, ChatRequest, Progress
from streamguard.providers.errors import (
    CallFailed,
    CallTimeout,
    Disconnected,
    EmptyAnswer,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ResponseTooLarge,
    ServerFailed,
    StreamBroken,
    StreamStalled,
)
from streamguard.providers.openai import OpenAIProvider

pytestmark = pytest.mark.slow

ASK = ChatRequest(
    model="gpt-4o",
    messages=(Message(role="user", content="My order 77 did not arrive. Where is it, and who brings it?"),),
    max_output_tokens=200,
    idempotency_key="t/r/1/1",
    request_id="t/r/1/1",
)
LIMITS = CallLimits(total=1.0, first_token=0.6, between_tokens=0.3)

EXPECTED: list[tuple[Fault, type[CallFailed] | None, type[CallFailed] | None]] = [
    (Fault.RATE_LIMITED, RateLimited, RateLimited),
    (Fault.RATE_LIMITED_SILENT, RateLimited, RateLimited),
    (Fault.SERVER_ERROR, ServerFailed, ServerFailed),
    (Fault.UNAVAILABLE, ServerFailed, ServerFailed),
    (Fault.OVERLOADED, ServerFailed, ServerFailed),
    (Fault.REVOKED_KEY, NotAuthorized, NotAuthorized),
    (Fault.CONTEXT_LENGTH, Refused, Refused),
    (Fault.HANG, CallTimeout, CallTimeout),
    (Fault.HANG_MID, CallTimeout, StreamStalled),
    (Fault.SLOW_DRIP, CallTimeout, CallTimeout),
    (Fault.RESET, Disconnected, StreamBroken),
    (Fault.CUT_STREAM, None, StreamBroken),
    (Fault.STREAM_ERROR, None, StreamBroken),
    (Fault.EMPTY_ANSWER, EmptyAnswer, EmptyAnswer),
    (Fault.EMPTY_BODY, InvalidResponse, StreamBroken),
    (Fault.GARBAGE, InvalidResponse, StreamBroken),
    (Fault.HTML, InvalidResponse, InvalidResponse),
    (Fault.OVERSIZED, ResponseTooLarge, ResponseTooLarge),
    (Fault.NO_USAGE, None, None),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("fault", "whole", "stream"), EXPECTED)
async def test_each_fault_has_its_kind(
    fault: Fault, whole: type[CallFailed] | None, stream: type[CallFailed] | None, streamed: bool
) -> None:
    kind = stream if streamed else whole
    settings = SimulatorSettings(
        seed=3, latency=Latency(median_ms=1), faults=(FaultRule(rates={fault: 1.0}),), drip_seconds=60
    )
    progress = Progress(time.monotonic) if streamed else None
    error: CallFailed | None = None
    answer: ChatAnswer | None = None
    async with Simulator(settings) as simulator:
        provider = OpenAIProvider(OpenAISettings(name="openai", base_url=f"{simulator.url}/openai/v1"))
        try:
            answer = await provider.chat(ASK, limits=LIMITS, progress=progress)
        except CallFailed as failed:
            error = failed
        await provider.aclose()
        async with asyncio.timeout(5):
            while not (booked := simulator.ledger.report(detail=True)["detail"]) or booked[0]["ended_at"] is None:
                await asyncio.sleep(0.01)
        (call,) = booked
    if kind is None:
        assert error is None
        assert answer is not None
        assert (answer.usage is None) == (fault is Fault.NO_USAGE)
    else:
        assert isinstance(error, kind)
        # a kind that says that nothing was charged is right about it
        assert error.charge != "none" or call["cost_nusd"] == 0
    if progress is not None and call["cost_nusd"]:
        assert progress.opened
    if progress is not None and fault in (Fault.CUT_STREAM, Fault.STREAM_ERROR, Fault.HANG_MID, Fault.RESET):
        # what came was generated: counted alike here and there, it is the same
        assert call["partial"]
        assert call["output_tokens"] == count("".join(progress.pieces)) > 0
