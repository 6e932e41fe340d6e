"""Made-up values for the slots of the examples: plausible to every check, and nobody's."""

from random import Random

_CITIES = ("Graz", "Lyon", "Porto", "Leeds", "Turin", "Bergen", "Ghent", "Brno", "Cork", "Malmo")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "3 March", "17 June", "29 October")
_TOKEN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PHONES = ("+1 212-555-01{:02}", "+1 (415) 555-01{:02}", "+44 20 7946 00{:02}", "+33 1 99 00 12 {:02}")
"""Ranges that the numbering authorities keep for fiction."""
_CARD_PREFIXES = ("411111111", "555555555", "400000000", "520082828")
"""Beginnings of the card networks' test numbers."""
_IBANS = (("DE", "500000"), ("NL", "TEST"), ("GB", "TEST000000"))
"""Country, and the start of an account number at a bank that does not exist."""
_IBAN_DIGITS = {"DE": 18, "NL": 14, "GB": 18}


def email(rng: Random, name: str) -> str:
    return f"{name.lower().replace(' ', '.')}{rng.randrange(10_000)}@example.com"


def phone(rng: Random) -> str:
    return rng.choice(_PHONES).format(rng.randrange(100))


def card(rng: Random) -> str:
    """Sixteen digits in groups of four, with a valid check digit (Luhn)."""
    digits = rng.choice(_CARD_PREFIXES)
    digits += "".join(str(rng.randrange(10)) for _ in range(15 - len(digits)))
    total = sum(sum(divmod(int(digit) * 2, 10)) if place % 2 == 0 else int(digit) for place, digit in enumerate(digits))
    digits += str(-total % 10)
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def iban(rng: Random) -> str:
    """In groups of four, with valid check digits (ISO 7064, mod 97)."""
    country, account = rng.choice(_IBANS)
    account += "".join(str(rng.randrange(10)) for _ in range(_IBAN_DIGITS[country] - len(account)))
    as_number = "".join(str(int(letter, 36)) for letter in account + country + "00")
    whole = f"{country}{98 - int(as_number) % 97:02}{account}"
    return " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def secret(rng: Random) -> str:
    """Something in the form of a credential that a check must know."""

    def letters(count: int, of: str = _TOKEN_LETTERS) -> str:
        return "".join(rng.choices(of, k=count))

    return rng.choice(("AKIA" + letters(16, _BASE32), "ghp_" + letters(36)))


def slots(rng: Random, *, product: str, name: str) -> dict[str, str]:
    """One value for each slot that tickets have."""
    return {
        "product": product,
        "name": name,
        "order": f"A-{rng.randrange(10_000, 99_999)}",
        "day": rng.choice(_DAYS),
        "city": rng.choice(_CITIES),
        "amount": f"{rng.randrange(5, 400)}.{rng.randrange(100):02}",
        "minutes": str(rng.randrange(2, 90)),
        "code": f"E-{rng.choice((17, 23, 31, 42))}",
        "email": email(rng, name),
        "phone": phone(rng),
        "card": card(rng),
        "iban": iban(rng),
    }
