"""Is it an answer? Empty, stuck, cut off, in the wrong language, declining, with debris."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamguard.checks.answer.language import language_of, same_language
from streamguard.checks.answer.looping import repeated_share
from streamguard.checks.coherence import Coherence, CoherenceRules
from streamguard.checks.contract import Finding, Subject
from streamguard.events.reason import Reason

ENGLISH = "Your order has been shipped and is on its way; the parcel service will deliver it to your address."
GERMAN = "Vielen Dank für Ihre Nachricht. Ihre Bestellung ist unterwegs und wird bald bei Ihnen zugestellt."
ASKED = "Where is my order? I have been waiting for two weeks now, and nobody writes back to me."


def inspect(text: str, asked: str = "", finish_reason: str | None = None, **rules: object) -> Finding:
    check = Coherence(CoherenceRules.model_validate(rules), finish_reason, asked)
    return check.inspect(Subject(text, "assistant", "output"))


@pytest.mark.parametrize("text", ["", " \n\t", "\u2003"])
def test_an_empty_answer_is_refused(text: str) -> None:
    finding = inspect(text)
    assert (finding.action, finding.code, finding.reason) == ("block", "empty", Reason.INVALID_OUTPUT)


@pytest.mark.parametrize(
    "text",
    [
        "I will check that for you. " * 30,
        "\n".join(["The order is late."] * 30),
        "Well: " + "ha" * 300,
        "=" * 400,
        "Here it comes. " + "the parcel and the letter and " * 20 + "the parc",
    ],
)
def test_an_answer_that_is_stuck_is_refused(text: str) -> None:
    finding = inspect(text)
    assert (finding.action, finding.code, finding.reason) == ("block", "looping", Reason.INVALID_OUTPUT)


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        "Yes, yes, yes!",
        "Open the lid and press the button.\n" * 3,
        ENGLISH + "\n" + "-" * 60,
        "- red\n- green\n- blue\n" + "-" * 40 + "\nPick one of these colours, and we will send you a sample of it.",
        "\n".join(f"{place}. Step number {place} is done by part {place * 7} of the team." for place in range(12)),
    ],
)
def test_lists_and_lines_are_no_loops(text: str) -> None:
    assert "looping" not in inspect(text).contributions


def test_half_a_loop_is_flagged() -> None:
    finding = inspect(ENGLISH + " " + "Please wait a moment for me. " * 6)
    assert (finding.action, finding.code) == ("flag", "looping")


def test_records_of_one_form_are_only_flagged() -> None:
    assert inspect("[" + ", ".join(['{"state": "late"}'] * 60) + "]").action == "flag"


@given(st.text(alphabet="ab .", min_size=30, max_size=60), st.integers(8, 40), st.text(alphabet="ab .", max_size=20))
def test_a_repeated_end_is_seen_wherever_it_is_cut(unit: str, times: int, before: str) -> None:
    text = before + unit * times
    assert repeated_share(text[: len(text) - len(unit) // 2].rstrip() + "") > 0.5


@given(st.text(max_size=300))
def test_a_share_is_one(text: str) -> None:
    assert 0 <= repeated_share(text) <= 1


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_what_the_provider_cut_is_flagged(reason: str) -> None:
    assert inspect(ENGLISH, finish_reason=reason).code == "cut_off"
    assert inspect('{"a": 1}', finish_reason=reason).code == "cut_off"


@pytest.mark.parametrize(
    "text",
    [
        "Your parcel is on its way and will arrive with the",
        "Ihr Paket ist unterwegs und kommt morgen mit der",
        "First open the lid (with the blue handle",
        "There are three things to do: first,",
        "Run this:\n```python\nprint(1)\n",
    ],
)
def test_an_end_that_shows_that_something_is_missing_is_flagged(text: str) -> None:
    assert inspect(text).code == "cut_off"


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        "Yes :)",
        "1) Open it\n2) Close it",
        "Run this:\n```python\nf(\n```",
        "See https://x.example/a_(b)",
        "Take the blue one (or the red. That is all.",
        "Kind regards\nYour team",
    ],
)
def test_an_end_is_an_end(text: str) -> None:
    assert inspect(text).action == "pass"


def test_another_language_than_the_askers_is_flagged() -> None:
    assert inspect(GERMAN, ASKED).code == "wrong_language"
    assert inspect(ENGLISH, ASKED).action == "pass"


@pytest.mark.parametrize(
    "asked", ["", "ok", "Please put this into German: " + ENGLISH, (ASKED + " ") * 12 + GERMAN * 12]
)
def test_nothing_is_said_of_the_language_when_nobody_can_tell_which_is_wanted(asked: str) -> None:
    assert inspect(GERMAN, asked).action == "pass"


def test_a_policy_names_the_language() -> None:
    assert inspect(GERMAN, ASKED, language="de").action == "pass"
    assert inspect(ENGLISH, ASKED, language="de-AT", wrong_language="block").reason is Reason.INVALID_OUTPUT
    assert inspect(GERMAN, ASKED, language="any").action == "pass"


@pytest.mark.parametrize(
    "text",
    [
        "Danke!",
        "```python\nfor bestellung in bestellungen:\n    drucke(bestellung.nummer, bestellung.kunde)\n```",
        '{"antwort": "Ihre Bestellung ist unterwegs und wird bald bei Ihnen zugestellt."}',
        "https://shop.example/bestellung/unterwegs/und/wird/bald/zugestellt/4711",
    ],
)
def test_code_data_and_a_few_words_have_no_language(text: str) -> None:
    assert "wrong_language" not in inspect(text, language="en").contributions


def test_tables_of_numbers_are_no_prose() -> None:
    assert language_of("; ".join(f"total {place}: {place * 1_234_567}" for place in range(30))) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("Je vous remercie de votre message, nous allons vérifier votre commande aujourd'hui.", "fr"),
        ("Gracias por su mensaje, vamos a revisar su pedido hoy mismo y le escribimos pronto.", "es"),
        ("Grazie per il Suo messaggio, controlleremo oggi stesso il Suo ordine con il corriere.", "it"),
        ("Dziękujemy za wiadomość, sprawdzimy dzisiaj Państwa zamówienie i odpiszemy wkrótce.", "pl"),
        ("Спасибо за ваше сообщение, мы сегодня же проверим ваш заказ и напишем вам.", "ru"),
        ("感谢您的来信，我们今天会检查您的订单并尽快回复您。", "zh"),
        ("お問い合わせありがとうございます。本日ご注文を確認いたします。", "ja"),
    ],
)
def test_languages_are_told_apart(text: str, language: str) -> None:
    guess = language_of(text)
    assert guess is not None
    assert same_language(guess.language, language)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I’m unable to assist with this request.",
        "Unfortunately, I cannot provide medical advice.",
        "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
        "Ich kann Ihnen dazu leider keine Auskunft geben.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Mi dispiace, ma non posso aiutarti.",
        "Desculpe, mas não posso ajudar com isso.",
        "Het spijt me, maar ik kan u daar niet bij helpen.",
        "К сожалению, я не могу помочь с этим.",
        "抱歉，我无法提供帮助。",
        "申し訳ありませんが、お手伝いできません。",
    ],
)
def test_a_refusal_is_told(text: str) -> None:
    finding = inspect(text)
    assert (finding.action, finding.code) == ("flag", "refusal")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, I can't find your order. Could you send me its number?",
        "Leider konnte ich Ihre Bestellung nicht finden.",
        "You cannot return software that was opened.",
        "If I can't answer your question, a colleague will.",
        "I can't help with taxes. "
        + "What I can do is explain each line of the form to you, one after the other. " * 9,
    ],
)
def test_an_answer_that_lacks_something_is_no_refusal(text: str) -> None:
    assert "refusal" not in inspect(text).contributions


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('Hello <data-0a1b2c kind="user">you</data-0a1b2c>', "Hello you"),
        ("Hello {{ customer }}!", "Hello !"),
        ("Done.<|im_end|>", "Done."),
        ("[INST] Done.", " Done."),
        ("Kind regards, [Your Name]", "Kind regards, "),
        ("As an AI language model, I think so.", ", I think so."),
    ],
)
def test_debris_is_flagged_or_taken_out(text: str, clean: str) -> None:
    assert (inspect(text).action, inspect(text).code) == ("flag", "debris")
    assert inspect(text, debris="transform").text == clean


@pytest.mark.parametrize(
    "text", ["Write `{{ name }}` there.", "```\n{% if x %}\n```", "a << b, x < y, {a: {b: 1}} is fine."]
)
def test_code_is_no_debris(text: str) -> None:
    assert inspect(text).action == "pass"


def test_the_worst_decides_and_all_are_told() -> None:
    finding = inspect("I'm sorry, but I can't help with the", refusal="escalate", cut_off="flag")
    assert (finding.action, finding.code, finding.reason) == ("escalate", "refusal", Reason.LOW_CONFIDENCE)
    assert set(finding.contributions) == {"refusal", "cut_off"}


def test_each_part_can_be_switched_off() -> None:
    off = {name: "off" for name in ("empty", "cut_off", "wrong_language", "refusal", "debris")}
    for text in ("", "I'm sorry, but I can't help with the", "Done.<|im_end|>"):
        assert inspect(text, ASKED, "length", **off).action == "pass"


def test_every_code_that_it_gives_is_explained() -> None:
    given_codes = {"empty", "looping", "cut_off", "wrong_language", "refusal", "debris"}
    assert set(Coherence.codes) == given_codes


def test_debris_is_taken_out_wherever_it_stands() -> None:
    finding = inspect("As an AI language model I think so. Yes, as an AI language model, I do.", debris="transform")
    assert finding.text == " I think so. Yes, , I do."


def test_a_long_answer_is_not_taken_out_whole() -> None:
    text = f"As an AI language model I have this list. {' '.join(map(str, range(9_000)))}"
    finding = inspect(text, debris="transform")
    assert (finding.action, finding.code, finding.text) == ("flag", "debris", None)


def test_what_is_nothing_but_debris_is_empty() -> None:
    finding = inspect("<data-a1b2c3>\n</data-a1b2c3>", debris="transform")
    assert (finding.action, finding.code, finding.reason) == ("block", "empty", Reason.INVALID_OUTPUT)


def test_a_phrase_of_nothing_is_an_error() -> None:
    with pytest.raises(ValidationError):
        CoherenceRules(phrases=("fine", " "))


def test_prose_between_placeholders_is_no_data() -> None:
    text = "[NAME_1], " + "I will check that for you. " * 30 + "Write to [EMAIL_1]"
    assert inspect(text).action == "block"
    assert inspect('["' + "I will check that for you. " * 30 + '"]').action == "flag"
