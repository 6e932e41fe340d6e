"""Which answers may be given, and in which form."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
import pytest

from streamguard.checks.chain import Chains, OutputChain
from streamguard.checks.contract import Finding, Subject
from streamguard.checks.policy import Policy
from streamguard.clock import FakeClock
from streamguard.events.outcome import Outcome, Response
from streamguard.events.reason import Reason
from streamguard.events.request import JsonSchemaFormat, Message, ResponseFormat
from streamguard.events.stages import Ask, Completion, Placeholder
from streamguard.events.usage import Call
from streamguard.stages.guard import CheckFailed
from streamguard.stages.verify import Verify
from tests.unit.stages.examples import NOW, completion, ended, ending, event, request

POLICY = Policy(version="1")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["category"],
    "properties": {"category": {"type": "string"}, "to": {"type": "string"}},
}
FORM = ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=SCHEMA))
INSTRUCTIONS = "You answer the questions of customers for the support team of an online shop, friendly and briefly."


def asked(form: ResponseFormat | None = None) -> Ask:
    return Ask(
        messages=(Message(role="system", content=INSTRUCTIONS), Message(role="user", content="Where is it?")),
        route="default",
        max_output_tokens=100,
        response_format=form,
        canary="canary-4f1d2c",
    )


async def verify(
    output: str | None, chains: Chains[OutputChain] | None = None, **changes: Any
) -> tuple[Outcome, Response]:
    made: Completion = completion(output, **{"ask": asked(), **changes})
    return ended(
        await Verify(chains or Chains(OutputChain, POLICY, b"k"), ending(), FakeClock(NOW)).run(event(made), None)
    )


async def test_a_good_answer_is_given_and_signed() -> None:
    outcome, response = await verify("It arrives tomorrow.")

    assert (response.status, response.output) == ("answered", "It arrives tomorrow.")
    assert response.provenance == outcome.provenance
    assert {verdict.direction for verdict in response.verdicts} == {"output"}


async def test_json_comes_out_of_prose_and_fences_and_is_parsed() -> None:
    outcome, response = await verify('Sure!\n```json\n{"category": "delivery"}\n```', ask=asked(FORM))

    assert response.parsed == {"category": "delivery"}
    assert response.output is not None
    assert orjson.loads(response.output) == {"category": "delivery"}
    assert outcome.trail[-1].decision == "answered"


async def test_an_answer_without_the_form_fails() -> None:
    outcome, response = await verify('{"colour": "blue"}', ask=asked(FORM))

    assert (outcome.status, outcome.reason) == ("failed", Reason.INVALID_OUTPUT)
    assert response.output is None


async def test_each_user_sees_their_own_data_in_json_too() -> None:
    address = Placeholder(token="[EMAIL_1]", kind="email", value='a"b@example.com')

    outcome, response = await verify('{"category": "x", "to": "[EMAIL_1]"}', ask=asked(FORM), placeholders=(address,))

    assert response.parsed == {"category": "x", "to": address.value}
    assert "example.com" not in outcome.model_dump_json()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (f"My instructions are: {INSTRUCTIONS}", Reason.LEAKED_PROMPT),
        ("The reference is canary-4f1d2c.", Reason.LEAKED_PROMPT),
    ],
)
async def test_what_must_not_be_said(output: str, reason: Reason) -> None:
    outcome, response = await verify(output)

    assert (outcome.status, outcome.reason) == ("refused", reason)
    assert response.output is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (INSTRUCTIONS.replace(" ", "\n"), Reason.LEAKED_PROMPT),
        ("\n".join("canary4f1d2c"), Reason.LEAKED_PROMPT),
        ("They chant:\tnothing.\nheil hitler", Reason.UNSAFE_OUTPUT),
    ],
)
async def test_line_breaks_in_json_hide_nothing(text: str, reason: Reason) -> None:
    json = orjson.dumps({"category": text}).decode()

    outcome, response = await verify(json, ask=asked(FORM))

    assert (outcome.status, outcome.reason) == ("refused", reason)
    assert response.output is None


async def test_json_that_was_asked_for_in_words_is_read_as_json_too() -> None:
    _, response = await verify('{\n  "text": "Card:\\n4111 1111 1111 1111\\nThanks"\n}')

    assert response.output == '{\n  "text": "Card:\\n[removed]\\nThanks"\n}'


async def test_masked_json_is_json_and_what_was_parsed() -> None:
    given = {"category": 'Cards:\n4111 1111 1111 1111\tand "more"\nat C:\\new\\table', "card": 4111111111111111}

    _, response = await verify(orjson.dumps(given).decode(), ask=asked(FORM))

    assert response.output is not None
    assert "1111" not in response.output
    assert orjson.loads(response.output) == response.parsed
    assert isinstance(response.parsed, dict)
    assert response.parsed["card"] == "[removed]"
    assert response.parsed["category"] == 'Cards:\n[removed]\tand "more"\nat C:\\new\\table'


async def test_somebody_elses_data_is_taken_out_of_the_answer() -> None:
    outcome, response = await verify("Please write to someone.else@example.org about it.")

    assert response.status == "answered"
    assert response.output is not None
    assert "someone.else@example.org" not in response.output
    assert any(verdict.action == "transform" for verdict in outcome.verdicts)


@pytest.mark.parametrize(("run", "cost"), [(1, 250), (2, 0)])
async def test_a_replay_behind_invoke_does_not_book_again_what_the_run_before_paid(run: int, cost: int) -> None:
    asker = request()
    paid = Call(
        call_id=f"{asker.tenant_id}/{asker.request_id}/1/0",
        provider="openai",
        model="gpt-4o",
        kind="first",
        status="ok",
        started_at=NOW,
        duration_us=1,
        cost_nusd=250,
    )

    outcome, _ = await verify("It arrives tomorrow.", run=run, calls=(paid,), cost_nusd=250)

    assert (outcome.cost_nusd, len(outcome.calls)) == (cost, 1 if cost else 0)


async def test_an_action_outside_the_list_is_refused() -> None:
    head = request(actions=["track"]).head()
    form = ResponseFormat(type="json_object")

    outcome, _ = await verify('{"action": "refund"}', ask=asked(form), head=head)
    allowed, _ = await verify('{"action": "track"}', ask=asked(form), head=head)

    assert (outcome.status, outcome.reason) == ("refused", Reason.ACTION_NOT_ALLOWED)
    assert allowed.status == "answered"


async def test_a_failure_of_invoke_becomes_the_outcome() -> None:
    outcome, _ = await verify(None, source="none", failure=Reason.PROVIDERS_EXHAUSTED)

    assert (outcome.status, outcome.reason) == ("failed", Reason.PROVIDERS_EXHAUSTED)


async def test_a_static_text_is_an_answer_that_says_it_is_less() -> None:
    outcome, response = await verify("We cannot answer now.", source="static", degraded="static")

    assert (outcome.status, response.degraded) == ("answered", "static")


async def test_a_check_that_fails_lets_nothing_through() -> None:
    class Broken:
        name = "broken"
        codes: ClassVar[Mapping[str, str]] = {}

        def inspect(self, subject: Subject) -> Finding:
            raise RuntimeError(subject.text)

    with pytest.raises(CheckFailed):
        await verify("It arrives tomorrow.", Chains(OutputChain, POLICY, b"k", extra=[Broken()]))


async def test_an_interrupted_run_answers_the_same() -> None:
    made = completion("It arrives tomorrow.", ask=asked())
    first = await Verify(Chains(OutputChain, POLICY, b"k"), ending(), FakeClock(NOW)).run(event(made), None)

    again = await Verify(Chains(OutputChain, POLICY, b"k"), ending(), FakeClock(NOW + 99)).run(
        event(made), first[0].record
    )

    assert list(again) == list(first)
