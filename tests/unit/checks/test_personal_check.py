"""Personal data is found, replaced, and put back exactly."""

import pytest

from streamguard.checks.contract import Subject
from streamguard.checks.personal import PersonalRules, RedactPersonal
from streamguard.checks.personal_data.checksums import luhn
from streamguard.checks.personal_data.detectors import MOST, personal_data
from streamguard.checks.personal_data.placeholders import PlaceholderMap, put_back
from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder


def kinds_and_values(text: str) -> list[tuple[str, str]]:
    return [(datum.kind, text[datum.start : datum.end]) for datum in personal_data(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("write to anna.m+x@mail.example.com, please", "EMAIL", "anna.m+x@mail.example.com"),
        ("(JÖRG@müller.de)", "EMAIL", "JÖRG@müller.de"),
        ("请发到bob@example.com谢谢", "EMAIL", "bob@example.com"),
        ("пишите на почта@пример.рф, спасибо", "EMAIL", "почта@пример.рф"),
        ("bob@exаmple.com", "EMAIL", "bob@exаmple.com"),
        ("bob@xn--e1afmkfd.xn--p1ai", "EMAIL", "bob@xn--e1afmkfd.xn--p1ai"),
        ("GET /login?email=bob%40example.com&x=1", "EMAIL", "bob%40example.com"),
        ("bob&#64;example.com", "EMAIL", "bob&#64;example.com"),
        (r'{"to": "bob\u0040example.com"}', "EMAIL", r"bob\u0040example.com"),
        ("call +49 30 901820 now", "PHONE", "+49 30 901820"),
        ("my phone: 5550143", "PHONE", "5550143"),
        ("(212) 555-0188", "PHONE", "(212) 555-0188"),
        ("212-555-0188 x77.", "PHONE", "212-555-0188 x77"),
        ("0171 2345678", "PHONE", "0171 2345678"),
        ("card 4111 1111 1111 1111 ok", "CARD", "4111 1111 1111 1111"),
        ("378282246310005", "CARD", "378282246310005"),
        ("GB82 WEST 1234 5698 7654 32 and so on", "IBAN", "GB82 WEST 1234 5698 7654 32"),
        ("de89370400440532013000.", "IBAN", "de89370400440532013000"),
        ("SSN 078-05-1120", "SSN", "078-05-1120"),
        ("SSN 078–05–1120", "SSN", "078–05–1120"),
        ("my card: 4111\u00a01111\u00a01111\u00a01111", "CARD", "4111\u00a01111\u00a01111\u00a01111"),
        ("card 4111  1111  1111  1111", "CARD", "4111  1111  1111  1111"),
        ("card 4111 – 1111 – 1111 – 1111", "CARD", "4111 – 1111 – 1111 – 1111"),
        ("téléphone 06\u202f12\u202f34\u202f56\u202f78", "PHONE", "06\u202f12\u202f34\u202f56\u202f78"),
        ("+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "PHONE", "+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧"),
        ("कार्ड ४१११ ११११ ११११ ११११", "CARD", "४१११ ११११ ११११ ११११"),
        ("card ❹❶❶❶❶❶❶❶❶❶❶❶❶❶❶❶", "CARD", "❹❶❶❶❶❶❶❶❶❶❶❶❶❶❶❶"),
        ("from 203.0.113.7, port 80", "IP", "203.0.113.7"),
        ("from 203.0.113.7.", "IP", "203.0.113.7"),
        ("at 2001:db8::8a2e:370:7334!", "IP", "2001:db8::8a2e:370:7334"),
    ],
)
def test_found(text: str, kind: str, value: str) -> None:
    assert kinds_and_values(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "order number 4711-20934 of 2026-10-03",
        "I phoned about order 20934711 yesterday",
        "4111 1111 1111 1112",
        "GB82 WEST 1234 5698 7654 33",
        "version 1.2.3 and 10.0.0.1.5 and 999.1.1.1",
        "localhost is 127.0.0.1 and 0.0.0.0",
        "std::vector and 12:30:45",
        "000-12-3456",
        "it costs 1,234,567.89 euros",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
        "hotline 1-800-273-8255",
        "an @ alone, foo@bar, @user",
    ],
)
def test_not_personal(text: str) -> None:
    assert kinds_and_values(text) == []


def test_a_version_in_a_sentence_is_no_address() -> None:
    assert personal_data("The firmware version is 10.2.14.3, the router 203.0.113.7.")[0].start == 46


def test_numbers_in_a_row_are_told_apart() -> None:
    text = "phones 212-555-0188 212-555-0199 4111111111111111"
    assert [kind for kind, _ in kinds_and_values(text)] == ["PHONE", "PHONE", "CARD"]


def test_a_word_that_begins_with_digits_hides_no_number_before_it() -> None:
    assert kinds_and_values("phone 212-555-0188 3rd floor") == [("PHONE", "212-555-0188")]


