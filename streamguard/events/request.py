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


class FunctionCall(Record):
    """The inner part of a tool call: which function, and its arguments as JSON text."""

    name: FunctionName
    arguments: str


class ToolCall(Record):
    """A tool that the model wants called, as OpenAI's API writes it."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(Record):
    """One message of a chat, named as OpenAI's API names it. `content` may be given as text parts; they are joined.

    `tool_calls` belong to messages of the assistant, `tool_call_id` to those of a tool: the call that it answers.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None

    @model_validator(mode="after")
    def _tools_where_they_belong(self) -> Self:
        if "content" not in self.model_fields_set and not self.tool_calls:
            raise ValueError("content is needed")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("tool_calls belong to messages of the assistant")
        if self.tool_call_id and self.role != "tool":
            raise ValueError("tool_call_id belongs to messages of a tool")
        return self

    @field_validator("content", mode="before")
    @classmethod
    def _join_parts(cls, value: Any) -> Any:
        if value is None:  # as OpenAI writes a message that only calls tools
            return ""
        if isinstance(value, list):
            parts: list[Any] = value
            if all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
                return "".join(str(part.get("text", "")) for part in parts)
        return value


class PromptRef(Record):
    """A prompt template to render instead of messages. `version` None takes the newest."""

    name: Id
    version: int | None = Field(default=None, ge=1)
    variables: dict[str, str] = Field(default_factory=dict)


class Document(Record):
    """Reference text for the model. It is data: nothing in it is followed as an instruction."""

    id: Id
    text: str
    title: str | None = None


class JsonSchemaFormat(Record):
    """The inner part of OpenAI's `response_format` of type `json_schema`."""

    # the wire name is OpenAI's `schema`; pydantic's own method of that name keeps the attribute from it
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    name: Id = "answer"
    schema_: dict[str, JsonValue] = Field(alias="schema")
    strict: bool = True


class ResponseFormat(Record):
    """The form the answer must have, as in OpenAI's API: free text, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="after")
    def _schema_where_needed(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema belongs to type json_schema, and only there")
        return self


class FunctionTool(Record):
    """The inner part of a tool: what it is called, what it does, and the JSON Schema of its arguments."""

    name: FunctionName
    description: Annotated[str, StringConstraints(max_length=4096)] | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool | None = None


class Tool(Record):
    """A tool that the model may want called, as OpenAI's API writes it. The service calls it, and asks again with the result."""

    type: Literal["function"] = "function"
    function: FunctionTool


class NamedFunction(Record):
    name: FunctionName


class NamedTool(Record):
    """The one tool that must be called."""

    type: Literal["function"] = "function"
    function: NamedFunction


ToolChoice = Literal["auto", "none", "required"] | NamedTool


class Consent(Record):
    """What the user agreed to. `processing` False refuses the request; `retention` False keeps text out of the store."""

    processing: bool = True
    retention: bool = True


class RequestHead(Record):
    """Everything about a request but its text: what later stages carry along.

    A field that is added here is named in `ADDED` too: else an older guard cannot tell it from text, and drops it.
    """

    ADDED: ClassVar[tuple[str, ...]] = ()
    """Fields that came after the first release of this major version."""

    request_id: Id
    tenant_id: TenantId
    user_id: Id
    conversation_id: Id | None = None
    session_id: Id | None = None
    feature: Id = "default"
    client_ip: Annotated[str, StringConstraints(max_length=45, pattern=r"^[0-9A-Fa-f:.]+$")] | None = None
    lane: Annotated[Lane, OPEN] = "interactive"
    response_format: ResponseFormat | None = None
    actions: tuple[Id, ...] | None = None
    max_output_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    stream: bool = False
    deadline: Annotated[Micros, Field(lt=1 << 63)] | None = None
    """The point in time after which nobody waits for the answer any more."""
    consent: Consent = Consent()
    cache: Annotated[CacheMode, OPEN] = "exact"
    metadata: dict[str, str] = Field(default_factory=dict, max_length=16)

    @property
    def conversation_key(self) -> str:
        """The key of everything after admit: `tenant/conversation`, where a request without one is its own."""
        return f"{self.tenant_id}/{self.conversation_id or self.request_id}"


class Request(RequestHead):
    """One request of a service: either `messages` or `prompt`, with optional documents as `context`.

    What is asked for is not open: a worker cannot do what it does not know. Services may use new values once all workers
    know them; before, such a request is a dead letter.
    """

    lane: Lane = "interactive"
    cache: CacheMode = "exact"
    messages: tuple[Message, ...] | None = Field(default=None, min_length=1)
    prompt: PromptRef | None = None
    context: tuple[Document, ...] = ()
    tools: tuple[Tool, ...] = Field(default=(), max_length=128)
    tool_choice: ToolChoice | None = None

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
