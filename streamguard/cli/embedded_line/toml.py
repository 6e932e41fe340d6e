"""Settings written as TOML, so that what processes run with can be read and used again."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(settings: Mapping[str, Any], heading: str = "") -> str:
    """The settings as TOML: `[section]` for tables, `[[section]]` for lists of tables, and inline whatever is within these.

    A section's name may have dots (`invoke.breaker`). `heading` is one line of comment. Raises `TypeError` for what neither
    JSON nor TOML has.
    """
    lines = [f"# {heading}", ""] if heading else []
    for name, section in settings.items():
        for table in section if isinstance(section, list) else [section]:
            lines.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        items: Sequence[Any] = value
        return "[" + ", ".join(_value(item) for item in items) + "]"
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in fields.items()) + " }"
    # JSON's strings, numbers and booleans are TOML's too, but for a character that TOML wants escaped
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
