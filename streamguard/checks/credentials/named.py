"""Credentials known by the name they are given: `password=…`, `"api_key": "…"`, `our client secret is …`.

Three ways to name one, each asking more of the value than the one before: a password that is assigned, a key or token that is
assigned, and either in a sentence ("the password is …"). Names that hold the word but no credential (`public_key`, `token_count`, `cache_key`) do not
count, nor do values that refer to one (`$PASSWORD`, `settings.api_key`).
"""

import re
from typing import NamedTuple

from streamguard.checks.credentials.entropy import bits, drawn, invented, mixed, wordy
from streamguard.checks.text.matching import Pattern

_FOREIGN = (
    "kennwort", "contraseña", "contrasena", "senha", "wachtwoord", "hasło", "haslo", "lösenord", "salasana", "пароль", "密码", "密碼",
    "パスワード", "비밀번호",
)  # fmt: skip
"""What others call a password."""
CORES = ("pass", "pwd", "pw", "secret", "token", "key", "credential", "_auth", *_FOREIGN)
"""In lower case; a name holds one of them."""

_NAME = (
    rf"(?i:pass(?:word|wort|wd|phrase|code|e)?|pwd|pw|secret|token|key|credential|{'|'.join(_FOREIGN)}|_auth)s?"
    r"(?P<tail>[A-Za-z0-9_.-]{0,32}+)"
)
_GAP = (
    r"(?:"
    r"[\\\"'`\])*]{0,5}\s{0,4}(?::=|=>|->|={1,3}|:)\s{0,4}|\s{0,4}\|\s{1,4}"  # key = value, "key": value, **Key:** value, | key | value
    r"|>\s{0,4}"  # <key>value</key>
    r"|[\"']?\s{1,8}value\s{0,2}[=:]\s{0,2}"  # <add key="Password" value="…"/>, name: KEY followed by value: …
    r"|[\"'] ?, ?|[\"']\s{0,2},\s{0,8}[\"']value[\"']\s{0,2}:\s{0,2}"  # {"name": "KEY", "value": "…"}, ("key", "…")
    r"|(?P<option>\s)"  # --key value, ENV KEY value
    r")[*]{0,2}\s?[rbuf]?[\\]{0,3}[\"'`]?"
)
_VALUE = r"(?P<value>[A-Za-z0-9_.~+/!@#$%^&*?:-]{6,256}+={0,2})(?P<next>[(\[{<]?)"
_ASSIGNED = re.compile(_NAME + _GAP + _VALUE)
_PLAIN = r"[A-Za-z0-9_.~+/=-]"
_SAID = re.compile(
    r"(?i:pass(?:word|phrase|code)|secret|token|key|credential)s?\b[\"'`*:]{0,3}(?P<words>(?:\s{1,2}[A-Za-z]{1,12}+\b:?){0,5})\s{0,2}[:=]?\s{1,2}[\"'`(<*]{0,3}"
    rf"(?P<value>{_PLAIN}{{12,128}})"
)
_TOLD = re.compile(
    r"(?i:pass(?:word|wort|phrase|code)?|pwd|kennwort)(?:\s{1,2}(?i:for|of|to|on|für|von)(?:\s{1,2}[A-Za-z0-9_.-]{1,20}+){1,3}?)?"
    r"\s{1,2}(?i:is|was|ist|war|lautet|to)\s{1,2}[\"'`]?(?P<value>[!-~]{6,64})"
)
_BEFORE = re.compile(r"[A-Za-z0-9_.-]*\Z")
_QUALIFIERS = re.compile(
    r"(?:api|access|secret|auth|private|priv|master|signing|sign|encryption|encrypt|service|client|account|storage|shared|app|db|database"
    r"|user|root|admin|bearer|refresh|session|deploy|bot|web|webhook|license|ssh|aws|my|the|consumer|host|server|smtp|mail|mysql"
    r"|pg|redis|security|personal|oauth|id|x|ftp|login|git|npm|jwt|sa|registry|docker|write|read|ingest|project|key|token|user)\Z"
)
_NO_CREDENTIAL = Pattern(
    r"(?:public|pub|cache|primary|foreign|sort|partition|idempotency|row|object|routing|page|next|continu\w*|cursor|sync|csrf|xsrf|etag"
    r"|dedup\w*|group|trace|translation|i18n|react|map|site|publishable|anon|hot|short|index|unique|composite|lookup|dict|json|hash|metric"
    r"|max|min|num|total|input|output|prompt|completion|per|stop|pad|eos|bos|unk|mask|special|cancellation|device|push)[_.-]?(?:key|token)"
    r"|(?:key|token|secret|password|pwd|credential)s?[_.-]?(?:ids?|names?|count|counts|types?|len|length|size|limit|usage|used|path"
    r"|files?|dir|url|uri|endpoint|hint|policy|version|alias|arn|ttl|expiry|expires?\w*|index|prefix|suffix|format|field|column|vault|store|space|board|words?|frames?"
    r"|note|stone|ring|chain|pairs?|code|codes|map|set|spec|ref|refs|fingerprint|digest|sha\d*|md5|checksum|manager|provider|service|class|error|rotation|status)(?:\b|_)"
)
_NAMES_OF_PASSWORDS = ("pass", "pwd", "pw", *_FOREIGN)
_REFERENCE = re.compile(
    r"\$[A-Z0-9_]+\Z|\$[({]|%[A-Z_]+%|[@/.~]|(?:https?|file|s3|gs|arn|urn|vault|op|ssm)[:/]|(?:\S{0,60}@)?sha[0-9]{1,3}[:=-]|pk_(?:live|test)_|pk\.eyJ|phc_|sb_publishable_|AAAAB3Nza|\S*-[0-9]+(?:\.[0-9]+)+\Z|[\w-]+(?:\.[A-Za-z_]\w*)+\Z"
)
_NO_VALUE = re.compile(
    r"\b(?i:hash|sha|sha1|sha256|digest|fingerprint|checksum|id|ids|commit|md5|version|etag|uuid|request|order|trace)\b:?\Z"
)
_STRONG = re.compile(
    r"(?i)(?:api|access|auth|secret|private|bearer|service|signing|client|deploy|encryption|webhook|app)[ _.-]?\Z"
)
_LETTER = re.compile("[A-Za-z]")
_DIGIT = re.compile("[0-9]")
_SYMBOL = re.compile("[!@#$%^&*?+~]")
_MARK = re.compile("[0-9!@#$%^&*?+~]|[a-z][A-Z][A-Za-z]*[a-z][A-Z]")
_DATE = re.compile(r"[0-9TZ:./+-]+\Z")
NAME_BEFORE = 32


