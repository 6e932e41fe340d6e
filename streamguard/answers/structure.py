"""The form of an answer: JSON out of what models write (prose, fences, small mistakes), always validated."""

from dataclasses import dataclass

from pydantic import JsonValue

from streamguard.answers.extraction import find_json
from streamguard.answers.schemas import Schemas, SchemaUnusable
from streamguard.events.request import ResponseFormat

NO_JSON = "the answer is not valid JSON"
NO_OBJECT = "the answer is not a JSON object"


@dataclass(frozen=True, slots=True)
class Structured:
    """An answer in its form. `repaired` marks JSON that had to be mended; `error` None means that it fits.

    Error texts name places and rules of the schema, never anything of the answer.
    """

    value: JsonValue
    repaired: bool
    error: str | None


class Structurer:
    """Brings answers into their form. Keeps the schemas it has compiled; one for a worker."""

    def __init__(self, schemas: Schemas | None = None) -> None:
        self._schemas = schemas or Schemas()

    def structure(self, text: str, form: ResponseFormat | None) -> Structured:
        """The answer `text` in the form asked for; free text gives the value None and no error."""
        if form is None or form.type == "text":
            return Structured(None, repaired=False, error=None)
        if form.json_schema is None:
            found = find_json(text, "{")
            if found is None:
                return Structured(None, repaired=False, error=NO_JSON)
            if not isinstance(found.value, dict):
                return Structured(None, repaired=False, error=NO_OBJECT)
            return Structured(found.value, found.repaired, None)
        try:
            schema = self._schemas.of(form.json_schema.schema_)
        except SchemaUnusable as unusable:
            return Structured(None, repaired=False, error=unusable.problem)
        found = find_json(text, _openers(form.json_schema.schema_))
        if found is None:
            return Structured(None, repaired=False, error=NO_JSON)
        problem = schema.problem(found.value)
        return Structured(found.value if problem is None else None, found.repaired, problem)

    def form_problem(self, text: str, form: ResponseFormat | None) -> str | None:
        """What is wrong with the form of an answer, in words for the model that gave it; None where it fits."""
        return self.structure(text, form).error

    def check_schema(self, form: ResponseFormat | None) -> str | None:
        """What is wrong with the schema of a request itself; None where it is usable, or there is none."""
        if form is None or form.json_schema is None:
            return None
        try:
            self._schemas.of(form.json_schema.schema_)
        except SchemaUnusable as unusable:
            return unusable.problem
        return None


# Schemas are few and the same for all requests of a service, and what is kept is bounded and depends on nothing but them:
# sharing it changes no result.
_shared = Structurer()
structure = _shared.structure
form_problem = _shared.form_problem
check_schema = _shared.check_schema


def _openers(schema: dict[str, JsonValue]) -> str:
    """The brackets that an answer of this schema can begin with."""
    return {"object": "{", "array": "["}.get(str(schema.get("type")), "{[")
