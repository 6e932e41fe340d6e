"""What a template file says."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streamguard.events.request import CacheMode, ResponseFormat
from streamguard.events.stages import PromptUsed


class Template(BaseModel):
    """One version of a prompt, as `prompts/<name>/<version>.toml` holds it.

    `system` and `user` are Jinja texts (minijinja, undefined names are errors). A template with `user` is rendered from
    `variables`, which arrive in their fences already; one without takes a request's messages. `system` can use `canary` and
    `fence` (what the mark of this request's fences is).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    version: int = Field(ge=1)
    route: str
    """The list of candidates in the configuration that answers it, or `auto`, which picks one of its tiers."""
    system: str = Field(min_length=1)
    user: str | None = None
    variables: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """Variables that may be left out; the template sees an empty text then."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_output_tokens: int = Field(ge=1)
    cache: CacheMode | None = None
    """The most its answers may be shared; None leaves it to the request."""
    static_text: str | None = None
    """What is said when no model answers. It must fit `response_format`."""
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def _variables_fit(self) -> Self:
        names = (*self.variables, *self.optional)
        if self.user is None and names:
            raise ValueError("variables need a user text that uses them")
        if len(set(names)) != len(names):
            raise ValueError("a variable is listed twice")
        for reserved in ("canary", "fence"):
            if reserved in names:
                raise ValueError(f"{reserved!r} is a name of our own and cannot be a variable")
        return self

    @property
    def used(self) -> PromptUsed:
        """How records name it."""
        return PromptUsed(name=self.name, version=self.version)
