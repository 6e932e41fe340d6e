"""What all sections of the configuration share."""

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from streamguard.errors import ConfigError


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, values are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class Keyed(Section):
    """Something that is reached with a key: given here, or better in a variable or a file that this names."""

    api_key: SecretStr = SecretStr("")
    api_key_env: str | None = None
    """The environment variable that holds the key; whitespace around it is cut off."""
    api_key_file: Path | None = None
    """The file that holds the key and nothing else; whitespace around it is cut off."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("api_key", "api_key_env", "api_key_file") if self._given(name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(sorted(given))} exclude each other; keep one")
        return self

    def _given(self, name: str) -> bool:
        value = getattr(self, name)
        return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)

    def key(self) -> SecretStr:
        """The key, empty if there is none. Read when it is asked for: who calls nobody needs no key.

        Raises `ConfigError` naming the variable or the key that names the file, never anything of what is in it.
        """
        if self.api_key_env:
            key = os.environ.get(self.api_key_env, "").strip()
            if not key:
                raise ConfigError(f"api_key_env: the variable {self.api_key_env} is not set, or empty")
            return SecretStr(key)
        if self.api_key_file:
            try:
                key = self.api_key_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"api_key_file: {self.api_key_file} cannot be read ({type(error).__name__})"
                ) from None
            if not key:
                raise ConfigError(f"api_key_file: {self.api_key_file} is empty")
            return SecretStr(key)
        return self.api_key
