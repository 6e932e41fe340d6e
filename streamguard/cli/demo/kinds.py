"""The kinds of requests of the demo. Each is made by one function that returns a bundle: requests that keep their order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from streamguard.cli.demo import invented
from streamguard.cli.demo.customers import Customers, ask_support, say
from streamguard.cli.demo.tools import with_tools
from streamguard.events.reason import Reason
from streamguard.stream.planned import Planned

LONG_AGO_US = 1_000_000
"""A deadline that is past whatever the clock says."""
OVERSIZED_CHARACTERS = 101_000
SHARED_ADDRESS = "203.0.113.77"

Make = Callable[[Customers, int], list[Planned]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`make(customers, at_most)` returns one bundle; `window` is the part of the run in which the kind is sent."""

    make: Make
    at_least: int = 1
    window: tuple[float, float] = (0.0, 1.0)


def _ticket(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    fields = ask_support(customers.ticket(tenant))
    if customers.rng.random() < 0.05:
        fields["consent"] = {"retention": False}
    return [customers.send("ticket", fields, tenant=tenant)]


def _question(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    questions = customers.material.questions
    popular = int(customers.rng.random() ** 2 * len(questions))
    fields = ask_support(questions[popular].ask) | customers.reads_along(0.05)
    return [customers.send("question", fields, tenant=tenant)]


def _paraphrase(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    text = customers.rng.choice(customers.rng.choice(customers.material.questions).paraphrases)
    return [customers.send("paraphrase", ask_support(text) | {"cache": "semantic"}, tenant=tenant)]


def _chat(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    fields = say(customers.ticket(tenant)) | {"feature": "chat", "max_output_tokens": 200} | customers.reads_along(0.6)
    if customers.rng.random() < 0.1:
        fields |= {"cache": "off"}
    return [customers.send("chat", fields, tenant=tenant)]


def _conversation(customers: Customers, at_most: int) -> list[Planned]:
    tenant = customers.tenant()
    user = customers.users(tenant, 1)[0]
    values = customers.values(tenant)
    story = customers.rng.choice(customers.material.conversations)
    name = f"conv-{customers.rng.randrange(10**9):09}"
    bundle: list[Planned] = []
    history: list[dict[str, str]] = []
    for number, turn in enumerate(story.turns[:at_most]):
        history.append({"role": "user", "content": turn.format_map(values)})
        fields: dict[str, Any] = {"messages": list(history), "conversation_id": name, "feature": "chat"}
        fields |= customers.reads_along(0.4)
        bundle.append(customers.send("conversation", fields, tenant=tenant, user=user))
        if number < len(story.replies):
            history.append({"role": "assistant", "content": story.replies[number]})
    return bundle


def _personal(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    text = customers.fill(customers.rng.choice(customers.material.personal), tenant)
    fields = customers.rng.choice((say, ask_support))(text) | customers.reads_along(0.4)
    return [customers.send("personal", fields, tenant=tenant)]


def _twins(customers: Customers, at_most: int) -> list[Planned]:
    tenant = customers.tenant()
    text = customers.rng.choice(customers.material.twins)
    names = customers.rng.sample(customers.material.names, 2)
    return [
        customers.send("twins", ask_support(text.format(email=invented.email(customers.rng, name))), tenant=tenant)
        for name in names[:at_most]
    ]


def _classify(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    prompt = {"name": "classify", "variables": {"question": customers.ticket(tenant)}}
    # nobody waits for it
    return [customers.send("classify", {"prompt": prompt, "feature": "triage", "lane": "batch"}, tenant=tenant)]


_TRIAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "enum": ["delivery", "billing", "technical", "order", "other"]},
        "mood": {"type": "integer", "minimum": 1, "maximum": 5},
        "summary": {"type": "string", "maxLength": 200},
    },
    "required": ["topic", "mood", "summary"],
    "additionalProperties": False,
}


def _json(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    form: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "triage", "schema": _TRIAGE_SCHEMA}}
    if customers.rng.random() < 0.2:
        form = {"type": "json_object"}
    fields = say("Sort this ticket, as JSON: " + customers.ticket(tenant))
    fields |= {"response_format": form, "feature": "triage", "lane": customers.rng.choice(("interactive", "batch"))}
    return [customers.send("json", fields, tenant=tenant)]


def _backlog(customers: Customers, _: int) -> list[Planned]:
    """Letters of last week, answered when there is time."""
    tenant = customers.tenant()
    fields = ask_support(customers.ticket(tenant)) | {"feature": "letters", "lane": "batch"}
    return [customers.send("backlog", fields, tenant=tenant)]


def _cancelled(customers: Customers, _: int) -> list[Planned]:
    """Somebody asks, and goes away: at once, or while the answer is made."""
    tenant = customers.tenant()
    after = customers.rng.choice((0.0, customers.rng.uniform(0.05, 1.0)))
    fields = say(customers.ticket(tenant)) | {"feature": "chat"} | customers.reads_along(0.5)
    return [customers.send("cancelled", fields, tenant=tenant, cancel_after=after)]


def _documents(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    article, other = customers.rng.sample(customers.material.articles, 2)
    context = [{"id": item.id, "title": item.title, "text": item.text} for item in (article, other)]
    fields = say(customers.fill(customers.rng.choice(article.asks), tenant)) | {"context": context, "feature": "help"}
    return [customers.send("documents", fields, tenant=tenant)]


def _help(customers: Customers, _: int) -> list[Planned]:
    """By a prompt that leaves it to the question which model answers it."""
    tenant = customers.tenant()
    article = customers.rng.choice(customers.material.articles)
    question = customers.fill(customers.rng.choice(article.asks), tenant)
    fields: dict[str, Any] = {
        "prompt": {"name": "help", "variables": {"question": question}},
        "context": [{"id": article.id, "title": article.title, "text": article.text}],
        "feature": "help",
    }
    return [customers.send("help", fields | customers.reads_along(0.3), tenant=tenant)]


def _injection(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    text = customers.rng.choice(customers.material.injections)
    fields = customers.rng.choice((say, ask_support))(text)
    return [customers.send("injection", fields, tenant=tenant, reason=Reason.PROMPT_INJECTION)]


def _secret(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    text = customers.rng.choice(customers.material.secrets).format(secret=invented.secret(customers.rng))
    return [customers.send("secret", say(text), tenant=tenant, reason=Reason.SECRET_IN_INPUT)]


def _misplaced(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    return [customers.send("misplaced", ask_support(customers.ticket(tenant)), tenant=tenant, misplaced=True)]


def _sent_twice(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    first = customers.send("sent_twice", ask_support(customers.ticket(tenant)), tenant=tenant)
    return [first, replace(first, end="nothing")]


def _no_consent(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    fields = ask_support(customers.ticket(tenant)) | {"consent": {"processing": False, "retention": False}}
    return [customers.send("no_consent", fields, tenant=tenant, reason=Reason.NO_CONSENT)]


def _late(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    fields = ask_support(customers.ticket(tenant)) | {"deadline": LONG_AGO_US}
    return [customers.send("late", fields, tenant=tenant, reason=Reason.EXPIRED)]


def _oversized(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    ticket = customers.ticket(tenant) + " "
    text = ticket * (OVERSIZED_CHARACTERS // len(ticket) + 1)
    return [customers.send("oversized", say(text), tenant=tenant, reason=Reason.INPUT_TOO_LONG)]


def _empty(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    return [customers.send("empty", say(" \n\t "), tenant=tenant, reason=Reason.INPUT_EMPTY)]


def _unknown_prompt(customers: Customers, _: int) -> list[Planned]:
    tenant = customers.tenant()
    fields = {"prompt": {"name": "horoscope", "variables": {"question": customers.ticket(tenant)}}}
    return [customers.send("unknown_prompt", fields, tenant=tenant, reason=Reason.UNKNOWN_PROMPT)]


def _broken(customers: Customers, _: int) -> list[Planned]:
    """In turn: cut JSON, bytes that are no text, a missing field, a value of the wrong type, an unknown schema."""
    tenant = customers.tenant()
    number = customers.next_number()
    good = {
        "request_id": f"req-{number:06}",
        "tenant_id": tenant.id,
        "user_id": customers.users(tenant, 1)[0],
        **say(customers.ticket(tenant)),
    }
    value = orjson.dumps(good)
    schema = "streamguard.request/1"
    match number % 5:
        case 0:
            value = value[:-20]
        case 1:
            value = b"\xff\xfe" + value
        case 2:
            value = orjson.dumps({name: what for name, what in good.items() if name != "user_id"})
        case 3:
            value = orjson.dumps(good | {"messages": "not a list"})
        case _:
            schema = "streamguard.request/2"
    return [Planned("broken", tenant.id.encode(), value, "dead_letter", schema=schema)]


def _chatty(customers: Customers, at_most: int) -> list[Planned]:
    """One user who sends forty within moments: twenty a minute are let in."""
    tenant = customers.tenant()
    user = f"chatty-{customers.next_number():06}"
    size = min(40, at_most)
    return [
        customers.send("chatty", ask_support(customers.ticket(tenant)), tenant=tenant, user=user) for _ in range(size)
    ]


def _shared_address(customers: Customers, at_most: int) -> list[Planned]:
    """Many users behind one address, over a hundred requests within moments."""
    tenant = customers.tenant()
    fields = [ask_support(customers.ticket(tenant)) | {"client_ip": SHARED_ADDRESS} for _ in range(min(130, at_most))]
    return [customers.send("shared_address", each, tenant=tenant) for each in fields]


KINDS: dict[str, Kind] = {
    "ticket": Kind(_ticket),
    "question": Kind(_question),
    "paraphrase": Kind(_paraphrase),
    "chat": Kind(_chat),
    "conversation": Kind(_conversation),
    "personal": Kind(_personal),
    "twins": Kind(_twins),
    "classify": Kind(_classify),
    "json": Kind(_json),
    "documents": Kind(_documents),
    "help": Kind(_help),
    "backlog": Kind(_backlog),
    "cancelled": Kind(_cancelled),
    "tools": Kind(with_tools),
    "injection": Kind(_injection),
    "secret": Kind(_secret),
    "misplaced": Kind(_misplaced),
    "sent_twice": Kind(_sent_twice),
    "no_consent": Kind(_no_consent),
    "late": Kind(_late),
    "oversized": Kind(_oversized),
    "broken": Kind(_broken),
    "empty": Kind(_empty),
    "unknown_prompt": Kind(_unknown_prompt),
    "chatty": Kind(_chatty, at_least=25, window=(0.15, 0.35)),
    "shared_address": Kind(_shared_address, at_least=105, window=(0.6, 0.8)),
}
"""All kinds by name; `requests.SHARES` says how many of each."""
