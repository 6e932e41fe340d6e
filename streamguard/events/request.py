"""What a service asks for."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from streamguard.events.base import OPEN, Micros, Record

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/+=-]*$")]
"""An identifier: letters, digits and `._:@/+=-`, at most 128 of them. It may appear in keys, logs and tables."""
TenantId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A tenant's identifier; without `/`, which parts tenant and conversation in keys."""

FunctionName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""The name of a tool's function, as providers take it."""

Lane = Literal["interactive", "batch"]
CacheMode = Literal["off", "exact", "semantic"]


def _when(given: dict[str, JsonValue], then: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """JSON Schema: where these properties are given and fit, those must be there and fit."""
    return {
        "if": {"required": [*given], "properties": given},
        "then": {"required": [*then], "properties": then},
    }


class FunctionCall(Record):
    """The inner part of a tool call: which function, and its arguments as JSON text."""

    name: FunctionName
    """The function to call: one of the request's `tools`."""
    arguments: str
    """A JSON object as text, as OpenAI's API writes it."""


class ToolCall(Record):
    """A tool that the model wants called, as OpenAI's API writes it."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Names the call; the tool's answer repeats it as `tool_call_id`."""
    type: Literal["function"] = "function"
    """There is one type."""
    function: FunctionCall
    """What to call, with which arguments."""


class TextPart(Record):
    """A piece of a message's text, as OpenAI's API writes it."""

    type: Literal["text"]
    """There is one type."""
    text: str = ""
    """What it says; the pieces are joined."""


class Message(Record):
    """One message of a chat, named as OpenAI's API names it. `content` may be given as text parts; they are joined.

    `tool_calls` belong to messages of the assistant, `tool_call_id` to those of a tool: the call that it answers.
    """

    # what the validators below say, for those who read the JSON Schema alone
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["content"]},
                {"required": ["tool_calls"], "properties": {"tool_calls": {"type": "array", "minItems": 1}}},
            ],
            "allOf": [
                _when({"tool_calls": {"type": "array", "minItems": 1}}, {"role": {"const": "assistant"}}),
                _when({"tool_call_id": {"type": "string"}}, {"role": {"const": "tool"}}),
            ],
        }
    )

    role: Literal["system", "user", "assistant", "tool"]
    """Whose words these are. `system` is the service's own and may instruct the model; all others are fenced off as data."""
    content: str = ""
    """What is said. Empty in a message of the assistant that only calls tools."""
    tool_calls: tuple[ToolCall, ...] | None = None
    """The tools that the model wanted called, repeated as a response gave them. Messages of the assistant only."""
    tool_call_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    """Which call this message answers. Messages of a tool only."""

    @model_validator(mode="after")
    def _tools_where_they_belong(self) -> Self:
        if "content" not in self.model_fields_set and not self.tool_calls:
            raise ValueError("content is needed")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("tool_calls belong to messages of the assistant")
        if self.tool_call_id and self.role != "tool":
            raise ValueError("tool_call_id belongs to messages of a tool")
        return self

    @field_validator("content", mode="before", json_schema_input_type=str | list[TextPart] | None)
    @classmethod
    def _join_parts(cls, value: Any) -> Any:
        if value is None:  # as OpenAI writes a message that only calls tools
            return ""
        if isinstance(value, list):
            parts: list[Any] = value
            if all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
                texts = [part.get("text", "") for part in parts]
                # null or a number is no text: the model would be asked `None`
                return "".join(texts) if all(isinstance(text, str) for text in texts) else value
        return value


class PromptRef(Record):
    """A prompt template to render instead of messages. `version` None takes the newest."""

    name: Id
    """A template of `prompts/`, such as `support`."""
    version: int | None = Field(default=None, ge=1)
    """Which version of it; left out: the newest."""
    variables: dict[str, str] = Field(default_factory=dict)
    """A text for each variable of the template: all that it needs, none that it does not know."""


