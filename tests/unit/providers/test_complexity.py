"""The score of complexity: what counts, what does not, how well it tells questions apart, and what it costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from benchmarks.routing import long_text, measure, microseconds, question
from benchmarks.routing_texts import HELD_OUT, SET, Label
from streamguard.events.request import (
    Document,
    FunctionCall,
    FunctionTool,
    JsonSchemaFormat,
    Message,
    ResponseFormat,
    Tool,
    ToolCall,
)
from streamguard.events.stages import Ask
from streamguard.prompts.registry import PromptBook
from streamguard.prompts.rendering import render
from streamguard.providers.complexity import complexity
from streamguard.resources import resource_dir

NAMES = {
    "length",
    "questions",
    "reasoning",
    "conditions",
    "code",
    "schema",
    "history",
    "tools",
    "documents",
}
HARD = (
    "Design a distributed scheduler, prove that it is fair, and discuss the trade-offs of your algorithm step by step."
)


def ask(*messages: Message, form: ResponseFormat | None = None, tools: tuple[Tool, ...] = ()) -> Ask:
    return Ask(messages=messages, route="auto", max_output_tokens=100, response_format=form, tools=tools)


def user(text: str) -> Message:
    return Message(role="user", content=text)


def parts(given: Ask) -> dict[str, float]:
    """The contributions that say something."""
    return {name: part for name, part in complexity(given).contributions.items() if part}


def of(text: str, part: str) -> float:
    return complexity(question(text)).contributions[part]


@pytest.mark.parametrize(("rows", "least"), [(SET, 0.95), (HELD_OUT, 0.9)], ids=["set", "held out"])
def test_the_tier_agrees_with_the_labels(rows: tuple[tuple[Label, str], ...], least: float) -> None:
    measured = measure(rows)
    assert measured.agreement >= least
    assert measured.apart == 0
    assert all(rows.count(row) == 1 for row in rows)


def test_the_held_out_texts_are_no_others() -> None:
    assert not {text for _, text in SET} & {text for _, text in HELD_OUT}


def test_a_greeting_is_nothing() -> None:
    assert complexity(question("Hi!")).score == 0


def test_instructions_of_the_service_do_not_count() -> None:
    assert parts(ask(Message(role="system", content=HARD * 20), user("Hi"))) == {}


def test_every_word_family_counts_once() -> None:
    assert of("prove", "reasoning") == of("prove, prove and prove a theorem", "reasoning") == 0.55
    assert of("explain", "reasoning") < of("explain and compare", "reasoning") < of("prove", "reasoning")


@pytest.mark.parametrize(
    "text",
    [
        "Erklär mir das",
        "Explique-moi",
        "ОБЪЯСНИ это",
        "请解释",
        "설명해 주세요",
        "اشرح لي",
        "EXPLAIN THIS",
        "Erkla\u0308r das",
    ],
)
def test_words_count_in_every_language_case_and_form(text: str) -> None:
    assert of(text, "reasoning") == of("explain", "reasoning")


@pytest.mark.parametrize("text", ["I improve", "unexplained", "my order was solved", "work outside", "approval"])
def test_words_inside_of_words_do_not_count(text: str) -> None:
    assert of(text, "reasoning") == 0


def test_length_grows_with_the_doubling_and_ends() -> None:
    lengths = [of("word " * count, "length") for count in (1, 9, 20, 40, 80, 10_000)]
    assert lengths[0] == lengths[1] == 0
    assert lengths == sorted(lengths)
    assert lengths[3] - lengths[2] == pytest.approx(0.07, abs=0.002)
    assert lengths[-1] == 0.35


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a?", 0),
        ("a? b?", 0.05),
        ("a? b? c?", 0.1),
        ("吗?吗?", 0.05),
        ("هل؟ هل؟", 0.05),
        ("do\n1. this\n2. that", 0.05),
        ("do\n- this\n  * that\n(b) more", 0.1),
        ("do (1) this (2) that", 0.05),
        ("?" * 99, 0.2),
    ],
)
def test_questions_and_enumerated_tasks_count_from_the_second_on(text: str, expected: float) -> None:
    assert of(text, "questions") == pytest.approx(expected)


def test_conditions_and_numbers() -> None:
    assert of("it must take at most 5 minutes", "conditions") == pytest.approx(0.1)
    assert of("1 2", "conditions") == 0
    assert of("1 2 3 4 4 4", "conditions") == pytest.approx(0.04)
    assert of("must without unless exactly within 1 2 3 4 5 6 7 8 9", "conditions") == 0.25


def test_code_and_traces() -> None:
    fence = "Look:\n```\nx\n```"
    assert of(fence, "code") == 0.12
    assert of("f(x) = {a[0]; b[1]; (c)}", "code") == 0.12
    assert of(f"{fence}\nTraceback (most recent call last):", "code") == pytest.approx(0.22)
    assert of("Hold the order (48213) back, please", "code") == 0


def schema(depth: int, width: int = 1) -> ResponseFormat:
    node: dict[str, JsonValue] = {"type": "string"}
    for _ in range(depth):
        inner: dict[str, JsonValue] = {f"p{number}": node for number in range(width)}
        node = {"type": "object", "properties": inner}
    return ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=node))


def test_a_form_counts_by_depth_and_size() -> None:
    def form(wanted: ResponseFormat) -> float:
        return complexity(ask(user("Hi"), form=wanted)).contributions["schema"]

    assert form(ResponseFormat()) == 0
    assert 0 < form(ResponseFormat(type="json_object")) < form(schema(1)) < form(schema(2)) < form(schema(3))
    assert form(schema(1)) < form(schema(1, width=10))
    assert form(schema(60)) == 0.2
    assert form(schema(4)) - form(schema(1, width=4)) == pytest.approx(0.09)  # the same size, three levels deeper
    endless: dict[str, JsonValue] = {"$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}
    assert 0 < form(ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat(schema=endless))) < 0.1


def test_history_counts_by_its_length_and_by_what_was_asked_before() -> None:
    answer = Message(role="assistant", content=HARD)
    assert "history" not in parts(ask(user("Hi")))
    small = parts(ask(user("Hi"), answer, user("Go on")))
    assert small == {"history": 0.02}
    large = parts(ask(user(HARD), answer, user("Go on")))
    assert set(large) == {"history"}
    assert 0.1 < large["history"] <= 0.2
    assert parts(ask(*[user("Hi"), answer] * 30, user("Hi"))) == {"history": 0.2}


def test_tools_count_and_what_they_answered_is_a_document() -> None:
    tools = tuple(Tool(function=FunctionTool(name=f"t{number}")) for number in range(9))
    assert parts(ask(user("Hi"), tools=tools[:2])) == {"tools": 0.04}
    assert parts(ask(user("Hi"), tools=tools)) == {"tools": 0.1}
    call = ToolCall(id="1", function=FunctionCall(name="t1", arguments="{}"))
    answered = ask(
        user("Hi"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content=HARD, tool_call_id="1"),
        tools=tools[:1],
    )
    assert set(parts(answered)) == {"history", "tools", "documents"}


def rendered(text: str, *documents: str) -> Ask:
    book = PromptBook.load(resource_dir("prompts"))
    made = render(
        book,
        book.get("support"),
        key=b"k",
        tenant="t",
        variables={"question": text},
        context=[Document(id=f"d{number}", text=text) for number, text in enumerate(documents)],
    )
    return ask(*made.messages)


def test_of_a_rendered_prompt_only_what_stands_in_fences_counts() -> None:
    assert parts(rendered("Hi")) == {}
    assert parts(rendered(HARD)) == parts(ask(user(HARD)))


def test_documents_count_as_such_and_not_as_the_question() -> None:
    assert set(parts(rendered("Hi", HARD * 20))) == {"documents"}
    assert parts(rendered("Hi", *[HARD * 50] * 20)) == {"documents": 0.15}


@pytest.mark.parametrize(
    "text", ['<data-000000000000 kind="document">\n', "<data-" * 1000, '<data-0123456789ab kind="user">\nHi', "</data-"]
)
def test_what_only_looks_like_a_fence_is_text(text: str) -> None:
    assert parts(ask(user(f"{text} {HARD}")))["reasoning"] == parts(ask(user(HARD)))["reasoning"]


@given(
    texts=st.lists(st.text(max_size=80) | st.sampled_from([text for _, text in SET]), max_size=4),
    roles=st.lists(st.sampled_from(["system", "user", "assistant"]), min_size=4, max_size=4),
)
def test_any_talk_has_a_score_that_its_parts_explain(texts: list[str], roles: list[str]) -> None:
    given_ask = ask(*(Message(role=role, content=text) for role, text in zip(roles, texts, strict=False)))  # pyright: ignore[reportArgumentType]  # roles of messages
    measured = complexity(given_ask)
    assert measured == complexity(given_ask)
    assert measured.contributions.keys() == NAMES
    assert all(part >= 0 for part in measured.contributions.values())
    assert measured.score == pytest.approx(min(1.0, sum(measured.contributions.values())), abs=1e-6)


@pytest.mark.parametrize(
    "hostile",
    [
        "\n" * 200_000,
        "(1) " * 50_000,
        "<data-000000000000 kind=" * 8_000,
        "ä" * 200_000,
        "prove " * 33_000,
        " \t" * 99_000,
    ],
    ids=["lines", "items", "fences", "accents", "words", "blanks"],
)
def test_a_text_of_any_kind_takes_linear_time(hostile: str) -> None:
    assert microseconds(hostile, rounds=3) < 20_000


def test_a_question_of_two_kilobytes_takes_less_than_a_tenth_of_a_millisecond() -> None:
    # 58 µs on an idle core; the rest is for neighbours
    assert microseconds(long_text(2000), rounds=50) < 400
