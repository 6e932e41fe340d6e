"""The oldest of the talk goes first; instructions and the question stay."""

from collections.abc import Sequence

from streamguard.events.request import FunctionCall, Message, ToolCall
from streamguard.prompts.trimming import trim


def count(messages: Sequence[Message]) -> int:
    return 3 + sum(len(message.content) for message in messages)


def talk(*lengths: int) -> tuple[Message, ...]:
    roles = ("user", "assistant")
    spoken = [Message(role=roles[place % 2], content=str(place) * length) for place, length in enumerate(lengths)]
    return (Message(role="system", content="s" * 10), *spoken)


def test_what_fits_stays() -> None:
    messages = talk(5, 5, 5)
    assert trim(messages, 28, count).messages == messages
    assert trim(messages, 28, count).tokens == 28


def test_the_oldest_go_first_and_an_answer_with_its_question() -> None:
    messages = talk(5, 5, 5, 5, 5)
    trimmed = trim(messages, 33, count)
    assert trimmed.messages == (messages[0], *messages[3:])
    assert (trimmed.dropped, trimmed.tokens, trimmed.fits) == (2, 28, True)
    assert trimmed.tokens == count(trimmed.messages)


def test_instructions_and_the_question_stay_even_when_they_do_not_fit() -> None:
    messages = talk(5, 5, 50)
    trimmed = trim(messages, 20, count)
    assert trimmed.messages == (messages[0], messages[3])
    assert not trimmed.fits
    assert trimmed.tokens == count(trimmed.messages)


def round_of(number: int) -> tuple[Message, Message]:
    call = ToolCall(id=str(number), function=FunctionCall(name="look", arguments="{}"))
    return (
        Message(role="assistant", content="c" * 5, tool_calls=(call,)),
        Message(role="tool", content="t" * 5, tool_call_id=str(number)),
    )


def test_what_a_tool_answered_goes_with_its_call_and_the_question_behind_them_stays() -> None:
    messages = (*talk(5, 5, 5), *round_of(1), *round_of(2), *round_of(3))

    trimmed = trim(messages, 3 + 10 + 5 + 20, count)

    assert trimmed.messages == (messages[0], messages[3], *round_of(2), *round_of(3))
    assert (trimmed.dropped, trimmed.fits) == (4, True)


def test_the_last_calls_stay_even_when_they_do_not_fit() -> None:
    messages = (*talk(5), *round_of(1), *round_of(2))

    trimmed = trim(messages, 5, count)

    assert trimmed.messages == (*talk(5), *round_of(2))
    assert not trimmed.fits


def test_rounds_of_a_question_that_was_left_out_go_with_it() -> None:
    messages = (*talk(5), *round_of(1), *round_of(2), Message(role="user", content="u" * 5))

    trimmed = trim(messages, count(messages) - 1, count)

    assert trimmed.messages == (messages[0], messages[-1])
