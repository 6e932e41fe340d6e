"""Values as TOML writes them."""

from collections.abc import Mapping, Set
from typing import Any

from pydantic_core import to_json


def toml_key(key: str) -> str:
    """A key, in quotes where it needs them."""
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else toml_value(key)


def toml_value(value: Any) -> str:
    """A value in one line; what is None is left out of tables."""
    match value:
        case Mapping():
            table: Mapping[str, Any] = value
            inside = (f"{toml_key(key)} = {toml_value(its)}" for key, its in table.items() if its is not None)
            return "{" + ", ".join(inside) + "}"
        case str():
            # JSON's escapes are TOML's too; TOML wants this one character escaped that JSON does not.
            return to_json(value).decode().replace("\x7f", "\\u007f")
        case list() | tuple():
            many: tuple[Any, ...] = tuple(value)
            return f"[{', '.join(map(toml_value, many))}]"
        case Set():
            members: Set[str] = value
            return toml_value(sorted(members))
        case _:
            return to_json(value).decode()
