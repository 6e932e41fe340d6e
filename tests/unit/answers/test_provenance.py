"""Signed provenance: whatever is changed afterwards is noticed."""

import hashlib
import hmac
from typing import Any

import pytest

from streamguard.answers.provenance import Signer
from streamguard.events.outcome import Provenance
from streamguard.events.reason import Reason
from streamguard.events.request import FunctionCall, ToolCall
from streamguard.events.stages import PromptUsed

SIGNER = Signer("k1", b"a key")
STATEMENT: dict[str, Any] = {
    "tenant_id": "acme",
    "request_id": "r-1",
    "run": 1,
    "status": "answered",
    "reason": None,
    "output": "Your parcel arrives on Monday.",
}
RULES: dict[str, Any] = {
    "policy_version": "7",
    "prompt": PromptUsed(name="support", version=3),
    "provider": "openai",
    "model": "m",
}


def changed(values: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**values, **changes}


def signed() -> Provenance:
    return SIGNER.sign(**STATEMENT, **RULES)


def test_what_was_signed_verifies_after_a_journey() -> None:
    arrived = Provenance.model_validate_json(signed().model_dump_json())
    assert SIGNER.verify(arrived, **STATEMENT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant_id", "other"),
        ("request_id", "r-2"),
        ("run", 2),
        ("status", "refused"),
        ("reason", Reason.EXPIRED),
        ("output", "Your parcel arrives on Tuesday."),
        ("output", None),
        ("output", ""),
    ],
)
def test_another_response_does_not_verify(field: str, value: object) -> None:
    assert not SIGNER.verify(signed(), **changed(STATEMENT, **{field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("policy_version", "8"),
        ("prompt", None),
        ("prompt", PromptUsed(name="support", version=4)),
        ("provider", None),
        ("model", "n"),
        ("content_hash", "00"),
        ("key_id", "k2"),
        ("signature", "é"),
        ("signature", ""),
    ],
)
def test_changed_provenance_does_not_verify(field: str, value: object) -> None:
    assert not SIGNER.verify(signed().model_copy(update={field: value}), **STATEMENT)


def test_another_key_does_not_verify() -> None:
    assert not Signer("k1", b"another key").verify(signed(), **STATEMENT)


def test_fields_cannot_be_shifted_into_each_other() -> None:
    one = SIGNER.sign(**changed(STATEMENT, tenant_id="ab", request_id="c"), **RULES)
    other = SIGNER.sign(**changed(STATEMENT, tenant_id="a", request_id="bc"), **RULES)
    assert one.signature != other.signature
    none = SIGNER.sign(**STATEMENT, **changed(RULES, model=None))
    dash = SIGNER.sign(**STATEMENT, **changed(RULES, model="-"))
    assert none.signature != dash.signature


def test_the_signed_bytes_are_the_documented_ones() -> None:
    content_key = hmac.digest(b"a key", b"streamguard/content", hashlib.sha256)
    signature_key = hmac.digest(b"a key", b"streamguard/provenance", hashlib.sha256)
    content_hash = hmac.digest(content_key, b"text:Your parcel arrives on Monday.", hashlib.sha256).hex()
    message = (
        "streamguard/provenance/1\ntenant_id=4:acme\nrequest_id=3:r-1\nrun=1:1\nstatus=8:answered\nreason=-\n"
        f"content_hash=64:{content_hash}\npolicy_version=1:7\nprompt_name=7:support\nprompt_version=1:3\n"
        "provider=6:openai\nmodel=1:m\nkey_id=2:k1\n"
    )
    assert signed().content_hash == content_hash
    assert signed().signature == hmac.digest(signature_key, message.encode(), hashlib.sha256).hex()


def test_odd_text_can_be_signed() -> None:
    assert len(SIGNER.content_hash("\ud800")) == 64


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        Signer("k1", b"")


def called(*calls: tuple[str, str, str]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(id=one, function=FunctionCall(name=name, arguments=text)) for one, name, text in calls)


CALLS = called(("c1", "send", '{"to":"ann"}'), ("c2", "look", "{}"))


def test_an_answer_without_calls_is_signed_as_before_there_were_any() -> None:
    key = hmac.digest(b"a key", b"streamguard/content", hashlib.sha256)

    assert SIGNER.content_hash("hm") == hmac.digest(key, b"text:hm", hashlib.sha256).hex()


def test_what_is_hashed_of_calls_is_what_the_module_says() -> None:
    key = hmac.digest(b"a key", b"streamguard/content", hashlib.sha256)
    content = b"calls:1:output=2:hm\nid=2:c1\nname=4:send\narguments=2:{}\n"

    assert SIGNER.content_hash("hm", called(("c1", "send", "{}"))) == hmac.digest(key, content, hashlib.sha256).hex()


@pytest.mark.parametrize(
    "others",
    [
        (),
        CALLS[:1],
        CALLS[::-1],
        called(("c1", "send", '{"to":"bob"}'), ("c2", "look", "{}")),
        called(("c1", "drop", '{"to":"ann"}'), ("c2", "look", "{}")),
        called(("c9", "send", '{"to":"ann"}'), ("c2", "look", "{}")),
    ],
)
def test_other_calls_do_not_verify(others: tuple[ToolCall, ...]) -> None:
    signed_calls = SIGNER.sign(**STATEMENT, **RULES, tool_calls=CALLS)

    assert SIGNER.verify(signed_calls, **STATEMENT, tool_calls=CALLS)
    assert not SIGNER.verify(signed_calls, **STATEMENT, tool_calls=others)
