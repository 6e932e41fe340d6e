"""Check digits: the arithmetic by which card, account and identity numbers are told from any other number.

All take digits (letters where stated) without separators and are constant or linear in their length.
"""

from collections.abc import Sequence

_VERHOEFF_TIMES = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_VERHOEFF_TURN = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """Whether the check digit at the end of `digits` is right (ISO/IEC 7812-1, annex B)."""
    values = [ord(digit) - 48 for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0


def verhoeff(digits: str) -> bool:
    """Verhoeff's check over the dihedral group of order ten (J. Verhoeff, Error Detecting Decimal Codes, 1969)."""
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = int(_VERHOEFF_TIMES[state][int(_VERHOEFF_TURN[place % 8][int(digit)])])
    return state == 0


def iso_11_10(digits: str) -> bool:
    """ISO/IEC 7064, the hybrid system MOD 11,10 (Germany's tax id, Croatia's OIB)."""
    product = 10
    for digit in digits[:-1]:
        rest = (int(digit) + product) % 10 or 10
        product = rest * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def iso_97_10(written: str) -> bool:
    """ISO/IEC 7064 MOD 97-10 as accounts use it (ISO 13616): the first four characters go to the end.

    Letters are upper-case and count 10 to 35.
    """
    return int("".join(str(int(character, 36)) for character in written[4:] + written[:4])) % 97 == 1


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of each digit times its weight, as far as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def ean13(digits: str) -> bool:
    """The check digit of a GTIN-13 (GS1 General Specifications)."""
    return weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0
