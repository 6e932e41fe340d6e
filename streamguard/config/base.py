"""What all sections of the configuration share."""

import os
import ssl
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from streamguard.errors import ConfigError


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, values are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


def one_source(section: BaseModel, name: str) -> None:
    """Raise `ValueError` when more than one of `name`, `name_env` and `name_file` is given."""
    found = given(section, name, f"{name}_env", f"{name}_file")
    if len(found) > 1:
        raise ValueError(f"{' and '.join(sorted(found))} exclude each other; keep one")


def given(section: BaseModel, *names: str) -> list[str]:
    """Those of these keys that have a value."""
    return [name for name in names if _given(section, name)]


def secret_of(section: BaseModel, name: str, table: str = "") -> SecretStr:
    """The secret that `name` holds, or that stands in the variable `name_env` or the file `name_file` names; empty if none is
    given. Read when it is asked for: who needs no secret needs no file. `table` is what stands before the key, as `kafka.`.

    Raises `ConfigError` naming the variable, or the key that names the file, never anything of what is in it.
    """
    variable: str | None = getattr(section, f"{name}_env")
    file: Path | None = getattr(section, f"{name}_file")
    if variable:
        secret = os.environ.get(variable, "").strip()
        if not secret:
            raise ConfigError(f"{table}{name}_env: the variable {variable} is not set, or empty")
        return SecretStr(secret)
    if file:
        try:
            secret = file.read_text(encoding="utf-8-sig").strip()  # some editors put a mark before the text
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{table}{name}_file: {file} cannot be read ({type(error).__name__})") from None
        if not secret:
            raise ConfigError(f"{table}{name}_file: {file} is empty")
        return SecretStr(secret)
    return getattr(section, name)


def trusting(file: Path | None, key: str) -> ssl.SSLContext:
    """A TLS context that trusts those whose certificates stand in `file`, or those that the system trusts. Raises `ConfigError`
    naming `key` when it cannot be used."""
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{key}: {file} {unusable(error)}") from None


def unusable(error: OSError) -> str:
    """What is wrong with a file of certificates or keys, without anything of what is in it."""
    if isinstance(error, ssl.SSLError):
        return "does not hold what it should, as PEM, or the key's password is wrong"
    return f"cannot be read ({error.strerror})"


def _given(section: BaseModel, name: str) -> bool:
    value = getattr(section, name)
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


class Keyed(Section):
    """Something that is reached with a key: given here, or better in a variable or a file that this names."""

    api_key: SecretStr = SecretStr("")
    """Better not here, where whoever reads the file reads it; shown as asterisks."""
    api_key_env: str | None = None
    """The environment variable that holds the key; whitespace around it is cut off."""
    api_key_file: Path | None = None
    """The file that holds the key and nothing else; whitespace around it is cut off."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        one_source(self, "api_key")
        return self

    def key(self) -> SecretStr:
        """The key, empty if there is none. Raises `ConfigError` as `secret_of` does."""
        return secret_of(self, "api_key")
