"""What the command `python -m streamguard.schemas` writes: complete, noticed when stale, and the picture shows the flow."""

import shutil
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from streamguard.resources import resource_dir
from streamguard.schemas.__main__ import wanted
from streamguard.schemas.picture import picture
from streamguard.schemas.records import differing
from streamguard.stream.flow import FLOW
from streamguard.stream.topics import Topics

SVG = "{http://www.w3.org/2000/svg}"
TOPICS = Topics.load()
STAGES = {*FLOW, "sink"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder `schemas` of a repository of one's own."""
    schemas = resource_dir("schemas")
    shutil.copytree(schemas, tmp_path / "schemas")
    shutil.copytree(schemas.parent / "docs", tmp_path / "docs")
    return tmp_path / "schemas"


def stale(schemas: Path) -> list[str]:
    return [name for folder, pattern, files in wanted(schemas) for name in differing(files, folder, pattern)]


def test_what_is_in_the_repository_is_what_the_code_says() -> None:
    assert stale(resource_dir("schemas")) == [], "run `make schemas`"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("schemas/events/request.v1.json", b"streamguard.request/1", b"streamguard.request/2"),
        ("schemas/asyncapi.json", b'"asyncapi": "3.0.0"', b'"asyncapi": "2.6.0"'),
        ("docs/first-request.md", b"| `expired` |", b"| `expires` |"),
        ("docs/flow.svg", b">guard<", b">guards<"),
    ],
)
def test_a_changed_file_is_noticed(copy: Path, file: str, old: bytes, new: bytes) -> None:
    path = copy.parent / file
    before = path.read_bytes()
    assert old in before
    path.write_bytes(before.replace(old, new))
    assert stale(copy) == [path.name]


def test_a_missing_file_and_one_too_many_are_noticed(copy: Path) -> None:
    (copy / "events" / "chunk.v1.json").unlink()
    (copy / "events" / "chunky.v1.json").write_bytes(b"{}")
    (copy / "asyncapi.json").unlink()
    assert sorted(stale(copy)) == ["asyncapi.json", "chunk.v1.json", "chunky.v1.json"]


def test_an_installed_wheel_has_no_docs_to_write(copy: Path) -> None:
    shutil.rmtree(copy.parent / "docs")
    assert stale(copy) == []
    assert {folder.name for folder, _, _ in wanted(copy)} == {"schemas", "events"}


def test_the_picture_shows_every_topic_and_stage_and_who_does_what_across() -> None:
    drawing = ElementTree.fromstring(picture())
    texts = [text.text or "" for text in drawing.iter(f"{SVG}text")]
    assert {topic.name for topic in TOPICS} <= set(texts)
    assert {stage.replace("_", " ") for stage in STAGES} <= set(texts)
    across = [topic for topic in TOPICS if topic.name not in {route.source for route in FLOW.values()} - {"outcomes"}]
    across = [topic for topic in across if "sink" not in topic.read_by]
    lanes = {"invoke_batch": "invoke"}  # two intakes of a stage have one line

    def users(names: tuple[str, ...]) -> set[str]:
        return {lanes.get(name, name) for name in names if name in STAGES}

    writes = sum(len(users(topic.written_by)) for topic in across)
    reads = sum(len(users(topic.read_by)) for topic in across)
    marks = Counter(mark.get("class") for mark in drawing.iter(f"{SVG}circle"))
    assert marks["dot"] == writes + 2  # and two in the legend
    assert marks["ring"] == reads + 2


def test_the_picture_is_readable_in_the_dark_and_needs_nothing_from_elsewhere() -> None:
    drawn = picture().decode()
    assert "@media (prefers-color-scheme: dark)" in drawn
    assert "href" not in drawn
    assert "url(" not in drawn
