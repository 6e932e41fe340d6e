"""The Kafka headers and keys of each topic's records, as AsyncAPI describes them. All values are bytes of UTF-8 text."""

from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.events.codec import RECORDS, schema_name
from streamguard.stream.topics import Topic

Schema = dict[str, Any]

TRACE_EXAMPLE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_TRACEPARENT: Schema = {
    "type": "string",
    "description": "W3C trace context. Services may send one; without it the line begins a trace of its own. It is passed on.",
    "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
}
_SRC: Schema = {
    "type": "string",
    "description": "The record that this one follows from: `topic/partition/offset/timestamp`. Of two records of one topic with "
    "the same `src` the first counts.",
}
_OF: Schema = {"type": "string", "description": "The topics that the same step writes to, with commas between them."}
_DEADLINE: Schema = {
    "type": "string",
    "description": "The request's `deadline` in decimal digits, where it has one.",
    "pattern": "^[0-9]+$",
}
_PLACED: Schema = {
    "type": "string",
    "description": "admit alone sends it: the request stood on another partition than its tenant's and was sent on.",
    "const": "1",
}
_RUN: Schema = {
    "type": "string",
    "description": "Of a replayed dead letter: which pass of its request this is. Services do not send it.",
    "pattern": "^[0-9]+$",
}
_EPOCH: Schema = {
    "type": "string",
    "description": "Offset of the marker under which admit decided; a record of an older one behind it is void.",
    "pattern": "^[0-9]+$",
}
_DLQ: dict[str, Schema] = {
    "dlq.code": {"type": "string", "description": "What was wrong. `streamguard dlq list` counts by it."},
    "dlq.stage": {"type": "string", "description": "Who found it: a stage, or the sink."},
    "dlq.at": {"type": "string", "description": "Where the record lay: `topic/partition/offset/timestamp`."},
    "dlq.src": {"type": "string", "description": "The record's own header `src`, where it had one."},
    "dlq.of": {"type": "string", "description": "The record's own header `of`, where it had one."},
    "dlq.size": {"type": "string", "description": "Only where the record was too large to be kept: its value's bytes."},
}

_STEP = ("src", "of", "traceparent")
"""What every output of a stage has."""
_HEADERS: Mapping[str, Schema] = {
    "traceparent": _TRACEPARENT,
    "src": _SRC,
    "of": _OF,
    "deadline": _DEADLINE,
    "placed": _PLACED,
    "run": _RUN,
    "epoch": _EPOCH,
}
_BY_TOPIC: Mapping[str, Sequence[str]] = {
    "requests": ("traceparent", "src", "of", "deadline", "placed", "run"),
    "admission-journal": (*_STEP, "deadline", "epoch"),
    "admitted": (*_STEP, "deadline", "epoch", "run"),
    "guarded": (*_STEP, "deadline", "run"),
    "invocations": (*_STEP, "deadline", "run"),
    "invocations-batch": (*_STEP, "deadline", "run"),
    "completions": (*_STEP, "deadline", "run"),
    "outcomes": (*_STEP, "deadline"),
    "responses": (*_STEP, "deadline"),
    "response-chunks": (*_STEP, "deadline"),
    "telemetry": _STEP,
    "payloads": _STEP,
    "settlements": _STEP,
    "cache-entries": _STEP,
    "dlq-decisions": (),
    "breakers": (),
    "cancellations": (),
}
"""Which of them a topic's records can have, beside `schema`."""
_NEEDED: Mapping[str, Sequence[str]] = {
    name: (*_STEP, "schema")
    for name in ("guarded", "invocations", "invocations-batch", "completions", "outcomes", "responses", "telemetry")
}
"""Which are always there. Chunks that are written while a model answers belong to no step, markers of the journal neither."""

_KEYS: Mapping[str, Schema] = {
    "tenant": {
        "type": "string",
        "description": "`tenant_id`. Its partition is murmur2 of the key, as Kafka's own clients place it; a request that "
        "stands elsewhere is sent on by admit.",
    },
    "conversation": {
        "type": "string",
        "description": "`tenant_id/conversation_id`; a request without a conversation is its own: `tenant_id/request_id`.",
    },
    "request": {"type": "string", "description": "`tenant_id/request_id`."},
    "fingerprint": {"type": "string", "description": "The question's fingerprint, in hex."},
    "model": {"type": "string", "description": "`provider/model`."},
    "letter": {"type": "string", "description": "The dead letter: `topic/partition/offset/timestamp`."},
    "as received": {"description": "The key of the record as it came: any bytes, or none."},
}


def key_schema(topic: Topic) -> Schema:
    """What the key of a topic's records is made of."""
    return dict(_KEYS[topic.key])


def headers_schema(topic: Topic) -> Schema:
    """The headers that a topic's records can have. Services may send others; they are not passed on."""
    if topic.record is None:
        return {"type": "object", "properties": _DLQ, "required": ["dlq.code", "dlq.stage", "dlq.at"]}
    schema: Schema = {
        "type": "string",
        "description": "The record's schema and its major version. Without it this one is taken to be meant.",
        "const": schema_name(RECORDS[topic.record]),
    }
    properties = {name: _HEADERS[name] for name in _BY_TOPIC[topic.name]} | {"schema": schema}
    needed = _NEEDED.get(topic.name)
    return {"type": "object", "properties": properties, **({"required": [*needed]} if needed else {})}


_STEPS: Mapping[str, tuple[str, str]] = {
    "admission-journal": ("requests", "admission-journal,admitted"),
    "admitted": ("requests", "admission-journal,admitted"),
    "guarded": ("admitted", "guarded"),
    "invocations": ("guarded", "invocations"),
    "invocations-batch": ("guarded", "invocations-batch"),
    "completions": ("invocations", "completions"),
    "outcomes": ("completions", "outcomes,responses"),
    "responses": ("completions", "outcomes,responses"),
    "response-chunks": ("completions", "outcomes,responses,response-chunks"),
    "telemetry": ("outcomes", "telemetry,settlements,payloads,cache-entries"),
    "payloads": ("outcomes", "telemetry,settlements,payloads,cache-entries"),
    "settlements": ("outcomes", "telemetry,settlements,payloads,cache-entries"),
    "cache-entries": ("outcomes", "telemetry,settlements,payloads,cache-entries"),
}
"""In which step the examples of a topic were made: what it read, and all that it wrote."""
_OF_NO_STEP = ("marker", "piece", "final")
_EARLY = ("limited", "refused")
"""Examples that guard ended."""


def example_headers(topic: Topic, example: str) -> dict[str, str]:
    """The headers of an example of a topic, by the example's name."""
    assert topic.record is not None
    headers: dict[str, str] = {}
    if (step := _STEPS.get(topic.name)) is not None and example not in _OF_NO_STEP:
        source, of = step
        early = example in _EARLY and source == "completions"
        headers |= {"src": f"{'admitted' if early else source}/3/2048/1800000000000", "of": of}
    if "traceparent" in _BY_TOPIC[topic.name] and example != "marker":
        headers["traceparent"] = TRACE_EXAMPLE
    if topic.name in ("admitted", "admission-journal") and example != "marker":
        headers["epoch"] = "118"
    headers["schema"] = schema_name(RECORDS[topic.record])
    return headers
