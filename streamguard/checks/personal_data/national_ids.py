"""Identity, tax, health and insurance numbers of some thirty countries: their forms and check digits.

Two ways in. `WRITTEN` finds those whose form is telling (letters at fixed places, or fixed separators) anywhere; `fits` asks of
mere digits whether they are what a word before them announces. Sources: each country's own rules as collected in the OECD's
"Tax Identification Numbers" sheets and Wikipedia's "National identification number"; the arithmetic is in `checksums`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from streamguard.checks.personal_data.checksums import ean13, iso_11_10, luhn, verhoeff, weighted
from streamguard.checks.text.matching import Pattern

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_PPS = "WABCDEFGHIJKLMNOPQRSTUV"


def _day(year: str, month: str, day: str) -> bool:
    return len(year) > 1 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def _nhs(n: str) -> bool:
    return (11 - weighted(n, range(10, 1, -1)) % 11) % 11 == int(n[9])


def _de_tax(n: str) -> bool:
    # Of the first ten digits exactly one stands two or three times, and the first is not 0.
    counts = sorted((n[:10].count(digit) for digit in set(n[:10])), reverse=True)
    return n[0] != "0" and counts[0] in (2, 3) and counts[1] == 1 and iso_11_10(n)


def _nir(n: str) -> bool:
    body = n[:13].replace("2A", "19").replace("2B", "18")
    month = int(n[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and 97 - int(body) % 97 == int(n[13:])


def _dni(n: str) -> bool:
    return _DNI[int(n[:8].translate({88: 48, 89: 49, 90: 50})) % 23] == n[8]


_CF_ODD = dict(
    zip(
        _ALPHABET,
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21) * 2 + (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)


def _codice_fiscale(n: str) -> bool:
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in n[1:15:2])
    return chr(65 + (sum(_CF_ODD[c] for c in n[0:15:2]) + even) % 26) == n[15]


def _bsn(n: str) -> bool:
    return (weighted(n, range(9, 1, -1)) - int(n[8])) % 11 == 0 and n != "000000000"


def _pesel(n: str) -> bool:
    month = int(n[2:4]) % 20
    return 1 <= month <= 12 and 1 <= int(n[4:6]) <= 31 and weighted(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _personnummer(n: str) -> bool:
    ten = n[-10:]
    return _day(ten[:2], ten[2:4], str(int(ten[4:6]) % 60)) and luhn(ten)


def _cpr(n: str) -> bool:
    # Since 2007 some are given out without a right check digit: the date alone decides.
    return _day(n[4:6], n[2:4], n[:2])


def _fodselsnummer(n: str) -> bool:
    first = (11 - weighted(n, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11) % 11
    second = (11 - weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11
    return _day(n[4:6], str(int(n[2:4]) % 40), str(int(n[:2]) % 40)) and (first, second) == (int(n[9]), int(n[10]))


def _hetu(n: str) -> bool:
    return _day(n[4:6], n[2:4], n[:2]) and _HETU[int(n[:6] + n[7:10]) % 31] == n[10]


def _belgian(n: str) -> bool:
    body, check = int(n[:9]), int(n[9:])
    return _day(n[:2], str(int(n[2:4]) % 20), n[4:6]) and check in (97 - body % 97, 97 - (2_000_000_000 + body) % 97)


def _mod_11_to_zero(n: str, weights: range) -> bool:
    """The usual rule of Lusophone countries: 11 less the rest, and 10 or more is 0."""
    check = 11 - weighted(n, weights) % 11
    return (0 if check > 9 else check) == int(n[len(weights)])


def _pt_nif(n: str) -> bool:
    return n[0] in "123568" and _mod_11_to_zero(n, range(9, 1, -1))


def _cpf(n: str) -> bool:
    return len(set(n)) > 1 and _mod_11_to_zero(n, range(10, 1, -1)) and _mod_11_to_zero(n, range(11, 1, -1))


def _aadhaar(n: str) -> bool:
    return n[0] not in "01" and verhoeff(n)


def _sin(n: str) -> bool:
    return n[0] != "8" and luhn(n)


def _tfn(n: str) -> bool:
    return weighted(n, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0 and n != "000000000"


def _medicare(n: str) -> bool:
    return n[0] in "23456" and weighted(n, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(n[8])


def _chinese(n: str) -> bool:
    rest = weighted(n, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11
    return n[6:8] in ("18", "19", "20") and _day(n[6:10], n[10:12], n[12:14]) and "10X98765432"[rest] == n[17]


def _my_number(n: str) -> bool:
    rest = weighted(n, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest <= 1 else 11 - rest) == int(n[11])


def _rrn(n: str) -> bool:
    # The check digit is no longer kept for numbers given out since October 2020: form and date decide.
    return _day(n[:2], n[2:4], n[4:6]) and n[6] in "12345678"


def _south_african(n: str) -> bool:
    return _day(n[:2], n[2:4], n[4:6]) and n[10] in "012" and luhn(n)


def _kimlik(n: str) -> bool:
    digits = [int(digit) for digit in n]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def _cnp(n: str) -> bool:
    rest = weighted(n, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return n[0] != "0" and _day(n[1:3], n[3:5], n[5:7]) and (1 if rest == 10 else rest) == int(n[12])


def _svnr(n: str) -> bool:
    return n[0] != "0" and weighted(n, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(n[3])


def _pps(n: str) -> bool:
    more = 9 * (ord(n[8]) - 64) if len(n) == 9 and n[8] != "W" else 0
    return _PPS[(weighted(n[:7], range(8, 1, -1)) + more) % 23] == n[7]


def _rodne_cislo(n: str) -> bool:
    month = int(n[2:4]) % 50
    return _day(n[:2], str(month - 20 if month > 20 else month), n[4:6]) and int(n[:9]) % 11 % 10 == int(n[9])


def _ahv(n: str) -> bool:
    return n.startswith("756") and ean13(n)


def _rut(n: str) -> bool:
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(n[:-1])))
    return "0K987654321"[total % 11] == n[-1]


def _cuit(n: str) -> bool:
    return n[:2] in ("20", "23", "24", "27", "30", "33", "34") and (
        11 - weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    ) % 11 == int(n[10])


def _curp(n: str) -> bool:
    values = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(values.index(c) * (18 - place) for place, c in enumerate(n[:17]))
    return _day(n[4:6], n[6:8], n[8:10]) and (10 - total % 10) % 10 == int(n[17])


def _nric(n: str) -> bool:
    total = weighted(n[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if n[0] in "TG" else 3 if n[0] == "M" else 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(n[0], "XWUTRQPNMLK")
    return letters[10 - total % 11 if n[0] == "M" else total % 11] == n[8]


def _hkid(n: str) -> bool:
    head, digits, check = n[:-7], n[-7:-1], n[-1]
    values = [36] * (2 - len(head)) + [ord(c) - 55 for c in head] + [int(c) for c in digits]
    total = sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True))
    return (total + (10 if check == "A" else int(check))) % 11 == 0


def _taiwanese(n: str) -> bool:
    region = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(n[0]) + 10
    return (region // 10 + region % 10 * 9 + weighted(n[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def _nino(n: str) -> bool:
    return n[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _formed(_: str) -> bool:
    """No check digit: the form is all there is."""
    return True


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of number, as it looks without separators (in upper case), and its arithmetic."""

    shape: re.Pattern[str]
    checks: Callable[[str], bool]
    telling: bool = False
    """Whether it is believed where `WRITTEN` finds it, without a word before it."""


