"""`docs/first-request.md` tells all that there is and nothing else: fields, reasons, codes; and which reasons can come today."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest

from streamguard.config import Limits
from streamguard.events.base import Record
from streamguard.events.chunk import Chunk
from streamguard.events.fleet import Cancellation
from streamguard.events.outcome import Response, Status
from streamguard.events.reason import COSTS, REASONS, RETRIES, Reason
from streamguard.events.request import Request
from streamguard.events.stages import CacheUse, Completion, Degraded
from streamguard.schemas.described import field_docs
from streamguard.schemas.records import schema_of
from streamguard.schemas.tables import ANSWERED, ASKED, PageBroken, filled
from tests.support.page import PAGE, exchanges

PACKAGE = Path(__file__).parents[2] / "streamguard"
TEXT = PAGE.read_text()
STAGES = ("admit", "guard", "lookup", "invoke", "verify", "settle")


def table(name: str) -> str:
    return TEXT.partition(f"<!-- table {name} -->")[2].partition("<!-- end -->")[0]


def first_cells(markdown: str) -> list[str]:
    """What stands in the first column, in backticks."""
    return re.findall(r"^\| `([^`]+)` \|", markdown, re.MULTILINE)


def section(heading: str) -> str:
    return re.split(r"^#+ ", TEXT.partition(f"# {heading}")[2], maxsplit=1, flags=re.MULTILINE)[0]


def codes(kind: Any) -> set[str]:
    """The members of a Literal, also of one that a later release may add to."""
    return {code for part in get_args(kind) for code in (get_args(part) or (part,)) if isinstance(code, str)}


def parts_of(record: type[Record], skip: frozenset[str] = frozenset()) -> set[str]:
    """The names of the records in a record."""
    schema: dict[str, Any] = record.model_json_schema()
    return {name for name, part in schema["$defs"].items() if part.get("type") == "object"} - skip


def test_the_tables_are_those_of_the_code() -> None:
    assert filled(TEXT) == TEXT, "run `make schemas`"


@pytest.mark.parametrize(
    ("name", "record"),
    [("request", Request), ("response", Response), ("chunk", Chunk), ("cancellation", Cancellation)],
)
def test_every_field_is_there_and_no_other(name: str, record: type[Record]) -> None:
    assert first_cells(table(name)) == [field.alias or name for name, field in record.model_fields.items()]
    assert all(text in table(name).replace("\\|", "|") for text in field_docs(record).values())


@pytest.mark.parametrize(
    ("name", "record", "parts"), [("request-parts", Request, ASKED), ("response-parts", Response, ANSWERED)]
)
def test_every_part_is_there_with_every_field(name: str, record: type[Record], parts: tuple[type[Record], ...]) -> None:
    assert {part.__name__ for part in parts} == parts_of(record)
    tables = re.split(r"^\*\*`(\w+)`\*\*$", table(name), flags=re.MULTILINE)[1:]
    found = dict(zip(tables[::2], map(first_cells, tables[1::2]), strict=True))
    assert found == {part.__name__: [f.alias or n for n, f in part.model_fields.items()] for part in parts}


def test_every_reason_is_there_in_the_table_where_it_belongs() -> None:
    assert set(REASONS) == set(Reason)
    today, later = first_cells(table("reasons")), first_cells(table("reasons-later"))
    assert today == [reason.value for reason, why in REASONS.items() if not why.later]
    assert later == [reason.value for reason, why in REASONS.items() if why.later]


def test_every_bound_is_there() -> None:
    assert first_cells(table("bounds")) == [f"limits.{name}" for name in Limits.model_fields]


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Status", Status),
        ("Degraded: an answer", Degraded),
        ("Cache", CacheUse.model_fields["status"].annotation),
    ],
)
def test_every_code_is_there(heading: str, kind: Any) -> None:
    assert set(first_cells(section(heading))) == codes(kind)


def test_the_codes_that_the_test_looks_for_are_some() -> None:
    assert codes(CacheUse.model_fields["status"].annotation) == {"miss", "exact", "semantic", "off"}
    assert "finish_reason" not in Response.model_fields, "the page says that it is in the store alone"
    assert "finish_reason" in Completion.model_fields


def test_a_page_without_a_table_is_refused() -> None:
    with pytest.raises(PageBroken, match="chunk"):
        filled(TEXT.replace("<!-- table chunk -->", ""))


# -- which reasons can come today --------------------------------------------------------------------------------------


def given() -> Iterator[tuple[str, Path]]:
    """Each reason that stands in the code of the line as `Reason.NAME`, and the file."""
    for room in ("stages", "checks", "limits", "answers", "providers", "prompts"):
        for file in sorted((PACKAGE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.Attribute(value=ast.Name(id="Reason"), attr=name):
                        yield name, file
                    case _:
                        pass


def test_the_reasons_that_come_today_are_given_somewhere_and_the_later_ones_nowhere() -> None:
    found = {Reason[name] for name, _ in given() if name in Reason.__members__}
    assert found == {reason for reason, why in REASONS.items() if not why.later}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_says_who_decides_what_it_costs_and_whether_to_ask_again(reason: Reason) -> None:
    why = REASONS[reason]
    assert why.by == "any stage" or set(why.by.split(", ")) <= set(STAGES)
    assert why.statuses
    assert set(why.statuses) <= codes(Status) - {"answered"}
    assert why.retry in RETRIES
    assert why.cost in COSTS
    before_models = set(why.by.split(", ")) <= {"admit", "guard"}
    assert (why.cost == "nothing") == before_models, "what ends before invoke costs nothing, what ends behind it may"
    assert ("retry_after_us" in why.advice) == (why.retry == "after")


# -- the examples ------------------------------------------------------------------------------------------------------


def test_the_requests_of_the_page_are_valid_and_their_responses_name_what_there_is() -> None:
    shown = exchanges(TEXT)
    assert len(shown) >= 6
    schema: dict[str, Any] = schema_of(Request)
    for request, response in shown:
        jsonschema_rs.validate(schema, request)
        Request.model_validate(request)
        assert request.keys() <= Request.model_fields.keys()
        assert response.keys() <= Response.model_fields.keys()
        assert response["request_id"] == request["request_id"]
        assert response["status"] in codes(Status)
        assert response.get("reason") in (None, *(reason for reason, why in REASONS.items() if not why.later))
