"""Errors of the prompts. Messages hold names of templates and of their own variables, never what a request brought.

StreamguardError
├── ConfigError
│   └── InvalidTemplate   a template file is wrong; names the file
└── UnknownPrompt         a request names a prompt that is not there, or its variables do not fit
"""

from typing import ClassVar, Literal

from streamguard.errors import ConfigError, StreamguardError
from streamguard.events.reason import Reason


class InvalidTemplate(ConfigError):
    """A template file cannot be used. The message names the file, the key and what is wrong."""


class UnknownPrompt(StreamguardError):
    """The request cannot be rendered.

    `code` is one of `unknown_prompt`, `unknown_version`, `missing_variable`, `unexpected_variable` and `wrong_form` (messages
    for a prompt of variables, or the other way round). `variable` names a variable of the template that is missing.
    """

    reason: ClassVar[Reason] = Reason.UNKNOWN_PROMPT

    def __init__(
        self,
        code: Literal["unknown_prompt", "unknown_version", "missing_variable", "unexpected_variable", "wrong_form"],
        variable: str | None = None,
    ) -> None:
        super().__init__(code if variable is None else f"{code}: {variable}")
        self.code = code
        self.variable = variable