def _form(shape: str, checks: Callable[[str], bool], *, telling: bool = False) -> Form:
    return Form(re.compile(shape, re.ASCII), checks, telling)


FORMS: Mapping[str, Form] = {
    "uk_nhs": _form(r"\d{10}", _nhs),
    "uk_nino": _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", _nino, telling=True),
    "de_tax": _form(r"\d{11}", _de_tax),
    "fr_nir": _form(r"[1-478]\d{4}(?:\d\d|2[AB])\d{8}", _nir, telling=True),
    "es_dni": _form(r"(?:\d{8}|[XYZ]\d{7})[A-Z]", _dni, telling=True),
    "it_cf": _form(r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", _codice_fiscale, telling=True),
    "nl_bsn": _form(r"\d{9}", _bsn),
    "pl_pesel": _form(r"\d{11}", _pesel),
    "se_personnummer": _form(r"(?:19|20)?\d{10}", _personnummer, telling=True),
    "dk_cpr": _form(r"\d{10}", _cpr),
    "no_fodselsnummer": _form(r"\d{11}", _fodselsnummer),
    "fi_hetu": _form(r"\d{6}[-+A]\d{3}[0-9A-Y]", _hetu, telling=True),
    "be_nrn": _form(r"\d{11}", _belgian, telling=True),
    "pt_nif": _form(r"\d{9}", _pt_nif),
    "br_cpf": _form(r"\d{11}", _cpf, telling=True),
    "in_aadhaar": _form(r"\d{12}", _aadhaar),
    "in_pan": _form(r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z]", _formed),
    "ca_sin": _form(r"\d{9}", _sin),
    "au_tfn": _form(r"\d{9}", _tfn),
    "au_medicare": _form(r"\d{10,11}", _medicare),
    "cn_resident": _form(r"\d{17}[0-9X]", _chinese, telling=True),
    "jp_my_number": _form(r"\d{12}", _my_number),
    "kr_rrn": _form(r"\d{13}", _rrn, telling=True),
    "za_id": _form(r"\d{13}", _south_african),
    "tr_kimlik": _form(r"\d{11}", _kimlik),
    "ro_cnp": _form(r"\d{13}", _cnp),
    "hr_oib": _form(r"\d{11}", iso_11_10),
    "at_svnr": _form(r"\d{10}", _svnr),
    "ie_pps": _form(r"\d{7}[A-W][A-IW]?", _pps),
    "cz_rc": _form(r"\d{10}", _rodne_cislo, telling=True),
    "ch_ahv": _form(r"\d{13}", _ahv, telling=True),
    "cl_rut": _form(r"\d{7,8}[0-9K]", _rut, telling=True),
    "ar_cuit": _form(r"\d{11}", _cuit, telling=True),
    "mx_curp": _form(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", _curp, telling=True),
    "sg_nric": _form(r"[STFGM]\d{7}[A-Z]", _nric, telling=True),
    "hk_hkid": _form(r"[A-Z]{1,2}\d{6}[0-9A]", _hkid, telling=True),
    "tw_id": _form(r"[A-Z][1289]\d{8}", _taiwanese, telling=True),
    "il_id": _form(r"\d{9}", luhn),
}

_SHAPES = (
    r"[A-Z]{2}[ -]?\d\d[ -]?\d\d[ -]?\d\d[ -]?[A-D]"  # UK
    r"|[1-478][ .]?\d\d[ .]?\d\d[ .]?(?:\d\d|2[AB])[ .]?\d{3}[ .]?\d{3}[ .-]?\d\d"  # France
    r"|\d{8}[ -]?[A-Z]|\d\d\.\d{3}\.\d{3}-?[A-Z]|[XYZ][ -]?\d{7}[ -]?[A-Z]"  # Spain
    r"|[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]"  # Italy
    r"|(?:19|20)?\d{6}[-+]\d{4}|\d{6}[-+A]\d{3}[A-Y]"  # Sweden (Denmark's look the same), Finland
    r"|\d\d\.\d\d\.\d\d-\d{3}[.-]\d\d"  # Belgium
    r"|\d{3}\.\d{3}\.\d{3}-\d\d"  # Brazil
    r"|[A-Z]{5}\d{4}[A-Z]"  # India
    r"|\d{17}[0-9X]"  # China
    r"|\d{6}-[1-8]\d{6}"  # Korea
    r"|\d{7}[A-W][A-IW]?"  # Ireland
    r"|\d{6}/\d{4}"  # Czechia, Slovakia
    r"|756\.?\d{4}\.?\d{4}\.?\d\d"  # Switzerland
    r"|\d{1,2}\.\d{3}\.\d{3}-[0-9K]"  # Chile
    r"|(?:2[0347]|3[034])-\d{8}-\d"  # Argentina
    r"|[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d"  # Mexico
    r"|[STFGM]\d{7}[A-Z]|[A-Z][1289]\d{8}"  # Singapore, Taiwan
)
_WRITTEN = Pattern(rf"(?i)\b(?:(?:{_SHAPES})\b|[A-Z]{{1,2}}\d{{6}}\([0-9A]\))")  # the last is Hong Kong's
_SEPARATORS = re.compile(r"[ ./()-]")
_JOINED, _JOINED_AFTER = frozenset("_.+/-"), frozenset("_-")
"""What stands beside a piece of something longer."""

LONGEST = 26
"""Characters of the longest one, separators included."""


def written(text: str) -> Iterator[tuple[int, int]]:
    """Where something stands that looks like one of those with a telling form; the caller asks `form_of` what it is."""
    for start, end in _WRITTEN.spans(text):
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (before.isalnum() or after.isalnum() or before in _JOINED or after in _JOINED_AFTER):
            yield start, end


def form_of(found: str, announced: str | None) -> str | None:
    """The form that `found` (as written) has: `announced` if it fits that, else one that needs no announcement."""
    compact = _compact(found)
    if announced is not None and announced in FORMS and _fits(compact, announced):
        return announced
    return next((name for name, form in FORMS.items() if form.telling and _fits(compact, name)), None)


def fits(digits: str, announced: str) -> str | None:
    """The form that bare `digits` have: the one announced, or any when an identity number as such is announced."""
    if announced in FORMS:
        return announced if _fits(digits, announced) else None
    return next((name for name in FORMS if _fits(digits, name)), None)


def _fits(compact: str, name: str) -> bool:
    form = FORMS[name]
    return form.shape.fullmatch(compact) is not None and form.checks(compact)


def _compact(found: str) -> str:
    upper = found.upper()
    # Finland's sign between date and serial says the century: it belongs to the number.
    if len(upper) == 11 and upper[6] in "-+A" and upper[:6].isdigit():
        return upper if upper[10].isalpha() else _SEPARATORS.sub("", upper)
    return _SEPARATORS.sub("", upper.replace("+", ""))
