"""Topics and how they differ, as text and as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from streamguard.stream.topic_rules import (
    ANYWHERE,
    KEYS,
    Difference,
    FoundCluster,
    Layout,
    partitions_of,
    wanted_configs,
)
from streamguard.stream.topics import Topic, Topics

_COLUMNS = ("TOPIC", "KEY", "PARTITIONS", "COPIES", "CLEANUP", "RETENTION", "RECORDS")
_HOUR = 3_600_000


def topic_fields(
    topic: Topic, topics: Topics, found: FoundCluster, layout: Layout, records: Mapping[str, int]
) -> dict[str, Any]:
    """A topic for JSON: what is wanted, and what is there (None where it is not, or not told)."""
    name = topics.full(topic.name)
    there = found.topics.get(name)
    configs = (there.configs if there else None) or {}
    return {
        "topic": name,
        "key": topic.key,
        "record": topic.record,
        "written_by": topic.written_by,
        "read_by": topic.read_by,
        "wanted": {
            "partitions": None if topic.key in ANYWHERE and there else partitions_of(topic, layout),
            "replication": layout.replication,
            **wanted_configs(topic, there.replication if there else layout.replication),
        },
        "found": {
            "partitions": len(there.partitions),
            **({"replication": there.replication} if found.tells else {}),
            **{key: configs[key] for key in KEYS if key in configs},
        }
        if there
        else None,
        "records": records.get(name),
    }


def list_lines(fields: list[dict[str, Any]]) -> Iterator[str]:
    """A line a topic under a heading. Where the cluster has something else than is wanted, both stand there."""
    rows = [tuple(_row(one)) for one in fields]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in [_COLUMNS, *rows]:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _row(one: Mapping[str, Any]) -> Iterator[str]:
    yield one["topic"]
    yield one["key"]
    wanted, found = one["wanted"], one["found"]
    if found is None:
        yield f"missing, wants {wanted['partitions']}"
    else:
        yield _both(str(wanted["partitions"] or found["partitions"]), str(found["partitions"]))
    found = found or {}
    yield _both(str(wanted["replication"]), str(found.get("replication", "-")))
    yield _both(wanted["cleanup.policy"], found.get("cleanup.policy", "-"))
    yield _both(_span(wanted["retention.ms"]), _span(found.get("retention.ms", "-")))
    yield "-" if one["records"] is None else str(one["records"])


def _both(wanted: str, found: str) -> str:
    same = found == "-" or sorted(wanted.split(",")) == sorted(found.split(","))
    return found if same else f"{found}, wants {wanted}"


def _span(milliseconds: str) -> str:
    if not milliseconds.lstrip("-").isdigit():
        return milliseconds
    if int(milliseconds) < 0:
        return "for ever"
    hours, rest = divmod(int(milliseconds), _HOUR)
    if rest:
        return f"{int(milliseconds) / 1000:g} s"
    return f"{hours // 24} d" if hours and hours % 24 == 0 else f"{hours} h"


def difference_fields(one: Difference) -> dict[str, Any]:
    """A difference for JSON. `mended`: `topics apply` brings it in order."""
    return {
        "topic": one.topic,
        "kind": one.kind,
        "key": one.key,
        "wanted": one.wanted,
        "found": one.found,
        "serious": one.serious,
        "mended": one.mended,
        "advice": one.advice or None,
    }


def difference_line(one: Difference) -> str:
    """A difference for people: topic, key, wanted, found, and who mends it."""
    how = "`topics apply` creates it" if one.kind == "missing" else "`topics apply` sets it"
    about = how if one.mended else one.advice
    return f"{'' if one.serious else 'note: '}{one.topic}: {one.key}: wanted {one.wanted}, found {one.found}; {about}"
