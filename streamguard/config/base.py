"""What all sections of the configuration share."""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator


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

    @model_validator(mode="before")
    @classmethod
    def _read_key(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given: dict[str, Any] = {name: value for name, value in values.items() if name.startswith("api_key") and value}
        if len(given) > 1:
            raise ValueError(f"{' and '.join(sorted(given))} exclude each other; keep one")
        if variable := given.get("api_key_env"):
            key = os.environ.get(str(variable), "").strip()
            if not key:
                raise ValueError(f"api_key_env: the variable {variable} is not set, or empty")
            return {**values, "api_key": key}
        if named := given.get("api_key_file"):
            try:
                key = Path(named).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError, TypeError) as error:
                raise ValueError(f"api_key_file: cannot be read ({type(error).__name__})") from None
            if not key:
                raise ValueError("api_key_file: the file is empty")
            return {**values, "api_key": key}
        return values
