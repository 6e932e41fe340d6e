"""Nobody writes his way out of a fence."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.events.request import Document, Message
from streamguard.prompts.fencing import neutralise
from streamguard.prompts.registry import PromptBook
from streamguard.prompts.rendering import render
from streamguard.resources import resource_dir

BOOK = PromptBook.load(resource_dir("prompts"))
FENCE = re.compile(r"<\s*(/?)\s*data\s*-", re.IGNORECASE)

PIECES = st.one_of(
    st.sampled_from(
        [
            "<",
            "</",
            "/",
            "data-",
            "DATA -",
            "data",
            "-",
            ">",
            "abcdef012345",
            " ",
            "\n",
            "<|",
            "|>",
            "[INST]",
            "<<SYS>>",
            "‹",
        ]
    ),
    st.text(st.characters(codec="utf-8"), max_size=6),
)
HOSTILE = st.lists(PIECES, max_size=25).map("".join)


@settings(deadline=None)
@given(HOSTILE)
def test_no_text_holds_anything_that_reads_as_a_fence(text: str) -> None:
    plain = neutralise(text)
    assert not FENCE.search(plain)
    assert neutralise(plain) == plain
    assert len(plain) == len(text)


@settings(deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_prompt_has_exactly_its_own_fences(question: str, product: str, document: str) -> None:
    rendered = render(
        BOOK,
        BOOK.get("support"),
        key=b"k",
        tenant="t",
        variables={"question": question or "?", "product": product},
        context=(Document(id="d", text=document),),
    )
    _fences_pair(rendered.messages[-1].content, rendered.fence, 3 if product else 2)


@settings(deadline=None)
@given(st.lists(HOSTILE, min_size=1, max_size=4))
def test_no_message_reaches_out_of_its_own(texts: list[str]) -> None:
    messages = [Message(role="user", content=text) for text in texts]
    rendered = render(BOOK, BOOK.get("chat"), key=b"k", tenant="t", messages=messages)
    for message in rendered.messages[1:]:
        _fences_pair(message.content, rendered.fence, 1)


def _fences_pair(content: str, mark: str, number: int) -> None:
    assert [closing for closing in FENCE.findall(content)] == ["", "/"] * number
    assert content.count(f"<data-{mark} ") == number
    assert content.count(f"</data-{mark}>") == number
