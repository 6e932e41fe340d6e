"""The outcome decides, the response follows, and each user sees their own data."""

from typing import Any

import orjson

from streamguard.answers.provenance import Signer
from streamguard.clock import FakeClock
from streamguard.events.base import carry
from streamguard.events.reason import Reason
from streamguard.events.stages import Invocation, Placeholder
from streamguard.stages.ending import conclude, for_service
from streamguard.stages.watch import Watch
from tests.unit.stages.examples import NOW, admitted, completion, ended, ending, event, guarded

ADDRESS = Placeholder(token="[EMAIL_1]", kind="email", value='ann"o@example.com')


def test_placeholders_are_put_back_in_the_response_only() -> None:
    made = completion("Sent to [EMAIL_1].", placeholders=(ADDRESS,))
    entry = Watch("verify", FakeClock(NOW)).entry("answered")

    outcome, response = ended(
        ending().completed(event(made), entry, "answered", None, output=made.output, parsed=None, verdicts=())
    )

    assert response.output == 'Sent to ann"o@example.com.'
    assert outcome.output == "Sent to [EMAIL_1]."
    assert ADDRESS.value.encode() not in orjson.dumps(outcome.model_dump(mode="json"))


def test_in_json_a_quote_in_the_data_breaks_nothing() -> None:
    output, parsed = for_service('{"to":"[EMAIL_1]"}', {"to": "[EMAIL_1]", "n": [1, "[EMAIL_1]"]}, (ADDRESS,))

    assert parsed == {"to": ADDRESS.value, "n": [1, ADDRESS.value]}
    assert output is not None
    assert orjson.loads(output) == parsed


def test_the_response_can_be_derived_again_from_the_outcome() -> None:
    made = completion("Sent to [EMAIL_1].", placeholders=(ADDRESS,))
    entry = Watch("verify", FakeClock(NOW)).entry("answered")
    step = ending().completed(event(made), entry, "answered", None, output=made.output, parsed=None, verdicts=())
    outcome, response = ended(step)

    assert ended(conclude("acme/r1", outcome, made))[1] == response


def test_the_signature_covers_what_the_service_receives() -> None:
    made = completion("Sent to [EMAIL_1].", placeholders=(ADDRESS,))
    entry = Watch("verify", FakeClock(NOW)).entry("answered")
    _, response = ended(
        ending().completed(event(made), entry, "answered", None, output=made.output, parsed=None, verdicts=())
    )
    signer = Signer("test", b"key")
    claims: dict[str, Any] = {
        "tenant_id": "acme", "request_id": "r1", "run": 1, "status": response.status, "reason": None
    }  # fmt: skip

    assert signer.verify(response.provenance, **claims, output=response.output)
    assert not signer.verify(response.provenance, **claims, output="Sent to someone else.")


def test_a_request_can_be_failed_from_any_stage() -> None:
    for record in (admitted(), completion()):
        outcome, response = ended(ending().failed(event(record), Watch("guard", FakeClock(NOW))))
        assert (outcome.status, outcome.reason) == ("failed", Reason.INTERNAL)
        assert response.request_id == "r1"


def test_a_refusal_tells_when_to_come_back() -> None:
    refused = admitted(action="refuse", reason=Reason.RATE_LIMITED_USER, retry_after_us=5, reservation=None)
    entry = Watch("guard", FakeClock(NOW)).entry("passed_on")

    outcome, response = ended(ending().early("acme/r1", refused, entry, "refused", Reason.RATE_LIMITED_USER))

    assert outcome.retry_after_us == response.retry_after_us == 5
    assert outcome.messages == ()


def test_what_it_cost_is_unknown_only_where_a_model_may_have_been_asked() -> None:
    watch = Watch("invoke", FakeClock(NOW))
    before, while_asked = guarded(), carry(guarded(), Invocation)

    costs = [ended(ending().failed(event(record), watch))[1].cost_nusd for record in (admitted(), before, while_asked)]

    assert costs == [0, 0, None]
