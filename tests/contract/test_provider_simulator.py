"""The whole of asking, over HTTP, against the simulator: what we book is what it charged."""

import asyncio
import random

from streamguard.answers.structure import form_problem
from streamguard.clock import SystemClock
from streamguard.config import BatchLane, Candidate, Concurrency, Invoke, RetryBudget, Routing
from streamguard.config import Breaker as BreakerSettings
from streamguard.config import OpenAIProvider as OpenAISettings
from streamguard.dev.simulator.server import Simulator
from streamguard.dev.simulator.settings import DEFAULT_PRICES, Fault, FaultRule, Latency, SimulatorSettings
from streamguard.dev.simulator.tokens import count as count_tokens
from streamguard.events.request import JsonSchemaFormat, Message, ResponseFormat
from streamguard.events.stages import Ask, Reservation
from streamguard.events.usage import Usage
from streamguard.money import Price
from streamguard.providers.answered import Answered
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.openai import OpenAIProvider
from streamguard.providers.question import Question
from streamguard.providers.routing import Router
from streamguard.providers.turns import Turns

FORM = ResponseFormat(
    type="json_schema",
    json_schema=JsonSchemaFormat(
        schema={
            "type": "object",
            "properties": {"category": {"enum": ["billing", "delivery"]}},
            "required": ["category"],
            "additionalProperties": False,
        }
    ),
)
RESERVATION = Reservation(input_tokens=1000, output_tokens=100, calls=6)


class SimulatorPrices:
    """The simulator's own rates."""

    def cost(self, provider: str, model: str, usage: Usage, at_us: int) -> Price | None:
        rate = DEFAULT_PRICES[model]
        return Price(usage.input_tokens * rate.input + usage.output_tokens * rate.output, "simulator")


async def ask_many(simulator: Simulator, count: int, form: ResponseFormat | None) -> list[Answered]:
    providers = {
        name: OpenAIProvider(OpenAISettings(name=name, base_url=f"{simulator.url}/{name}/v1"))
        for name in ("openai", "anthropic")
    }
    clock = SystemClock()
    routes = {
        "support": (
            Candidate(provider="openai", model="gpt-4o", timeout=0.4),
            Candidate(provider="anthropic", model="claude-3-5-haiku-latest", timeout=0.4),
        )
    }
    invoker = Invoker(
        router=Router(routes, Routing()),
        providers=providers,
        prices=SimulatorPrices(),
        fleet=Fleet(
            Breakers(BreakerSettings(failures=1000, minimum_calls=1000), clock),
            RetryBudgets(RetryBudget(per_second=1000), clock),
            Turns(Concurrency(), BatchLane(), clock, lambda provider: 64),
        ),
        clock=clock,
        rng=random.Random(5),
        settings=Invoke(timeout=5, fallback_timeout=0.4, backoff=0.02),
        count=count_tokens,
    )

    gate = asyncio.Semaphore(20)

    def check(text: str, _: object) -> str | None:
        return form_problem(text, form)

    async def one(number: int) -> Answered:
        ask = Ask(
            messages=(Message(role="user", content=f"Where is parcel {number}?"),),
            route="support",
            max_output_tokens=80,
            response_format=form,
            static_text=None if form else "We come back to you.",
        )
        async with gate:
            return await invoker.ask(
                Question(ask, call_id_base=f"t/r{number}/1", reservation=RESERVATION, check=check if form else None)
            )

    answers = await asyncio.gather(*(one(number) for number in range(count)))
    for provider in providers.values():
        await provider.aclose()
    return answers


async def test_costs_equal_the_simulators_own_to_the_nano_dollar_through_faults_and_timeouts() -> None:
    rates = {
        Fault.RATE_LIMITED_SILENT: 0.08,
        Fault.SERVER_ERROR: 0.08,
        Fault.HANG: 0.06,
        Fault.RESET: 0.06,
        Fault.EMPTY_ANSWER: 0.06,
    }
    settings = SimulatorSettings(seed=3, latency=Latency(median_ms=5), faults=(FaultRule(rates=rates),))
    async with Simulator(settings) as simulator:
        answers = await ask_many(simulator, 150, None)
        report = simulator.ledger.report(detail=True)
    made = [call for answered in answers for call in answered.calls if call.status != "skipped"]
    assert sum(answered.cost_nusd or 0 for answered in answers) == report["cost_nusd"] > 0
    assert None not in {answered.cost_nusd for answered in answers}
    assert all(answered.text for answered in answers)
    assert {call.error for call in made} >= {"rate_limited", "server_error", "timeout", "disconnected", "empty_answer"}
    # each call we book is a call it saw, by name, with the same end
    seen = {call["request_id"]: call for call in report["detail"]}
    assert {call.call_id for call in made} >= set(seen)
    assert {call.error for call in made if call.call_id not in seen} <= {"timeout"}  # given up before it was read
    for call in [call for call in made if call.call_id in seen]:
        assert seen[call.call_id]["finished"] == (call.usage is not None)
        assert seen[call.call_id]["cost_nusd"] == (call.cost_nusd or 0)
    assert {call.cost_nusd for call in made if call.error in ("timeout", "disconnected")} == {None}
    assert {call.cost_nusd for call in made if call.error in ("rate_limited", "server_error")} == {0}


async def test_answers_of_a_wrong_form_are_asked_for_again_and_all_of_it_is_paid() -> None:
    rates = {Fault.WRONG_SCHEMA: 0.3, Fault.FENCED_JSON: 0.2}
    settings = SimulatorSettings(seed=4, latency=Latency(median_ms=5), faults=(FaultRule(rates=rates),))
    async with Simulator(settings) as simulator:
        answers = await ask_many(simulator, 60, FORM)
        report = simulator.ledger.report(detail=False)
    asked_again = [answered for answered in answers if any(call.kind == "reask" for call in answered.calls)]
    assert asked_again
    assert any(answered.form_error is None for answered in asked_again)
    for answered in answers:
        assert answered.text is not None
        assert answered.form_error == form_problem(answered.text, FORM)
    assert sum(answered.cost_nusd or 0 for answered in answers) == report["cost_nusd"]
    assert sum(len(answered.calls) for answered in answers) == report["calls"]
