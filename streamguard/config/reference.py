"""One file with every key of the configuration, what it means and what holds without it, made of the models and their docstrings:
`python -m streamguard.config.reference [--check]` writes it, or says that it is stale."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from textwrap import wrap
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_json

from streamguard.config import Candidate, Config

FILE = Path(__file__).parents[2] / "streamguard.example.toml"
"""Where it lies in a checkout."""
_WIDTH = 118
_EXAMPLES: Mapping[str, str] = {
    "providers.base_url": "https://api.openai.com/v1",
    "providers.text": "We are busy, please ask again later.",
    "routes.default.provider": "openai",
    "routes.default.model": "gpt-4o-mini",
    "routes.default.price.input": "0.15",
    "routes.default.price.output": "0.60",
    "remote_checks.base_url": "http://127.0.0.1:8000/v1",
    "remote_checks.model": "guard-model",
}
"""For keys that have to be given."""
_HEAD = """\
Everything that can be set, made by `python -m streamguard.config.reference` (`streamguard config example` prints it).

A line that begins with # and a key shows what holds where nothing is said; take the # away to say something else. Every key can \
also be set by a variable, which comes over the file: STREAMGUARD_KAFKA__BROKERS sets `brokers` of [kafka]. An unknown key is an \
error. `streamguard config check` looks for mistakes, `streamguard config show` tells what is in force and where it comes from.

Secrets are best left out of this file: KEY_env names a variable that holds one, KEY_file a file."""


class Undocumented(Exception):
    """A key, or a section, has no docstring. The message names it."""


def reference() -> str:
    """The file. Raises `Undocumented`."""
    return "\n".join([*_prose(_HEAD), *_of_config()]) + "\n"


def _of_config() -> Iterator[str]:
    for name, field in Config.model_fields.items():
        if name == "routes":
            yield from _routes()
        elif kinds := _kinds(field.annotation):
            for kind in kinds:
                yield from ("", *_prose(_doc_of(kind)), f"#[[{name}]]")
                yield from keys_of(kind, name)
        else:
            yield from _section(_model(field), name)


def _routes() -> Iterator[str]:
    yield from ("", *_prose(f"{_docs(Config)['routes']} {_doc_of(Candidate)}"), "#[[routes.default]]")
    yield from keys_of(Candidate, "routes.default")


def _section(model: type[BaseModel], path: str) -> Iterator[str]:
    yield from ("", *_prose(_doc_of(model)), f"[{path}]")
    yield from keys_of(model, path)


def keys_of(model: type[BaseModel], path: str) -> Iterator[str]:
    """The model's own keys, then its tables."""
    tables: list[str] = []
    for name, field in sorted(model.model_fields.items(), key=lambda item: item[0] != "kind"):
        if inner := _model_in(field.annotation):
            optional = not _is_model(field.annotation)
            prose = f"{_doc(model, name)} {_doc_of(inner)}" if optional else _doc_of(inner)
            tables += [
                "",
                *_prose(prose),
                f"{'#' if optional else ''}[{path}.{name}]",
                *keys_of(inner, f"{path}.{name}"),
            ]
            continue
        if name != "kind":
            yield from _prose(" ".join([_doc(model, name), *_bounds(field)]))
        yield _key(model, name, field, path)
    yield from tables


def _key(model: type[BaseModel], name: str, field: FieldInfo, path: str) -> str:
    default = _default(field)
    if default is None:
        return f"#{name} =  # not set"
    return f"#{name} = {_value(_example(model, name, path) if default is PydanticUndefined else default)}"


def _default(field: FieldInfo) -> Any:
    if field.default_factory is not None and not field.default_factory.__module__.startswith("builtins"):
        return None  # it depends on the machine, as the docstring says
    return field.get_default(call_default_factory=True, validated_data={})


def _example(model: type[BaseModel], name: str, path: str) -> Any:
    """For a key that has to be given. What has several kinds is named after its kind."""
    if name in ("kind", "name"):
        return _literals(model.model_fields["kind"].annotation)[0]
    return _EXAMPLES[f"{path}.{name}"]


def _value(value: Any) -> str:
    match value:
        case SecretStr():
            return _value(value.get_secret_value())
        case tuple() | frozenset():
            return _value(list(value))
        case Decimal() | Path():
            return _value(str(value))
        case dict():
            return "{}"
        case _:
            return to_json(value).decode()


def _bounds(field: FieldInfo) -> Iterator[str]:
    """What a value may be, where that is bounded."""
    words: list[str] = []
    literals = _literals(field.annotation)
    if len(literals) > 1:
        words.append("one of " + ", ".join(literals))
    signs = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    for bound in field.metadata:
        words += [f"{word} {getattr(bound, sign):g}" for sign, word in signs.items() if hasattr(bound, sign)]
    if words:
        yield f"({', '.join(words)})"


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(one) for one in get_args(annotation)]
    return [word for inner in get_args(annotation) for word in _literals(inner)] if get_origin(annotation) else []


def _kinds(annotation: Any) -> list[type[BaseModel]]:
    """The models of a list of several kinds."""
    if get_origin(annotation) is not tuple:
        return []
    return list(_flat(get_args(annotation)[0]))


def _flat(annotation: Any) -> Iterator[type[BaseModel]]:
    if get_origin(annotation) is Annotated:
        yield from _flat(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _flat(one)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The table that a value is, or may be."""
    return next((one for one in _flat(annotation) if _is_model(one)), None)


def _model(field: FieldInfo) -> type[BaseModel]:
    assert isinstance(field.annotation, type), field.annotation
    assert issubclass(field.annotation, BaseModel), field.annotation
    return field.annotation


def _doc_of(model: type[BaseModel]) -> str:
    doc = model.__dict__.get("__doc__")
    if not doc:
        raise Undocumented(model.__name__)
    return inspect.cleandoc(doc)


def _doc(model: type[BaseModel], name: str) -> str:
    for owner in model.__mro__:
        if issubclass(owner, BaseModel) and owner is not BaseModel and name in _docs(owner):
            return _docs(owner)[name]
    raise Undocumented(f"{model.__name__}.{name}")


@cache
def _docs(model: type[BaseModel]) -> Mapping[str, str]:
    """The strings behind a class's own fields."""
    (tree,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(tree, ast.ClassDef)
    docs: dict[str, str] = {}
    for line, following in zip(tree.body, tree.body[1:], strict=False):
        match line, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                docs[name] = inspect.cleandoc(text)
            case _:
                pass
    return docs


def _prose(text: str) -> Iterator[str]:
    # TOML has no None: a key that has none is left out
    text = re.sub(r"(^|[.] )None\b", r"\1Not set", text).replace("None", "not set")
    for paragraph in text.split("\n\n"):
        yield from (f"# {line}" for line in wrap(" ".join(paragraph.split()), _WIDTH))


def main() -> int:
    """Write the file; with `--check` only say that it differs, and return 1."""
    wanted, there = reference(), FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    if "--check" in sys.argv[1:]:
        if wanted != there:
            sys.stderr.write(f"{FILE}: differs from the configuration's models; run `make schemas`\n")
        return int(wanted != there)
    FILE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
