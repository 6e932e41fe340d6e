"""From a template and what a request brought to the messages that a model is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamguard.events.request import Document, Message
from streamguard.prompts.errors import UnknownPrompt
from streamguard.prompts.fencing import canary, fence_mark, fenced
from streamguard.prompts.registry import PromptBook
from streamguard.prompts.talk import spoken
from streamguard.prompts.template import Template

SERVICE_HEADING = "Further instructions of this service:"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt ready to be sent: one system message, then the talk. `canary` and `fence` stand in it."""

    messages: tuple[Message, ...]
    canary: str
    fence: str
    template: Template

    @property
    def system_text(self) -> str:
        return self.messages[0].content


def render(
    book: PromptBook,
    template: Template,
    *,
    key: bytes,
    tenant: str,
    messages: Sequence[Message] | None = None,
    variables: Mapping[str, str] | None = None,
    context: Sequence[Document] = (),
) -> Rendered:
    """Render `template` with either `messages` or `variables`, and the documents of `context`.

    Texts must be checked and redacted already. Everything foreign is fenced: users' messages, variables, documents, and what
    tools answered. The service's own system messages follow ours; what the model said earlier is its own turn, and ends none
    (`streamguard.prompts.talk`). Documents stand before the last message; where that is what a tool answered, before the question
    behind it.

    Raises `UnknownPrompt` when messages or variables do not fit the template.
    """
    if (template.user is None) == (messages is None):
        raise UnknownPrompt("wrong_form")
    given = dict(variables or {})
    _fits(template, given)
    foreign = [
        *(f"{message.role}:{message.content}" for message in messages or ()),
        *(f"{name}={given[name]}" for name in sorted(given)),
        *(f"{document.id} {document.title or ''} {document.text}" for document in context),
    ]
    mark = fence_mark(key, tenant, foreign)
    word = canary(key, tenant, template.name, template.version)
    documents = [fenced(_titled(document), mark, "document", name=document.id) for document in context]
    instructions = [book.text(template, "system", {"canary": word, "fence": mark})]
    if messages is None:
        values = {
            name: fenced(given[name], mark, "variable", name=name) if given.get(name) else ""
            for name in (*template.variables, *template.optional)
        }
        talk = [Message(role="user", content=book.text(template, "user", values))]
    else:
        service = [message.content for message in messages if message.role == "system"]
        if service:
            instructions.append("\n\n".join((SERVICE_HEADING, *service)))
        talk = spoken([message for message in messages if message.role != "system"], mark)
    if documents:
        talk = _with_documents(talk, documents)
    system = Message(role="system", content="\n\n".join(instructions))
    return Rendered(messages=(system, *talk), canary=word, fence=mark, template=template)


def _fits(template: Template, given: Mapping[str, str]) -> None:
    for name in template.variables:
        if name not in given:
            raise UnknownPrompt("missing_variable", name)
    if given.keys() - {*template.variables, *template.optional}:
        raise UnknownPrompt("unexpected_variable")


def _titled(document: Document) -> str:
    return document.text if document.title is None else f"{document.title}\n\n{document.text}"


def _with_documents(talk: Sequence[Message], documents: Sequence[str]) -> list[Message]:
    place = len(talk) - 1
    while place >= 0 and talk[-1].role == "tool" and talk[place].role != "user":
        place -= 1
    if place < 0 or talk[place].role != "user":
        return [*talk, Message(role="user", content="\n\n".join(documents))]
    question = Message(role="user", content="\n\n".join((*documents, talk[place].content)))
    return [*talk[:place], question, *talk[place + 1 :]]
