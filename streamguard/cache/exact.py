"""The exact cache: the same question, asked of the same model under the same rules, within one tenant.

The fingerprint covers everything that can change an answer. A parameter that it omits would serve a wrong one.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from streamguard.events.codec import decode
from streamguard.events.request import Document, Message, NamedTool, ResponseFormat, Tool, ToolChoice
from streamguard.events.stages import CacheEntry


def fingerprint(
    *,
    key: bytes,
    tenant_id: str,
    prompt_name: str,
    prompt_version: int,
    messages: Sequence[Message],
    documents: Sequence[Document],
    route: Sequence[tuple[str, str]],
    temperature: float | None,
    max_output_tokens: int,
    response_format: ResponseFormat | None,
    actions: Sequence[str] | None,
    policy_version: str,
    tools: Sequence[Tool] = (),
    tool_choice: ToolChoice | None = None,
) -> str:
    """Hex of a keyed hash (HMAC-SHA256) over the question after redaction and all that shapes its answer.

    `route` lists the candidates as `(provider, model)`: another list of models is another question. Keyed, so that the
    fingerprint in telemetry does not let anyone test a guess at what was asked.
    """
    parts: list[object] = [
        1,  # the layout of this list; another layout must never meet an old entry
        tenant_id,
        prompt_name,
        prompt_version,
        [_said(message) for message in messages],
        [(document.id, document.title, document.text) for document in documents],
        [list(candidate) for candidate in route],
        temperature,
        max_output_tokens,
        response_format.model_dump(mode="json") if response_format else None,
        list(actions) if actions is not None else None,
        policy_version,
    ]
    if tools:  # a question without tools keeps the fingerprint that it had before there were any
        choice = tool_choice.model_dump(mode="json") if isinstance(tool_choice, NamedTool) else tool_choice
        parts.append([[tool.model_dump(mode="json") for tool in tools], choice])
    return hmac.new(key, orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), hashlib.sha256).hexdigest()


def _said(message: Message) -> list[object]:
    said: list[object] = [message.role, message.content]
    if message.tool_calls or message.tool_call_id is not None:
        calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
        said += [calls, message.tool_call_id]
    return said


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry of the cache; `fresh` is False past its expiry, when it may only serve as a last resort."""

    entry: CacheEntry
    fresh: bool


class ExactCache:
    """Entries by fingerprint, bounded in number and bytes; the least recently used go first. Not shared by threads.

    They are kept as the bytes in which they travel: as records they would take several times the memory, and most are
    never asked for.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, bytes] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, fingerprint: str, value: bytes | None) -> None:
        """Enter what `cache-entries` holds; None (a tombstone) removes."""
        self.bytes -= len(self._entries.pop(fingerprint, b""))
        if value is None or len(value) > self._max_bytes:
            return
        self._entries[fingerprint] = value
        self.bytes += len(value)
        while len(self._entries) > self._max_entries or self.bytes > self._max_bytes:
            _, gone = self._entries.popitem(last=False)
            self.bytes -= len(gone)

    def get(self, fingerprint: str, tenant_id: str, now_us: int) -> Hit | None:
        """The entry of that question, if the tenant is the one it was answered for. Raises `InvalidRecord` when the topic
        held something else there."""
        value = self._entries.get(fingerprint)
        if value is None:
            return None
        entry = decode(CacheEntry, value)
        if entry.tenant_id != tenant_id:
            return None
        self._entries.move_to_end(fingerprint)
        return Hit(entry, fresh=now_us < entry.expires_at)
