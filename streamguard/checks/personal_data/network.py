"""E-mail addresses, IP addresses and hardware (MAC) addresses."""

import ipaddress
import re
from collections.abc import Iterator

from streamguard.checks.text.matching import Pattern

# Latin, Greek, Cyrillic: wider classes would swallow the words of scripts that are written without spaces.
_LETTERS = r"\x{C0}-\x{24F}\x{370}-\x{52F}"
AT_SIGNS = ("@", "%40", "&#64;", "&#x40;", "\\u0040")
"""Also as it is escaped in addresses of pages, in HTML and in JSON."""
_AT = "|".join(map(re.escape, AT_SIGNS))
# No further validation: a needless placeholder is put back again, an address let through is not.
_EMAIL = Pattern(rf"[\w.%+'{_LETTERS}-]+(?:{_AT})(?:[\w{_LETTERS}-]+\.)+(?:xn--[\w-]+|[A-Za-z{_LETTERS}]{{2,}})")
_LOCAL, _DOMAIN = 64, 255
"""The longest parts that RFC 5321 allows."""
LONGEST = _LOCAL + 1 + _DOMAIN

_IPV4 = Pattern(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
_IPV6 = Pattern(r"(?i)(?:^|[^\w:.])((?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})", group=1)
_MAC = Pattern(
    r"(?i)\b(?:(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})\b"
)

_NUMBERED = re.compile(
    r"(?i)(?:version|ver|v|release|firmware|build|driver|kernel|revision|section|sections|clause|chapter|paragraph|abschnitt|kapitel"
    r"|upgrade[ds]? to|update[ds]? to|chrome|safari|firefox|edge)(?: is| was| no)?[ .:/#]{1,2}$"
)
_NUMBERED_REACH = 16


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Where e-mail addresses stand. Of a local part or a domain beyond the lengths of RFC 5321, what lies within them."""
    for start, end in _EMAIL.spans(text):
        if end - start <= _LOCAL:
            yield start, end
            continue
        at, sign = max((text.rfind(sign, start, end), sign) for sign in AT_SIGNS)
        first = max(start, at - _LOCAL)
        yield first, min(end, at + len(sign) + _DOMAIN, first + LONGEST)


def ip_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where IP addresses stand, except this machine's own and "any". Four numbers after "version" or "section" are none."""
    if text.count(".") > 2:
        for start, end in _IPV4.spans(text):
            if not _continues(text, start, end) and _is_address(text[start:end]) and not _numbered(text, start):
                yield start, end
    if text.count(":") > 1:
        for start, end in _IPV6.spans(text):
            beside, written = text[end : end + 1], text[start:end]
            if len(written) < 6 or beside.isalnum() or beside in ("_", ":") or _FINGERPRINT.fullmatch(written):
                continue
            if _is_address(written):
                yield start, end


def mac_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where hardware addresses stand, except broadcast and none."""
    if text.count(":") < 5 and text.count("-") < 5 and text.count(".") < 2:
        return
    for start, end in _MAC.spans(text):
        before, after = text[start - 1 : start], text[end : end + 1]
        digits = text[start:end].lower().translate(_NO_SEPARATORS)
        if "." in text[start:end] and (digits.isdigit() or _continues(text, start, end)):
            continue
        # Six groups inside a longer chain (a fingerprint, a UUID) are not an address.
        if before not in _LINKS and after not in _LINKS and len(set(digits)) > 1:
            yield start, end


_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}")
"""Eight bytes in a row: the piece of a key's fingerprint sooner than an address of groups that all lack two digits."""
_NO_SEPARATORS = {ord(separator): None for separator in ":-."}
_LINKS = frozenset({":", "-", "_"})


def _continues(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start]
    if before == "." or before.isalnum():
        return True
    after = text[end : end + 2]
    return after[:1].isalnum() or (after[:1] == "." and after[1:].isdigit())


def _numbered(text: str, start: int) -> bool:
    return _NUMBERED.search(text, max(0, start - _NUMBERED_REACH), start) is not None


def _is_address(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    # The machine itself and "anywhere" are nobody's address.
    return not (address.is_loopback or address.is_unspecified)
