"""The AsyncAPI 3.0 document: every topic that services and operators meet, and who sends and receives what.

It stands alone: schemas of records lie under `components/schemas`, and nothing refers to the network. An operation is written
from the side of whom its first tag names: the service, the line (a stage of it), or an operator.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pydantic.json_schema import models_json_schema

from streamguard import __version__
from streamguard.events.codec import RECORDS, encode
from streamguard.resources import resource_dir
from streamguard.schemas.described import Described
from streamguard.schemas.examples import Example, examples
from streamguard.schemas.headers import example_headers, headers_schema, key_schema
from streamguard.schemas.records import pretty
from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.sink import GROUP as SINK_GROUP
from streamguard.stream.topics import Topic, Topics

Node = dict[str, Any]
_BINDING = "0.5.0"
_DESCRIPTION = """\
streamguard stands between services and language models. A service sends a `Request` to `requests` and receives exactly one \
`Response` on `responses`: answered, refused, failed or escalated. With `stream: true` the answer also comes in \
`response-chunks` while it is written; a record on `cancellations` stops a request.

Records are JSON without the fields that have no value. Unknown fields are kept and passed on. Numbers of money are \
nano-dollars (`_nusd`), times are microseconds (`_us`, and `_at` since the Unix epoch). A request is known by \
`(tenant_id, request_id)`: sent again it is dropped, and the first response stands.

