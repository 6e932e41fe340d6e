"""JSON out of what models write: prose around it, fences, small mistakes; validated always."""

from dataclasses import dataclass

from pydantic import JsonValue

from streamguard.events.request import ResponseFormat


@dataclass(frozen=True, slots=True)
class Structured:
    """An answer in its form. `repaired` marks JSON that had to be mended; `error` None means that it fits.

    Error texts name places and rules of the schema, never anything of the answer.
    """

    value: JsonValue
    repaired: bool
    error: str | None


def structure(text: str, form: ResponseFormat | None) -> Structured:
    """The answer `text` in the form asked for; free text gives the value None and no error."""
    raise NotImplementedError


def form_problem(text: str, form: ResponseFormat | None) -> str | None:
    """What is wrong with the form of an answer, in words for the model that gave it; None where it fits."""
    return structure(text, form).error


def check_schema(form: ResponseFormat | None) -> str | None:
    """What is wrong with the schema of a request itself: a code and place, without its contents; None where it is usable."""
    raise NotImplementedError