class Document(Record):
    """Reference text for the model. It is data: nothing in it is followed as an instruction."""

    id: Id
    """Names the document for the model and in records."""
    text: str
    """What it says."""
    title: str | None = None
    """Stands above the text."""


class JsonSchemaFormat(Record):
    """The inner part of OpenAI's `response_format` of type `json_schema`."""

    # the wire name is OpenAI's `schema`; pydantic's own method of that name keeps the attribute from it
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    name: Id = "answer"
    """A name for the form; some providers show it to the model."""
    schema_: dict[str, JsonValue] = Field(alias="schema")
    """The JSON Schema that the answer must fit. It must stand alone: `$ref` within it only."""
    strict: bool = True
    """Whether the provider is asked to hold its model to the schema, where it can (OpenAI: only to objects that forbid further
    properties and require all theirs). The answer is held to it in any case."""


class ResponseFormat(Record):
    """The form the answer must have, as in OpenAI's API: free text, any JSON object, or JSON that fits a schema."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                _when({"type": {"const": "json_schema"}}, {"json_schema": {"type": "object"}}),
                _when({"json_schema": {"type": "object"}}, {"type": {"const": "json_schema"}}),
            ]
        }
    )

    type: Literal["text", "json_object", "json_schema"] = "text"
    """`text`: anything; `json_object`: some JSON object; `json_schema`: JSON that fits `json_schema`."""
    json_schema: JsonSchemaFormat | None = None
    """The schema, for type `json_schema` and only there."""

    @model_validator(mode="after")
    def _schema_where_needed(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema belongs to type json_schema, and only there")
        return self


class FunctionTool(Record):
    """The inner part of a tool: what it is called, what it does, and the JSON Schema of its arguments."""

    name: FunctionName
    """What the model calls it by; unique within the request."""
    description: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """What it does and when to call it. The model reads it."""
    parameters: dict[str, JsonValue] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON Schema of its arguments, an object. Calls whose arguments do not fit are not passed on."""
    strict: bool | None = None
    """Whether the provider is asked to hold its model to `parameters`."""


class Tool(Record):
    """A tool that the model may want called, as OpenAI's API writes it. The service calls it, and asks again with the result."""

    type: Literal["function"] = "function"
    """There is one type."""
    function: FunctionTool
    """What it is called, what it does and what it takes."""


class NamedFunction(Record):
    """The inner part of the one tool that must be called."""

    name: FunctionName
    """The name of one of `tools`."""


class NamedTool(Record):
    """The one tool that must be called."""

    type: Literal["function"] = "function"
    """There is one type."""
    function: NamedFunction
    """Which one."""


ToolChoice = Literal["auto", "none", "required"] | NamedTool


class Consent(Record):
    """What the user agreed to. `processing` False refuses the request; `retention` False keeps text out of the store."""

    processing: bool = True
    """False refuses the request (`no_consent`)."""
    retention: bool = True
    """False keeps its texts out of the store and its answer out of the cache."""


