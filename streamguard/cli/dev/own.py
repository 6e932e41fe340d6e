"""A user's own configuration file for `streamguard dev`: what of it is used, and whether it can work."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamguard import config
from streamguard.cli.embedded_line.settings import Addresses, line_settings, merged
from streamguard.cli.embedded_line.toml import to_toml
from streamguard.config import Keyed

OURS = ("kafka", "clickhouse", "worker")
"""Sections that say where the embedded parts are and how their processes are called."""
_NOWHERE = "127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Own:
    """`sections` are used as they stand, `ignored` are those that dev has its own of. `variables` of the environment set nothing:
    what runs is what the file says. `simulated` tells whether the models are the simulator's."""

    sections: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ignored: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    simulated: bool = True


def read_own(file: Path | None) -> Own:
    """The file's sections; nothing without one. Paths in it are made absolute, as seen from here.

    Raises `ConfigError` as `streamguard.config.load` does, also for keys of models that cannot be read.
    """
    variables = tuple(sorted(config.set_variables()))
    if file is None:
        return Own(variables=variables)
    values = config.read_file(file)
    config.parse(values, source=str(file), variables=False)  # every mistake in it is told with its name
    own = Own(
        sections={name: _absolute(section) for name, section in values.items() if name not in OURS},
        ignored=tuple(name for name in OURS if name in values),
        variables=variables,
        simulated="providers" not in values,
    )
    at = Addresses(broker=_NOWHERE, store=_NOWHERE, simulator=_NOWHERE if own.simulated else None)
    whole = tomllib.loads(to_toml(merged(line_settings(at, ""), own.sections)))
    loaded = config.parse(whole, source=str(file), variables=False)
    for keyed in (*loaded.providers, *loaded.remote_checks):
        if isinstance(keyed, Keyed):
            keyed.key()
    return own


def _absolute(value: Any, name: str = "") -> Any:
    """Paths of files, which processes and commands that run elsewhere must find too."""
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        return {key: _absolute(field, key) for key, field in fields.items()}
    if isinstance(value, list):
        items: list[Any] = value
        return [_absolute(item) for item in items]
    if isinstance(value, str) and (name == "file" or name.endswith("_file")):
        return str(Path(value).absolute())
    return value
