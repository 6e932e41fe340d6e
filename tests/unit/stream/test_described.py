"""One line about an error: its kind once, and no words of errors that may hold a user's."""

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from streamguard.errors import InputError
from streamguard.stream.hosting import describe


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KafkaConnectionError("no broker answers"), "KafkaConnectionError: no broker answers"),
        (KafkaConnectionError(), "KafkaConnectionError"),
        (TopicAuthorizationFailedError("in"), "[Error 29] TopicAuthorizationFailedError: in"),
        (KafkaError("one\ntwo"), "KafkaError: one two"),
        (InputError("no such stage"), "InputError: no such stage"),
        (ValueError("what a user wrote"), "ValueError"),
    ],
)
def test_an_error_is_one_line_that_names_its_kind_once(error: Exception, said: str) -> None:
    assert describe(error) == said


def test_of_an_error_that_may_hold_text_only_its_place_is_told() -> None:
    try:
        raise ValueError("what a user wrote")
    except ValueError as error:
        told = describe(error)
    assert told.startswith("ValueError at test_described.py:")