def test_data_that_overlap_are_taken_out_whole() -> None:
    text = "tel 4111 1111 1111 1111@x.org"
    (datum,) = personal_data(text)
    assert (datum.kind, text[datum.start : datum.end]) == ("EMAIL", "4111 1111 1111 1111@x.org")


def test_luhn() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111121")


def test_one_value_has_one_token_over_all_texts_of_a_request() -> None:
    found = PlaceholderMap()
    check = RedactPersonal(found)
    first = check.inspect(Subject("a@x.org and b@x.org"))
    second = check.inspect(Subject("b@x.org, then c@x.org", "document"))
    assert first.text == "[EMAIL_1] and [EMAIL_2]"
    assert second.text == "[EMAIL_2], then [EMAIL_3]"
    assert [placeholder.value for placeholder in found.placeholders()] == ["a@x.org", "b@x.org", "c@x.org"]


def test_a_text_that_looks_like_a_placeholder_cannot_name_somebody_elses_datum() -> None:
    found = PlaceholderMap()
    check = RedactPersonal(found)
    document = check.inspect(Subject("Owner: victim@x.org", "document"))
    asked = check.inspect(Subject("What is [EMAIL_1]? And [email 1]? And ［EMAIL_1］?"))
    assert document.text == "Owner: [EMAIL_1]"
    assert asked.text == "What is [LITERAL_1]? And [LITERAL_2]? And [LITERAL_3]?"
    answer = put_back("[LITERAL_1] and [LITERAL_2] are unknown to me", found.placeholders())
    assert answer == "[EMAIL_1] and [email 1] are unknown to me"


def test_a_value_inside_brackets_does_not_make_a_token() -> None:
    found = PlaceholderMap()
    text = "[EMAIL[EMAIL_1]_1] and [EMAIL_a@x.org]"
    finding = RedactPersonal(found).inspect(Subject(text))
    assert finding.text is not None
    assert put_back(finding.text, found.placeholders()) == text


def test_putting_back_is_one_pass_and_leaves_unknown_tokens() -> None:
    own = (
        Placeholder(token="[EMAIL_1]", kind="EMAIL", value="[PHONE_1]"),
        Placeholder(token="[PHONE_1]", kind="PHONE", value="123"),
    )
    assert put_back("[EMAIL_1] [PHONE_1] [CARD_9] [email_1]", own) == "[PHONE_1] 123 [CARD_9] [email_1]"


@pytest.mark.parametrize(
    "crowd",
    ["12 unit st, ", "Order nr. 1 way. ", "passport x1 ", "born x1 ", "dl x1 "],
    ids=lambda crowd: crowd.split()[0],
)
def test_a_crowd_of_words_that_announce_data_hides_none_behind_it(crowd: str) -> None:
    datum = (
        "I was born on 12 March 1980 at 221 Baker Street, my passport number is C01X00T47, my driving licence D1234567"
    )

    for number in (1_500, 8_000):
        found = PlaceholderMap()
        finding = RedactPersonal(found).inspect(Subject(crowd * number + datum))

        if finding.code != "too_much_personal":
            assert finding.text is not None
            assert {one.kind for one in found.placeholders()} == {"BIRTH_DATE", "ADDRESS", "PASSPORT", "DRIVER_LICENSE"}
        assert "Baker" not in (finding.text or "")


def test_a_value_is_swept_where_it_was_not_recognised() -> None:
    found = PlaceholderMap()
    check = RedactPersonal(found)
    texts = ["Is 5550143 taken?", "phone: 5550143", "x5550143y"]
    redacted = [check.inspect(Subject(text)).text or text for text in texts]
    assert found.sweep(redacted) == ("Is [PHONE_1] taken?", "phone: [PHONE_1]", "x5550143y")


def test_a_person_called_as_a_kind_of_datum_spoils_no_token_of_that_kind() -> None:
    text, found = "MY NAME IS MAC, hardware 00:1B:44:11:3A:B7", PlaceholderMap()
    redacted = RedactPersonal(found, PersonalRules(names=True)).inspect(Subject(text)).text

    (swept,) = found.sweep([redacted or ""])

    assert swept == "MY NAME IS [NAME_1], hardware [MAC_1]"
    assert put_back(swept, found.placeholders()) == text


def test_more_data_than_a_text_holds_is_refused_without_it() -> None:
    finding = RedactPersonal(PlaceholderMap()).inspect(Subject("a@b.cc " * (MOST + 1)))
    assert (finding.action, finding.reason, finding.text) == ("block", Reason.INPUT_TOO_LONG, "")


@pytest.mark.parametrize("text", ["\\x73\\x69\\x6d@c.ti[email 1]", "[email 1]@x.org", "x[EMAIL_1]@x.org [phone 2]"])
def test_what_overlaps_a_look_alike_of_a_placeholder_comes_back_whole(text: str) -> None:
    found = PlaceholderMap()
    redacted = RedactPersonal(found).inspect(Subject(text)).text

    assert redacted is not None
    assert put_back(redacted, found.placeholders()) == text
