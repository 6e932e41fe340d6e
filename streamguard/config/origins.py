"""Where each value of a configuration comes from, with secrets masked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast

import orjson
from pydantic import BaseModel, SecretStr

from streamguard.config import ENV_PREFIX, Config

MASK = "**********"
DEFAULT = "default"
Key = tuple[str | int, ...]
_LOGIN = re.compile(r"(?<=://)[^/?#\s]+(?=@)")
"""Name and password, or a token, in an address."""
_SECRET = re.compile(r"key|token|secret|passw|auth|sig|cred|code", re.IGNORECASE)
"""What a name has that stands for a secret, among those of a query."""
_QUERY = re.compile(rf"(?<=[?&])([^=&#\s]*(?:{_SECRET.pattern})[^=&#\s]*=)[^&#\s]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One value: `key` is the path to it (a number is a place in a list), `value` plain data, `origin` a file, a variable's
    name, or `default`."""

    key: Key
    value: Any
    origin: str


def settings_of(
    config: Config, held: Mapping[str, Any], source: str, variables: Mapping[str, str]
) -> Iterator[Setting]:
    """Every value, in the order of the sections. `held` is what stands in the file `source`, `variables` are those of the
    environment that set something, in capitals."""
    for key, value in _leaves(config, ()):
        yield Setting(key, _plain(value), _origin(key, held, source, variables))


def _leaves(value: object, key: Key) -> Iterator[tuple[Key, object]]:
    match value:
        case BaseModel():
            for name in type(value).model_fields:
                yield from _leaves(getattr(value, name), (*key, name))
        case tuple() if value and all(isinstance(one, BaseModel) for one in cast("tuple[object, ...]", value)):
            for number, one in enumerate(cast("tuple[object, ...]", value)):
                yield from _leaves(one, (*key, number))
        case dict() if value and all(isinstance(one, tuple) for one in cast("dict[str, object]", value).values()):
            for name, one in cast("dict[str, object]", value).items():
                yield from _leaves(one, (*key, name))
        case _:
            yield key, value


def _origin(key: Key, held: Mapping[str, Any], source: str, variables: Mapping[str, str]) -> str:
    """A variable comes over the file; one of a single key over one that holds the section as JSON."""
    for depth in range(len(key), 0, -1):
        name = ENV_PREFIX + "__".join(map(str, key[:depth])).upper()
        if name not in variables:
            continue
        if depth == len(key):
            return name
        match _found(orjson.loads(variables[name]), key[depth:]):
            case "there":
                return name
            case "replaced":
                return DEFAULT
            case "not there":
                pass
    return source if _found(held, key) == "there" else DEFAULT


def _found(value: object, path: Key) -> Literal["there", "not there", "replaced"]:
    """`replaced`: a list is there, which takes the place of any other, and what is looked for is not in it."""
    missing: Literal["not there", "replaced"] = "not there"
    for part in path:
        if isinstance(value, list):
            many = cast("list[object]", value)
            missing = "replaced"
            if not isinstance(part, int) or part >= len(many):
                return missing
            value = many[part]
        elif isinstance(value, Mapping) and part in value:
            value = cast("Mapping[str | int, object]", value)[part]
        else:
            return missing
    return "there"


def _plain(value: object) -> Any:
    match value:
        case SecretStr():
            return MASK if value.get_secret_value() else ""
        case str():
            return _QUERY.sub(rf"\g<1>{MASK}", _LOGIN.sub(MASK, value))
        case Path() | Decimal():
            return _plain(str(value))
        case frozenset():
            return sorted(cast("frozenset[str]", value))
        case tuple() | list():
            return [_plain(one) for one in cast("Sequence[object]", value)]
        case dict():
            named = cast("dict[str, object]", value).items()
            return {name: MASK if isinstance(one, str) and _SECRET.search(name) else _plain(one) for name, one in named}
        case _:
            return value
