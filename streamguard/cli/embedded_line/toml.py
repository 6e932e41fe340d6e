"""Settings written as TOML, so that what processes run with can be read and used again."""

from collections.abc import Mapping
from typing import Any

from streamguard.cli.toml_text import toml_key, toml_value


def to_toml(settings: Mapping[str, Any], heading: str = "") -> str:
    """The settings as TOML: `[section]` for tables, `[[section]]` for lists of tables, and inline whatever is within these.

    A section's name may have dots (`invoke.breaker`). `heading` is one line of comment.
    """
    lines = [f"# {heading}", ""] if heading else []
    for name, section in settings.items():
        for table in section if isinstance(section, list) else [section]:
            lines.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            lines += [f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)
