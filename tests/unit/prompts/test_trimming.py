"""The oldest of the talk goes first; instructions and the question stay."""

from collections.abc import Sequence

from streamguard.events.request import Message
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