A configured prefix (`kafka.prefix`) stands before all names of topics and groups."""
_TAGS: Mapping[str, str] = {
    "service": "What services do.",
    "line": "What the stages of the line do, and its sink.",
    "operator": "What operators do, mostly through `streamguard dlq`.",
}
_SIDES = {"services": "service", "operators": "operator"}


def document() -> bytes:
    """The document as `schemas/asyncapi.json` holds it."""
    topics = list(Topics.load(folder=resource_dir("topics")))
    return pretty(
        {
            "asyncapi": "3.0.0",
            "id": "urn:streamguard",
            "info": _info(),
            "servers": _servers(),
            "defaultContentType": "application/json",
            "channels": {topic.name: _channel(topic) for topic in topics},
            "operations": {**_of_services(), **dict(_of_the_others(topics))},
            "components": {
                "messages": {topic.name: _message(topic) for topic in topics},
                "schemas": _schemas(),
                "securitySchemes": _security(),
                "correlationIds": {"request": _correlation()},
            },
        }
    )


def _info() -> Node:
    return {
        "title": "streamguard",
        "version": __version__,
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "contact": {"name": "The operators of your streamguard"},
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
    }


def _servers() -> Node:
    cluster = "A Kafka cluster of yours. The host stands for any of its brokers (`kafka.brokers`)."
    return {
        "cluster": {
            "host": "kafka.example.com:9093",
            "protocol": "kafka-secure",
            "title": "A cluster with TLS",
            "description": f"{cluster} `kafka.security_protocol` is SSL or SASL_SSL.",
            "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _security()],
            "bindings": {"kafka": {"bindingVersion": _BINDING}},
        },
        "development": {
            "host": "127.0.0.1:9092",
            "protocol": "kafka",
            "title": "On one's own machine",
            "description": "The broker that `streamguard dev` runs; it prints its address.",
            "bindings": {"kafka": {"bindingVersion": _BINDING}},
        },
    }


def _security() -> Node:
    return {
        "scramSha512": {"type": "scramSha512", "description": 'SASL: `kafka.sasl_mechanism = "SCRAM-SHA-512"`.'},
        "scramSha256": {"type": "scramSha256", "description": 'SASL: `kafka.sasl_mechanism = "SCRAM-SHA-256"`.'},
        "plain": {"type": "plain", "description": 'SASL: `kafka.sasl_mechanism = "PLAIN"`; over TLS alone.'},
        "tls": {"type": "X509", "description": "A client's certificate: `kafka.ssl_cert_file`."},
    }


def _correlation() -> Node:
    return {
        "description": "The request that a record belongs to. Ids are unique within a tenant.",
        "location": "$message.payload#/request_id",
    }


def _channel(topic: Topic) -> Node:
    kept: Node = {"cleanup.policy": list(topic.cleanup), "retention.ms": topic.retention_hours * 3_600_000}
    if topic.max_bytes is not None:
        kept["max.message.bytes"] = topic.max_bytes
    binding: Node = {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": kept,
        "bindingVersion": _BINDING,
    }
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.description} Written by {_listed(topic.written_by)}; read by {_listed(topic.read_by)}. "
        f"Kept for {_duration(topic.retention_hours)}.",
        "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": binding},
    }


def _message(topic: Topic) -> Node:
    message: Node = {
        "name": topic.record or "DeadLetter",
        "title": topic.record or "Dead letter",
        "summary": topic.description,
        "contentType": "application/json",
        "headers": headers_schema(topic),
        "bindings": {"kafka": {"key": key_schema(topic), "bindingVersion": _BINDING}},
    }
    if topic.record is None:
        return message | {
            "contentType": "application/octet-stream",
            "payload": {"description": "The bytes of the record as they came."},
            "examples": [_dead_letter()],
        }
    record = RECORDS[topic.record]
    if "request_id" in record.model_fields and topic.record != "JournalEntry":
        message["correlationId"] = {"$ref": "#/components/correlationIds/request"}
    return message | {
        "payload": {"$ref": f"#/components/schemas/{topic.record}"},
        "examples": [_example(topic, example) for example in examples(record)],
    }


def _example(topic: Topic, example: Example) -> Node:
    headers = example_headers(topic, example.name)
    return {
        "name": example.name,
        "summary": example.summary,
        "headers": headers,
        "payload": orjson.loads(encode(example.record)),
    }


def _dead_letter() -> Node:
    at = "requests/3/2049/1800000000120"
    headers = {"dlq.code": "undecodable", "dlq.stage": "admit", "dlq.at": at, "src": at, "of": "dead-letters"}
    return {
        "name": "undecodable",
        "summary": "A record on `requests` that is no JSON",
        "headers": headers,
        "payload": "Where is my parcel?",
    }


def _schemas() -> Node:
    _, found = models_json_schema(
        [(record, "validation") for record in RECORDS.values()],
        schema_generator=Described,
        ref_template="#/components/schemas/{model}",
    )
    return found["$defs"]


def _of_services() -> Node:
    side = [{"name": "service"}]
    return {
        "ask": {
            "action": "send",
            "channel": _ref("requests"),
            "title": "Ask",
            "summary": "Send a request; its response comes on `responses`, with its `request_id`.",
            "tags": side,
            "messages": [_ref("requests", message=True)],
            "reply": {"channel": _ref("responses"), "messages": [_ref("responses", message=True)]},
        },
        "receiveResponse": {
            "action": "receive",
            "channel": _ref("responses"),
            "title": "Receive responses",
            "summary": "Of all tenants: take those whose requests are yours. The highest `run` of a request holds.",
            "tags": side,
            "messages": [_ref("responses", message=True)],
        },
        "receiveChunk": {
            "action": "receive",
            "channel": _ref("response-chunks"),
            "title": "Receive answers while they are written",
            "summary": "For requests with `stream: true`. The highest `(run, stream)` of a request counts; what holds in the end "
            "is the response.",
            "tags": side,
            "messages": [_ref("response-chunks", message=True)],
        },
        "cancel": {
            "action": "send",
            "channel": _ref("cancellations"),
            "title": "Cancel",
            "summary": "Stop a request that nobody waits for any more. It ends as `failed`, with the reason `cancelled`, unless "
            "it was answered before.",
            "tags": side,
            "messages": [_ref("cancellations", message=True)],
        },
    }


def _of_the_others(topics: list[Topic]) -> Iterator[tuple[str, Node]]:
    """What stages, sink and operators do, as the topics and the flow say."""
    for topic in topics:
        for name in topic.read_by:
            if name != "services":
                yield f"{name}.receive.{topic.name}", _operation("receive", name, topic)
        for name in topic.written_by:
            if name != "services":
                yield f"{name}.send.{topic.name}", _operation("send", name, topic)


def _operation(action: str, name: str, topic: Topic) -> Node:
    side = _SIDES.get(name, "line")
    operation: Node = {
        "action": action,
        "channel": _ref(topic.name),
        "title": f"{name} {'reads' if action == 'receive' else 'writes'} {topic.name}",
        "tags": [{"name": side}, *([{"name": name}] if side == "line" else [])],
        "messages": [_ref(topic.name, message=True)],
    }
    if action == "receive" and (group := _group(name, topic)) is not None:
        binding = {"groupId": {"type": "string", "const": group}, "bindingVersion": _BINDING}
        operation["bindings"] = {"kafka": binding}
    return operation


def _group(name: str, topic: Topic) -> str | None:
    """The consumer group that reads a topic; None where each process reads all of it."""
    if name == "sink":
        return SINK_GROUP
    return group_name("", name) if name in FLOW and FLOW[name].source == topic.name else None


def _ref(topic: str, *, message: bool = False) -> Node:
    return {"$ref": f"#/channels/{topic}" + (f"/messages/{topic}" if message else "")}


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nobody yet"


def _duration(hours: int) -> str:
    days, rest = divmod(hours, 24)
    number, unit = (days, "day") if days and not rest else (hours, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"
