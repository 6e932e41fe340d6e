"""National ids, wallets and hardware addresses: the right check digit is found, a wrong one is not."""

import pytest

from streamguard.checks.personal_data.checksums import ean13, iso_11_10, iso_97_10, luhn, verhoeff
from streamguard.checks.personal_data.detectors import personal_data


def found(text: str) -> list[tuple[str, str]]:
    return [(datum.kind, text[datum.start : datum.end]) for datum in personal_data(text)]


TELLING = {
    "United Kingdom": "AB123456C",
    "France": "1 85 05 78 006 084 91",
    "Spain": "12345678Z",
    "Spain, foreigners": "X1234567L",
    "Italy": "RSSMRA85T10A562S",
    "Sweden": "811228-9874",
    "Finland": "131052-308T",
    "Belgium": "85.07.30-033.28",
    "Brazil": "111.444.777-35",
    "China": "11010519491231002X",
    "Korea": "900101-1234567",
    "Czechia": "736028/5163",
    "Switzerland": "756.9217.0769.85",
    "Chile": "12.345.678-5",
    "Argentina": "20-12345678-6",
    "Mexico": "HEGG560427MVZRRL04",
    "Singapore": "S1234567D",
    "Hong Kong": "A123456(3)",
    "Taiwan": "A123456789",
}
WRONG = {
    "United Kingdom": "QQ123456C",
    "France": "185057800608492",
    "Spain": "12345678A",
    "Spain, foreigners": "X1234567A",
    "Italy": "RSSMRA85T10A562T",
    "Sweden": "811228-9875",
    "Finland": "131052-308U",
    "Belgium": "85.07.30-033.29",
    "Brazil": "111.444.777-36",
    "China": "110105194912310021",
    "Korea": "901301-1234567",
    "Czechia": "736028/5164",
    "Switzerland": "756.9217.0769.86",
    "Chile": "12.345.678-6",
    "Argentina": "20-12345678-7",
    "Mexico": "HEGG560427MVZRRL05",
    "Singapore": "S1234567E",
    "Hong Kong": "A123456(4)",
    "Taiwan": "A123456788",
}


@pytest.mark.parametrize("country", TELLING)
def test_a_telling_form_needs_no_word_before_it(country: str) -> None:
    assert found(f"It is {TELLING[country]}, thanks") == [("NATIONAL_ID", TELLING[country])]


@pytest.mark.parametrize("country", WRONG)
def test_a_wrong_check_digit_is_no_id(country: str) -> None:
    assert found(f"It is {WRONG[country]}, thanks") == []


ANNOUNCED = [
    ("NHS number", "943 476 5919", "943 476 5918"),
    ("Steuer-ID:", "86 095 742 719", "86 095 742 718"),
    ("BSN", "111222333", "111222334"),
    ("PESEL", "44051401359", "44051401358"),
    ("contribuinte", "501964843", "501964844"),
    ("Aadhaar number is", "2345 6789 0124", "2345 6789 0125"),
    ("SIN:", "046 454 286", "046 454 287"),
    ("my tax file number is", "123456782", "123456783"),
    ("OIB", "94577403194", "94577403195"),
    ("fødselsnummer", "01010750160", "01010750161"),
    ("CNP", "1800101221144", "1800101221145"),
    ("kimlik no", "10000000146", "10000000147"),
    ("South African SAID", "8001015009087", "8001015009088"),
    ("SVNR", "1237 010180", "1238 010180"),
    ("個人番号", "123456789018", "123456789017"),
    ("PPS", "1234567T", "1234567U"),
    ("Medicare number", "2123 45670 1", "2123 45671 1"),
    ("national id", "94577403194", "94577403198"),
]


@pytest.mark.parametrize(("word", "number", "wrong"), ANNOUNCED)
def test_mere_digits_need_their_word_and_their_check_digit(word: str, number: str, wrong: str) -> None:
    assert found(f"{word} {number}.") == [("NATIONAL_ID", number)]
    assert "NATIONAL_ID" not in [kind for kind, _ in found(f"{word} {wrong}.")]
    assert "NATIONAL_ID" not in [kind for kind, _ in found(f"I counted {number} of them")]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("ITIN 912-70-1234", "SSN", "912-70-1234"),
        ("social security number 123 45 6789", "SSN", "123 45 6789"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "WALLET", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "WALLET", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        ("to 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2!", "WALLET", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
        ("to 3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "WALLET", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "WALLET", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        ("TJCnKsPa7y5okkXvQAidZBzqx3QyQ6sxMW", "WALLET", "TJCnKsPa7y5okkXvQAidZBzqx3QyQ6sxMW"),
        ("my mac is 00:1B:44:11:3A:B7", "MAC", "00:1B:44:11:3A:B7"),
        ("001b.4411.3ab7", "MAC", "001b.4411.3ab7"),
        ("NO93 8601 1117 947", "IBAN", "NO93 8601 1117 947"),
        ("MT84MALT011000012345MTLCAST001S", "IBAN", "MT84MALT011000012345MTLCAST001S"),
        ("BE68-5390-0754-7034", "IBAN", "BE68-5390-0754-7034"),
    ],
)
def test_other_formats(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "912-49-1234",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "0x0000000000000000000000000000000000000000",
        "SHA256 ab:cd:ef:01:23:45:67:89",
        "ff:ff:ff:ff:ff:ff 0",
        "NO93 8601 1117 948",
        "version 10.2.3.4 and section 1.2.3.4",
    ],
)
def test_look_alikes(text: str) -> None:
    assert found(text) == []


def test_more_wallets_than_are_hashed_are_believed() -> None:
    wrong = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"
    assert len(found(f"{wrong} " * 12)) == 4


@pytest.mark.parametrize(
    ("right", "wrong", "check"),
    [
        ("4111111111111111", "4111111111111112", luhn),
        ("236", "237", verhoeff),
        ("86095742719", "86095742718", iso_11_10),
        ("GB82WEST12345698765432", "GB82WEST12345698765433", iso_97_10),
        ("7569217076985", "7569217076986", ean13),
    ],
)
def test_check_digits(right: str, wrong: str, check: object) -> None:
    assert callable(check)
    assert check(right)
    assert not check(wrong)
