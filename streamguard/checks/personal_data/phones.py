"""Telephone numbers: which digits some country's numbering plan allows.

Lengths and leading digits come from phonenumbers (Google's libphonenumber), taken as patterns: parsing each candidate for each
country would take a hundred times as long.
"""

import re
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_NATIONAL_REGIONS = (
    "GB",
    "DE",
    "FR",
    "IT",
    "AT",
    "CH",
    "NL",
    "BE",
    "ES",
    "AU",
    "SE",
    "FI",
    "NZ",
    "ZA",
    "IE",
    "JP",
    "IN",
)
"""Whose numbers are recognised without a word that announces them, when they begin with the trunk digit 0."""

_NORTH_AMERICAN = re.compile(r"(?:\+?1[-. /]?)?(?:[2-9]\d{2}[-. /]{1,2}|\([2-9]\d{2}\)[-. /]{0,2})\d{3}[-. ]\d{4}")
_TOLL_FREE = re.compile(r"(?:\+?1[-. ]?)?\(?8(?:00|33|44|55|66|77|88)\)?[-. ]|0800[-. ]|800[-. ]\d{3}[-. ]?\d{3}")
_GROUPED = re.compile(r"\(?0[1-9]\d{0,4}\)?(?:[-. /]{1,2}\d{2,8}){1,5}")
_EXTENSION = re.compile(r"(?i) ?(?:x|(?:ext|extension|durchwahl|poste)\.? ?)[0-9]{1,6}$")


def without_extension(written: str) -> str:
    return _EXTENSION.sub("", written)


def is_service(written: str) -> bool:
    """Whether it is toll-free: a company's, nobody's own."""
    return _TOLL_FREE.match(written) is not None


def is_international(written: str, digits: str) -> bool:
    """Whether it is a country's code (after `+` or `00`) and as many digits as that country's numbers have."""
    if written.startswith(("+", "(+")):
        return _possible(digits)
    if digits.startswith("00") and len(digits) >= 11:
        return _possible(digits[2:])
    return digits.startswith("011") and len(digits) >= 13 and _possible(digits[3:])


def is_national(written: str, digits: str) -> bool:
    """Whether it is a telephone's without a word about it: as North America writes them, or from the trunk digit 0 on."""
    if _NORTH_AMERICAN.fullmatch(written):
        return True
    if not 9 <= len(digits) <= 12 or not digits.startswith("0"):
        return False
    # Digits without a gap may be anything; that a mobile's are written so is common enough to believe it.
    if written.isdigit():
        return any(_plan(region, mobile=True).fullmatch(digits) for region in _NATIONAL_REGIONS)
    return _GROUPED.fullmatch(written) is not None and any(
        _plan(region, mobile=False).fullmatch(digits) for region in _NATIONAL_REGIONS
    )


def _possible(digits: str) -> bool:
    for length in (1, 2, 3):
        if int(digits[:length]) in COUNTRY_CODE_TO_REGION_CODE:
            rest = digits[length:]
            lengths = _lengths(int(digits[:length]))
            # People write the trunk digit too: +44 (0)20 ...
            return len(rest) in lengths or (rest.startswith("0") and len(rest) - 1 in lengths)
    return False


@cache
def _lengths(country_code: int) -> frozenset[int]:
    region = COUNTRY_CODE_TO_REGION_CODE[country_code][0]
    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(country_code)
        if region == "001"
        else PhoneMetadata.metadata_for_region(region)
    )
    described = metadata.general_desc if metadata is not None else None
    return frozenset(described.possible_length) if described is not None else frozenset()


@cache
def _plan(region: str, *, mobile: bool) -> re.Pattern[str]:
    """The region's numbers as dialled at home. The patterns are alternatives of digit classes, for at most a dozen digits."""
    metadata = PhoneMetadata.metadata_for_region(region)
    described = None if metadata is None else metadata.mobile if mobile else metadata.general_desc
    if metadata is None or described is None or described.national_number_pattern is None:
        raise ValueError(f"no numbering plan for {region}")
    # Italy's zero is part of the number; elsewhere it only says that an area code follows.
    trunk = "" if metadata.national_prefix is None else metadata.national_prefix
    return re.compile(rf"{trunk}(?:{described.national_number_pattern})")
