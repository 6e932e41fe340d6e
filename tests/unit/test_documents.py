"""What the documents point at is there, and every promise points at a test."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def links(text: str) -> list[str]:
    return [target for target in LINK.findall(text) if "://" not in target]


def promises(text: str, *headings: str) -> Iterator[str]:
    """Points of lists and rows of tables below these headings, each in one line."""
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        if section.split("\n", 1)[0] in headings:
            for block in re.split(r"\n(?=- |\| |\n)", section):
                line = " ".join(block.split())
                if line.startswith(("- ", "| ")) and not re.match(r"\| (promise|fault) \|", line):
                    yield line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    missing = [target for target in links(page.read_text()) if not (page.parent / target).exists()]
    assert not missing, missing


@pytest.mark.parametrize(
    ("page", "headings", "least"),
    [
        ("docs/delivery.md", ("The promise", "How", "What can repeat, and what can be lost"), 20),
        ("docs/delivery.md", ("How each fault is inflicted",), 10),
        ("README.md", ("What is promised, and which test fails when it breaks",), 12),
    ],
)
def test_every_promise_points_at_a_test(page: str, headings: tuple[str, ...], least: int) -> None:
    lines = list(promises((ROOT / page).read_text(), *headings))
    assert len(lines) >= least
    without = [line for line in lines if not any("tests/" in target for target in links(line))]
    assert not without, without


def test_the_picture_of_the_report_shows_commands_as_anybody_types_them() -> None:
    """Run from a folder's own environment, the demo would name that folder."""
    text = (ROOT / "docs" / "demo.svg").read_text().replace("&#160;", " ")
    assert re.search(r">\s*streamguard query ", text)
    assert "-m streamguard" not in text
