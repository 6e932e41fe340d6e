"""Arguments of tools come apart into texts for the checks, and together again."""

import orjson
import pytest

from streamguard.answers.arguments import argument_texts, as_one_string, rewritten


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ('{"to": "ann"}', ('{"to": "ann"}',)),
        (r'{"text": "one\ntwo"}', ('{"text": "one\ntwo"}',)),
        (r'{"text": "\u0069gnore\u0020this"}', ('{"text": "ignore this"}',)),
        (r'{"path": "C:\\new", "n": 1}', ('{"path": "(text 1)", "n": 1}', "C:\\new")),
        (r'{"body": "{\"to\": \"ann\"}"}', ('{"body": "(text 1)"}', '{"to": "ann"}')),
        ('{"a": "(text 1)"}', ('{"a": "(text 1)"}', "(text 1)")),
        ("no JSON at all", ("no JSON at all",)),
        ('{"cut": "of', ('{"cut": "of',)),
        ("", ("",)),
    ],
)
def test_what_the_checks_read(arguments: str, texts: tuple[str, ...]) -> None:
    assert argument_texts(arguments) == texts


@pytest.mark.parametrize(
    "arguments",
    [
        r'{"a": "x\ny", "b": "say \"hi\"", "c": ["(text 1)", "(text 2)", "\\"]}',
        '{"number": 123456789012345678901234567890, "price": 1.10}',
        '{"a": 1, "a": 2}',
        "[]",
        "no JSON",
        "",
    ],
)
def test_unchanged_texts_give_the_same_arguments(arguments: str) -> None:
    assert rewritten(arguments, argument_texts(arguments)) == arguments


def test_a_number_that_a_check_replaced_becomes_a_string() -> None:
    arguments = '{"cards": [4111111111111111, 5], "x": -1}'

    left = rewritten(arguments, [text.replace("4111111111111111", "[CARD_1]") for text in argument_texts(arguments)])

    assert left == '{"cards": ["[CARD_1]", 5], "x": -1}'


def test_a_change_in_a_string_read_on_its_own_is_written_in_its_place() -> None:
    arguments = r'{"body": "{\"to\": \"ann@example.com\"}", "n": 1}'

    left = rewritten(arguments, [text.replace("ann@example.com", '[EMAIL_1]"\n') for text in argument_texts(arguments)])

    assert left is not None
    assert orjson.loads(left) == {"body": '{"to": "[EMAIL_1]"\n"}', "n": 1}


def test_where_no_json_is_left_all_texts_go_into_one_string() -> None:
    arguments = '{"a": "4111", "b": "1111"}'
    texts = ['{"a": "[CARD_1]"}"}']

    assert rewritten(arguments, texts) is None
    assert orjson.loads(as_one_string(texts)) == {"arguments": '{"a": "[CARD_1]"}"}'}


def test_a_text_that_went_missing_is_noticed() -> None:
    arguments = r'{"path": "C:\\new"}'

    assert rewritten(arguments, ['{"path": ""}', "C:\\new"]) is None


def test_texts_that_nobody_could_check_leave_nothing() -> None:
    arguments = r'{"path": "C:\\new"}'

    assert rewritten(arguments, [""] * len(argument_texts(arguments))) == ""


def test_many_strings_with_quotes_make_a_bounded_number_of_texts() -> None:
    arguments = orjson.dumps([f'"{number}"' for number in range(1000)]).decode()

    texts = argument_texts(arguments)

    assert len(texts) == 33
    assert rewritten(arguments, texts) == arguments