class RequestHead(Record):
    """Everything about a request but its text: what later stages carry along.

    A field that is added here is named in `ADDED` too: else an older guard cannot tell it from text, and drops it.
    """

    ADDED: ClassVar[tuple[str, ...]] = ()
    """Fields that came after the first release of this major version."""

    request_id: Id
    """The service's own id of the request, unique within the tenant. Sent again it is dropped: the first response stands."""
    tenant_id: TenantId
    """Whose request it is. Limits, cache and bookings are kept apart by it."""
    user_id: Id
    """Who asks, as the service knows them: a pseudonym, no name or address. Requests a minute are counted by it."""
    conversation_id: Id | None = None
    """Requests of one conversation are handled in order, in one partition. Left out: the request is its own."""
    session_id: Id | None = None
    """Carried into the tables as it is, for analysts."""
    feature: Id = "default"
    """Which part of the service asks. Costs can be told apart by it."""
    client_ip: Annotated[str, StringConstraints(max_length=45, pattern=r"^[0-9A-Fa-f:.]+$")] | None = None
    """The user's address (IPv4 or IPv6). Left out: its requests a minute are not counted."""
    lane: Annotated[Lane, OPEN] = "interactive"
    """`interactive`: somebody waits. `batch`: nobody does; it never stands before an interactive request."""
    response_format: ResponseFormat | None = None
    """The form the answer must have; left out: the prompt's, mostly free text."""
    actions: tuple[Id, ...] | None = None
    """The only actions that the answer may want: tools that it calls, and what its JSON names as `action` or `tool`. Left
    out: all."""
    max_output_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    """The most tokens of the answer, within the line's own bound (`limits.max_output_tokens`)."""
    stream: bool = False
    """True: the answer also comes in `response-chunks` while it is written."""
    deadline: Annotated[Micros, Field(lt=1 << 63)] | None = None
    """The point in time after which nobody waits for the answer any more: microseconds since the Unix epoch."""
    consent: Consent = Consent()
    """What the user agreed to."""
    cache: Annotated[CacheMode, OPEN] = "exact"
    """Whether a stored answer may be given, and this one stored: `off`, or `exact` for the same question of the same tenant.
    `semantic` is taken as `exact` for now."""
    metadata: dict[str, str] = Field(default_factory=dict, max_length=16)
    """Up to 16 texts of the service's own. They travel with the request inside the line; the response does not repeat them."""

    @property
    def conversation_key(self) -> str:
        """The key of everything after admit: `tenant/conversation`, where a request without one is its own."""
        return f"{self.tenant_id}/{self.conversation_id or self.request_id}"


class Request(RequestHead):
    """One request of a service: either `messages` or `prompt`, with optional documents as `context`.

    What is asked for is not open: a worker cannot do what it does not know. Services may use new values once all workers
    know them; before, such a request is a dead letter.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["messages"], "properties": {"messages": {"type": "array"}}},
                {"required": ["prompt"], "properties": {"prompt": {"type": "object"}}},
            ],
            "allOf": [_when({"tool_choice": {"not": {"type": "null"}}}, {"tools": {"type": "array", "minItems": 1}})],
        }
    )

    lane: Lane = "interactive"
    """`interactive`: somebody waits. `batch`: nobody does; it never stands before an interactive request."""
    cache: CacheMode = "exact"
    """Whether a stored answer may be given, and this one stored: `off`, or `exact` for the same question of the same tenant.
    `semantic` is taken as `exact` for now."""
    messages: tuple[Message, ...] | None = Field(default=None, min_length=1)
    """The conversation so far, the question last. Either this or `prompt`."""
    prompt: PromptRef | None = None
    """A template to fill in. Either this or `messages`."""
    context: tuple[Document, ...] = ()
    """Documents that the answer should rely on, kept apart from instructions."""
    tools: tuple[Tool, ...] = Field(default=(), max_length=128)
    """Tools that the model may want called. The service calls them."""
    tool_choice: ToolChoice | None = None
    """`auto`: the model decides; `none`: no tool; `required`: one at least; or the one that must be called. Left out: `auto`
    where there are tools."""

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> Self:
        if (self.messages is None) == (self.prompt is None):
            raise ValueError("exactly one of messages and prompt is needed")
        names = {tool.function.name for tool in self.tools}
        if len(names) != len(self.tools):
            raise ValueError("two tools have one name")
        if self.tool_choice is not None and not self.tools:
            raise ValueError("tool_choice needs tools")
        if isinstance(self.tool_choice, NamedTool) and self.tool_choice.function.name not in names:
            raise ValueError("tool_choice names none of the tools")
        return self

    def head(self) -> RequestHead:
        """The request without its text. Unknown fields stay behind: nobody can tell whether they are text."""
        return RequestHead.model_construct(**{name: getattr(self, name) for name in RequestHead.model_fields})
