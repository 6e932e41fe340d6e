"""Placeholders in text that grows: the asker's own data is put back, tokens nobody gave out are treated as the policy says."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from streamguard.checks.contract import Action, Finding
from streamguard.checks.echo import MASK, EchoRules
from streamguard.checks.personal_data.placeholders import KINDS, TOKEN
from streamguard.checks.streaming.window import Piece, Tally
from streamguard.events.stages import Placeholder

_BEGUN = re.compile(r"\[[A-Z_]*[0-9]{0,6}\Z")
_ACTIONS: Mapping[Literal["off", "flag", "transform"], Action] = {
    "off": "pass",
    "flag": "flag",
    "transform": "transform",
}
_LONGEST = max(map(len, KINDS)) + 9


class Tokens:
    """The last stage. Holds what may become a token. What is put back is not looked at again."""

    name = "personal_echo"

    def __init__(self, rules: EchoRules, placeholders: Sequence[Placeholder], prompt_text: str) -> None:
        self.stopped = False
        self._values = {placeholder.token: placeholder.value for placeholder in placeholders}
        self._named = frozenset(TOKEN.findall(prompt_text))
        self._unknown: Action = _ACTIONS[rules.unknown_placeholder]
        self._tally = Tally()
        self._held = ""
        self._fed = 0

    def feed(self, piece: str) -> str:
        text = self._held + piece
        begun = _BEGUN.search(text, max(0, len(text) - _LONGEST)) if "[" in text else None
        end = len(text) if begun is None else begun.start()
        self._held = text[end:]
        return self._put_back(text[:end])

    def finish(self) -> str:
        held, self._held = self._held, ""
        return self._put_back(held)

    def finding(self) -> Finding:
        return self._tally.finding()

    def _put_back(self, text: str) -> str:
        out = TOKEN.sub(self._written, text) if "[" in text else text
        self._fed += len(text)
        return out

    def _written(self, match: re.Match[str]) -> str:
        token = match.group()
        value = self._values.get(token)
        if value is not None or token in self._named or self._unknown == "pass":
            return token if value is None else value
        self._tally.add(Piece(*match.span(), "placeholder", "unknown_placeholder", self._unknown), self._fed)
        return MASK if self._unknown == "transform" else token
