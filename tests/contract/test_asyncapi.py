"""The AsyncAPI document as the official parser reads it; and that this would tell if it were wrong.

It does not hold examples against their schemas: tests/unit/test_asyncapi_document.py does.
"""

import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard.schemas.asyncapi import document
from tests.support.node import installed
from tests.support.unavailable import or_skip

pytestmark = pytest.mark.slow

NODE = Path(__file__).parents[1] / "node"
ERROR, WARNING, INFORMATION = range(3)
KNOWN = {"asyncapi-latest-version"}
"""Advice that is not taken: 3.1 is newer, and tools read 3.0."""


def a_reference_to_nowhere(wrong: dict[str, Any]) -> str:
    wrong["channels"]["responses"]["messages"]["responses"]["$ref"] = "#/components/messages/answers"
    return "operations/ask/reply/messages/0/$ref"


def a_binding_that_is_none(wrong: dict[str, Any]) -> str:
    wrong["channels"]["requests"]["bindings"]["kafka"]["partitions"] = "twelve"
    return "bindings/kafka/partitions"


def a_schema_that_is_none(wrong: dict[str, Any]) -> str:
    wrong["components"]["schemas"]["Response"]["properties"]["output"]["anyOf"] = "text"
    return "properties/output/anyOf"


FAULTS = ((a_reference_to_nowhere,), (a_binding_that_is_none, a_schema_that_is_none))
"""Those of one document; where a reference leads nowhere the parser looks no further. Each returns where it is to be found."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the parser says: of the document first, then of it with faults planted."""
    folder = tmp_path_factory.mktemp("asyncapi")
    files = [folder / "asyncapi.json"]
    files[0].write_bytes(document())
    for number, faults in enumerate(FAULTS):
        wrong = orjson.loads(document())
        for fault in faults:
            fault(wrong)
        files.append(folder / f"wrong-{number}.json")
        files[-1].write_bytes(orjson.dumps(wrong))
    modules = or_skip(lambda: installed(NODE, "aimock"))
    command = ["node", str(NODE / "asyncapi.mjs"), str(modules), *map(str, files)]
    return orjson.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_the_official_parser_finds_nothing_wrong(told: list[dict[str, Any]]) -> None:
    said = told[0]
    assert said["read"]
    assert [one for one in said["diagnostics"] if one["severity"] in (ERROR, WARNING)] == []
    assert {one["code"] for one in said["diagnostics"]} <= KNOWN
    assert {"ask", "receiveResponse", "receiveChunk", "cancel", "guard.send.responses"} <= set(said["operations"])


@pytest.mark.parametrize(
    ("number", "fault"),
    [(number, fault) for number, faults in enumerate(FAULTS, 1) for fault in faults],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_planted_fault_is_found(told: list[dict[str, Any]], number: int, fault: Any) -> None:
    where = fault(orjson.loads(document()))
    found = [one["path"] for one in told[number]["diagnostics"] if one["severity"] in (ERROR, WARNING)]
    assert any(where in path for path in found), found
