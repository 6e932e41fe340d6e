"""Fences: what keeps foreign text apart from instructions.

A fence is `<data-MARK kind="…">` … `</data-MARK>`. The mark is keyed over the tenant and the fenced text, so a writer of text
can neither know nor guess the mark that his text will get, and the same request gets the same mark again (an answer can be
shared, a run repeated). Whatever looks like a fence inside the text loses its opening bracket; so do the tokens that models
use to part the turns of a chat.
"""

import hmac
import re
from collections.abc import Iterable

_MARK_LENGTH = 12
_SEPARATOR = b"\x1f"
_FENCE_LIKE = re.compile(r"<(?=\s*/?\s*data\s*-)", re.IGNORECASE)
# Of ChatML and its kin, DeepSeek (full-width bars), Gemma, Llama 2, Mistral.
_TURN_LIKE = re.compile(
    r"<(?=[|｜])|<(?=(?:start|end)_of_turn>)|<(?=<?/?SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])",
    re.IGNORECASE,
)
_HARMLESS = {"<": "‹", "[": "⁅"}
_NAME = re.compile(r"[^A-Za-z0-9._:@/+=-]")


def fence_mark(key: bytes, tenant: str, texts: Iterable[str]) -> str:
    """The mark of the fences around `texts`: 12 hex digits, the same for the same key, tenant and texts."""
    return _keyed(key, "fence", tenant, *texts)


def canary(key: bytes, tenant: str, prompt: str, version: int) -> str:
    """A word that stands in the instructions and nowhere else; in an answer it proves that they leaked."""
    return _keyed(key, "canary", tenant, prompt, str(version))


def neutralise(text: str) -> str:
    """`text` without anything that reads as a fence or as the end of a turn. Leaves all other text as it is."""
    if "<" not in text and "[" not in text:
        return text
    return _TURN_LIKE.sub(_harmless, _FENCE_LIKE.sub(_harmless, text))


def fenced(text: str, mark: str, kind: str, *, name: str | None = None) -> str:
    """`text` in its fence. `kind` says what it is (`user`, `document`, …), `name` which one."""
    label = "" if name is None else f' id="{_NAME.sub("_", name)}"'
    return f'<data-{mark} kind="{kind}"{label}>\n{neutralise(text)}\n</data-{mark}>'


def _harmless(match: re.Match[str]) -> str:
    return _HARMLESS[match.group()]


def _keyed(key: bytes, *parts: str) -> str:
    # Each part with its length: no two lists of parts give the same bytes.
    message = _SEPARATOR.join(
        str(len(encoded)).encode() + b":" + encoded
        for encoded in (part.encode("utf-8", "surrogatepass") for part in parts)
    )
    return hmac.digest(key, message, "sha256").hex()[:_MARK_LENGTH]
