"""Who answered what under which rules, signed.

What is signed (HMAC-SHA256) is a canonical byte string: the line `streamguard/provenance/1` and then these fields in this
order, each as `name=LENGTH:VALUE` and a newline, LENGTH in bytes of the UTF-8 value, or `name=-` where there is none:
`tenant_id`, `request_id`, `run`, `status`, `reason`, `content_hash`, `policy_version`, `prompt_name`, `prompt_version`,
`provider`, `model`, `key_id`. Lengths make it impossible for two different statements to have one byte string.

The content hash (HMAC-SHA256 too) is over `none`, or `text:` and the output; where the answer calls tools over `calls:`, the
number of the calls and `:`, the output's field as above, and then of each call the fields `id`, `name` and `arguments`.

The content hash is keyed, so that nobody without the key can find out a short answer by guessing. Both keys are
derived from the configured one, `HMAC(key, label)`, so that a hash never serves as a signature.
"""

import hashlib
import hmac
from collections.abc import Sequence

from streamguard.events.outcome import Provenance, Status
from streamguard.events.reason import Reason
from streamguard.events.request import ToolCall
from streamguard.events.stages import PromptUsed

_HEADER = b"streamguard/provenance/1\n"
_NOTHING = b"-"


class Signer:
    """Signs and verifies with one key. `key_id` names it in what it signed, so that keys can be changed."""

    def __init__(self, key_id: str, key: bytes) -> None:
        if not key:
            raise ValueError("a key must not be empty")
        self._key_id = key_id
        self._content_key = hmac.digest(key, b"streamguard/content", hashlib.sha256)
        self._signature_key = hmac.digest(key, b"streamguard/provenance", hashlib.sha256)

    def content_hash(self, output: str | None, tool_calls: Sequence[ToolCall] = ()) -> str:
        """The keyed hash of an answer (hex). No text and the empty text differ."""
        # a lone surrogate has no UTF-8; it must not make signing fail
        if tool_calls:
            content = b"calls:%d:" % len(tool_calls) + _field("output", output)
            for call in tool_calls:
                content += _field("id", call.id) + _field("name", call.function.name)
                content += _field("arguments", call.function.arguments)
        else:
            content = b"none" if output is None else b"text:" + output.encode("utf-8", "surrogatepass")
        return hmac.digest(self._content_key, content, hashlib.sha256).hex()

    def sign(
        self,
        *,
        tenant_id: str,
        request_id: str,
        run: int,
        status: Status,
        reason: Reason | None,
        output: str | None,
        policy_version: str,
        prompt: PromptUsed | None = None,
        provider: str | None = None,
        model: str | None = None,
        tool_calls: Sequence[ToolCall] = (),
    ) -> Provenance:
        """The provenance of an ended request. `output` and `tool_calls` are as the service receives them."""
        unsigned = Provenance(
            policy_version=policy_version,
            prompt=prompt,
            provider=provider,
            model=model,
            content_hash=self.content_hash(output, tool_calls),
            key_id=self._key_id,
            signature="",
        )
        signature = self._signature(unsigned, tenant_id, request_id, run, status, reason)
        return unsigned.model_copy(update={"signature": signature})

    def verify(
        self,
        provenance: Provenance,
        *,
        tenant_id: str,
        request_id: str,
        run: int,
        status: Status,
        reason: Reason | None,
        output: str | None,
        tool_calls: Sequence[ToolCall] = (),
    ) -> bool:
        """Whether `provenance` was signed with this key for exactly this response."""
        expected = self._signature(provenance, tenant_id, request_id, run, status, reason)
        return (
            provenance.key_id == self._key_id
            and _equal(provenance.content_hash, self.content_hash(output, tool_calls))
            and _equal(provenance.signature, expected)
        )

    def _signature(
        self,
        provenance: Provenance,
        tenant_id: str,
        request_id: str,
        run: int,
        status: Status,
        reason: Reason | None,
    ) -> str:
        prompt = provenance.prompt
        fields: tuple[tuple[str, str | int | None], ...] = (
            ("tenant_id", tenant_id),
            ("request_id", request_id),
            ("run", run),
            ("status", status),
            ("reason", None if reason is None else str(reason)),
            ("content_hash", provenance.content_hash),
            ("policy_version", provenance.policy_version),
            ("prompt_name", prompt.name if prompt else None),
            ("prompt_version", prompt.version if prompt else None),
            ("provider", provenance.provider),
            ("model", provenance.model),
            ("key_id", provenance.key_id),
        )
        message = _HEADER + b"".join(_field(name, value) for name, value in fields)
        return hmac.digest(self._signature_key, message, hashlib.sha256).hex()


def _field(name: str, value: str | int | None) -> bytes:
    if value is None:
        return name.encode() + b"=" + _NOTHING + b"\n"
    encoded = str(value).encode("utf-8", "surrogatepass")
    return b"%s=%d:%s\n" % (name.encode(), len(encoded), encoded)


def _equal(left: str, right: str) -> bool:
    # compare_digest takes ASCII strings only; a forged value may hold anything
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode())