class Named(NamedTuple):
    """A value at `start` to `end` that its name makes a credential, and how sure that is (0 to 1)."""

    start: int
    end: int
    kind: str
    score: float


def named_at(text: str, place: int) -> Named | None:
    """The credential named by the word of `CORES` at `place` of `text`. Looks at some 400 characters after it at most."""
    match = _ASSIGNED.match(text, place)
    if match is not None and (found := _assigned(text, place, match)) is not None:
        return found
    match = _TOLD.match(text, place)
    if match is not None and (found := _told(match)) is not None:
        return found
    match = _SAID.match(text, place)
    return None if match is None else _said(text, place, match)


def _assigned(text: str, place: int, match: re.Match[str]) -> Named | None:
    if match["next"] in ("(", "[", "{"):
        return None
    value, start = _query_value(match["value"]), match.start("value")
    # Cheap and telling first: values that are plain words are most of what is assigned to such names in ordinary text.
    if not _LETTER.search(value) or not _MARK.search(value):
        return None
    name = _name(text, place, match.end("tail"))
    if name is None or match["tail"][:1].islower():
        return None
    before, whole = name
    if match["option"] and not before.startswith("--") and not whole.isupper():
        return None
    lowered = whole.lower()
    if _NO_CREDENTIAL.found_in(lowered):
        return None
    if any(word in lowered for word in _NAMES_OF_PASSWORDS):
        return Named(start, start + len(value), "password", 0.75) if is_password(value) else None
    return Named(start, start + len(value), "named_key", 0.75) if is_key(value) else None


def _told(match: re.Match[str]) -> Named | None:
    value = match["value"].rstrip(".,;:!?\"'`)")
    varied = mixed(value) or (_DIGIT.search(value) is not None and _SYMBOL.search(value) is not None)
    start = match.start("value")
    return Named(start, start + len(value), "password", 0.6) if varied and is_password(value) else None


def _said(text: str, place: int, match: re.Match[str]) -> Named | None:
    value = match["value"].rstrip(".")
    if len(value) < 16 or not _MARK.search(value) or _NO_VALUE.search(match["words"]):
        return None
    name = _name(text, place, place + 1)
    words = text[max(0, place - 16) : match.end("words")].lower().replace(" ", "_")
    if name is None or _NO_CREDENTIAL.found_in(words) or not is_key(value):
        return None
    if (len(value) >= 20 and mixed(value)) or _STRONG.search(text, max(0, place - 12), place) is not None:
        return Named(match.start("value"), match.start("value") + len(value), "named_key", 0.6)
    return None


def _name(text: str, place: int, end: int) -> tuple[str, str] | None:
    """What stands of the name before `place`, and all of it; None when the word is part of another (`monkey`, `keyboard`)."""
    match = _BEFORE.search(text, max(0, place - NAME_BEFORE), place)
    before = "" if match is None else match[0]
    if before[:1] in ("n", "r", "t") and text[max(0, place - len(before) - 1)] == "\\":
        before = before[1:]  # the letter of an escaped line break
    inside = before[-1:].isalnum() and not (before[-1].islower() and text[place].isupper())
    if inside and not before[-1].isdecimal() and _QUALIFIERS.search(before.lower()) is None:
        return None
    return before, before + text[place:end]


def _query_value(value: str) -> str:
    """Up to the next parameter, where the value stands in a URL."""
    first, _, rest = value.partition("&")
    return first if "=" in rest and len(first) >= 6 else value.rstrip(".:?")


def is_password(value: str) -> bool:
    """Could a person have chosen it as a password? Not when it refers to one, is a word, or only tells of one."""
    if len(value) < 6 or not _LETTER.search(value) or not _MARK.search(value):
        return False
    if _REFERENCE.match(value) or _DATE.match(value) or invented(value):
        return False
    return not ((len(value) > 24 or "." in value or "_" in value or "/" in value) and wordy(value))


def is_key(value: str) -> bool:
    """Could it be a key: long and drawn at random, no path and no name?"""
    if len(value) < 12 or (len(value) < 16 and not mixed(value)):
        return False
    if not _DIGIT.search(value) and (value.lower() == value or bits(value) < 3.5):
        return False
    return "://" not in value and not _REFERENCE.match(value) and not _DATE.match(value) and drawn(value)
