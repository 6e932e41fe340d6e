"""A question to a chat model without the wire: what was asked, in whichever API, and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, cast

import orjson

from streamguard.dev.simulator import judging, prose, tokens, tools
from streamguard.dev.simulator.fault_kinds import Fault
from streamguard.dev.simulator.instances import instance
from streamguard.dev.simulator.prompt_cache import Prefix
from streamguard.dev.simulator.tools import NO_TOOLS, Tools, ToolUse
from streamguard.errors import StreamguardError

_BEFORE_A_TOOL = "One moment, please: I look that up."


class BadRequest(StreamguardError):
    """A body that no provider takes. The message is the simulator's own and names the parameter, never what it holds."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a chat model.

    `messages` are roles (system, developer, user, assistant, tool) and texts. `schema` is what the answer must fit when it is to
    be JSON, else None. `prefixes` are those beginnings of the prompt that its cache may hold, the shortest first;
    `pays_cache_writes` tells whether what is put there has a price of its own.
    """

    model: str
    messages: tuple[tuple[str, str], ...]
    schema: Mapping[str, Any] | None
    most_tokens: int | None
    stream: bool
    include_usage: bool
    digest: bytes
    input_tokens: int
    tools: Tools = NO_TOOLS
    prefixes: tuple[Prefix, ...] = ()
    pays_cache_writes: bool = False

    @property
    def wants_json(self) -> bool:
        """Whether nothing but JSON can be the answer, so that faults of JSON may befall it."""
        return self.schema is not None or self.tools.forced


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, as long as `most_tokens` let it become. `finish_reason` is one of OpenAI's words.

    `output_tokens` are those of the text and the tools' arguments together. `logprobs` are of its first tokens.
    """

    text: str
    finish_reason: str
    output_tokens: int
    tool_uses: tuple[ToolUse, ...] = ()
    logprobs: Mapping[str, Any] | None = None


def read_body(body: bytes) -> dict[str, Any]:
    """A request's JSON object. Raises `BadRequest`."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(read, dict):
        raise BadRequest("the body is not a JSON object")
    return cast("dict[str, Any]", read)


def read_model(body: Mapping[str, Any]) -> str:
    """The model that a request names. Raises `BadRequest`."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("you must provide a model parameter", "model")
    return model


def reply(asked: Asked, dice: Random, fault: Fault | None, tool_share: float) -> Reply:
    """The answer. The same dice give the same one; a `fault` that is about the text is in it."""
    question = "\n".join(text for role, text in asked.messages if role == "user")
    said = prose.answer(question, dice)
    if fault is Fault.LEAKED_PROMPT:
        said = prose.leaking(said, next((text for role, text in asked.messages if role in ("system", "developer")), ""))
    elif fault is Fault.ECHOED_PERSONAL_DATA:
        said = prose.with_personal_data(said, dice)
    if asked.schema is not None:
        said = _as_json(asked.schema, said, dice, fault)
    answered = Reply(said, "stop", 0)
    # who was just told what a tool found out answers with that
    if asked.tools.known and (asked.tools.forced or asked.messages[-1][0] != "tool"):
        answered = _with_tools(asked, answered, dice, fault, tool_share)
    if fault is Fault.EMPTY_ANSWER:
        answered = replace(answered, text="", tool_uses=())
    answered = _cut(answered, asked.most_tokens)
    if asked.model in judging.MODELS and not asked.stream:
        verdict, logprobs = judging.verdict(asked.model, asked.messages, asked.schema)
        answered = replace(answered, text=verdict, logprobs=logprobs)
    return answered


def _with_tools(asked: Asked, answered: Reply, dice: Random, fault: Fault | None, share: float) -> Reply:
    used = tools.uses(asked.tools, dice, share, lambda: answered.text, fault)
    if not used:
        return answered
    before = _BEFORE_A_TOOL if not asked.tools.forced and dice.random() < 0.5 else ""
    return Reply(before, "tool_calls", 0, tuple(used))


def _cut(answered: Reply, most: int | None) -> Reply:
    """Counted, and not longer than `most` tokens: what comes last is cut."""
    arguments = "".join(use.arguments for use in answered.tool_uses)
    output_tokens = tokens.count(answered.text + arguments)
    if most is None or output_tokens <= most:
        return replace(answered, output_tokens=output_tokens)
    kept = tokens.cut(answered.text + arguments, most)
    text, rest = kept[: len(answered.text)], kept[len(answered.text) :]
    left: list[ToolUse] = []
    for use in answered.tool_uses:
        if rest:
            left.append(replace(use, arguments=rest[: len(use.arguments)]))
            rest = rest[len(use.arguments) :]
    return Reply(text, "length", most, tuple(left))


def _as_json(schema: Mapping[str, Any], said: str, dice: Random, fault: Fault | None) -> str:
    if fault is Fault.WRONG_SCHEMA:
        return '["unexpected"]' if schema.get("type") == "object" else '{"unexpected":true}'
    made = orjson.dumps(instance(schema, dice, lambda: said)).decode()
    if fault is Fault.BROKEN_JSON:
        return made[: max(1, len(made) * 2 // 3)]
    if fault is Fault.FENCED_JSON:
        return f"Here is what you asked for:\n\n```json\n{made}\n```\n"
    return made
