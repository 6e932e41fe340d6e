"""What stands on `docs/first-request.md`."""

import re
from pathlib import Path
from typing import Any

import orjson

PAGE = Path(__file__).parents[2] / "docs" / "first-request.md"


def blocks(text: str, language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def exchanges(text: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The page's requests, each with what it shows of the response, which stands behind it."""
    found = [orjson.loads(block) for block in blocks(text, "json")]
    assert len(found) % 2 == 0, "each request has a response"
    return list(zip(found[::2], found[1::2], strict=True))
