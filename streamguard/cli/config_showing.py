"""A configuration with the origin of every value, as TOML."""

from collections.abc import Iterable, Iterator
from typing import Any

from streamguard.cli.toml_text import toml_key, toml_value
from streamguard.config.origins import Setting

_Tree = dict[str | int, Any]


def toml_lines(settings: Iterable[Setting]) -> Iterator[str]:
    """A line a value, its origin behind it, in the tables and lists of tables that hold them. None stands in a comment."""
    tree: _Tree = {}
    for one in settings:
        inner = tree
        for part in one.key[:-1]:
            inner = inner.setdefault(part, {})
        inner[one.key[-1]] = one
    yield from _table(tree, ())


def _table(tree: _Tree, path: tuple[str, ...]) -> Iterator[str]:
    for key, one in tree.items():
        if isinstance(one, Setting):
            yield _line(toml_key(str(key)), one)
    for key, inner in tree.items():
        if isinstance(inner, Setting):
            continue
        below = (*path, str(key))
        name = ".".join(map(toml_key, below))
        if all(isinstance(part, int) for part in inner):
            for element in inner.values():
                yield from ("", f"[[{name}]]")
                yield from _table(element, below)
        else:
            if any(isinstance(one, Setting) for one in inner.values()):
                yield from ("", f"[{name}]")
            yield from _table(inner, below)


def _line(key: str, one: Setting) -> str:
    return f"# {key} is not set" if one.value is None else f"{key} = {toml_value(one.value)}  # {one.origin}"
