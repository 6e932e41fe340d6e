"""The checks of answers over a stream: what may be shown of an answer that is still being written.

In the order of the output chain: `unicode`, `prompt_leak`, `secrets`, then what refuses an answer for a phrase (`lists`,
`moderation`, the forbidden words of `business`), `personal_echo`; last, the asker's own data is put back. Each step takes what
the one before it let go, and holds what may still turn out to be something. Plain prose leaves word by word.

What was shown altogether is the same however the text was cut, and what the chain makes of the whole where neither refuses it.
Catches what the chain's checks of passages catch. Misses what can only be measured of a whole answer (coherence, length,
disclaimers, verdicts that only flag): that, and the last word, is the chain's, which runs at the end. A check that fails ends the
stream.

Costs 50 to 100 µs a word, in chunks of a few words; 10 characters are held on average, 48 at most in 99 of 100 cases
(`python -m benchmarks.stream_filter`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streamguard.checks.business import Business
from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.contract import Finding
from streamguard.checks.echo import PersonalEcho
from streamguard.checks.lists import Lists
from streamguard.checks.moderation import Moderation
from streamguard.checks.policy import OutputRules
from streamguard.checks.secrets import LONGEST_SECRET, Secrets
from streamguard.checks.secrets import MASK as SECRET
from streamguard.checks.streaming.phrases import Phrases, phrases_of
from streamguard.checks.streaming.spotters import ROUNDS, LeakSpotter, PersonalSpotter, SecretSpotter
from streamguard.checks.streaming.tokens import Tokens
from streamguard.checks.streaming.unicode import Normaliser
from streamguard.checks.streaming.window import Stage, Window
from streamguard.checks.text.matching import Words
from streamguard.events.reason import Reason
from streamguard.events.stages import Placeholder

CHECK_ERROR = "check_error"


@dataclass(frozen=True, slots=True)
class StreamResult:
    """What a stream filter has done so far.

    `findings` by the names of their checks; spans count characters of all the text that the check was given, from the answer's
    beginning. `blocked` says why nothing more is shown, None while all is well; `code` is that finding's.
    """

    findings: Mapping[str, Finding] = field(default_factory=dict[str, Finding])
    blocked: Reason | None = None
    code: str = ""


class StreamFilter:
    """Filters one answer while it comes: `feed` it, then `finish` it. Neither raises.

    Once `result.blocked` is set, both give nothing more: what was shown should be withdrawn.
    """

    def __init__(
        self,
        rules: OutputRules,
        *,
        placeholders: Sequence[Placeholder] = (),
        system_text: str = "",
        asked: str = "",
        canary: str | None = None,
        phrases: "PhraseRules | None" = None,
    ) -> None:
        """The arguments are those of `OutputChain.run`; `phrases` saves compiling them anew."""
        prompt_text = f"{system_text}\n{asked}\n{rules.business.own_words}"
        echo = PersonalEcho(rules.personal_echo, placeholders, prompt_text)
        self._phrases = (PhraseRules(rules) if phrases is None else phrases).stage()
        masks = ROUNDS if rules.personal_echo.foreign == "transform" else 1
        self._stages: tuple[Stage, ...] = (
            Normaliser(),
            Window("prompt_leak", LeakSpotter(rules.prompt_leak, system_text, canary)),
            Window(
                *("secrets", SecretSpotter(Secrets(rules.secrets, asked=asked))),
                cap=LONGEST_SECRET + 1_024,
                mask=SECRET,
            ),
            self._phrases,
            *(
                Window(
                    "personal_echo",
                    PersonalSpotter(rules.personal_echo, echo, again=place > 0, last=place == ROUNDS),
                )
                for place in range(masks + (masks == ROUNDS))
            ),
            Tokens(rules.personal_echo, placeholders, prompt_text),
        )
        self._failed = False

    @property
    def result(self) -> StreamResult:
        if self._failed:
            return StreamResult({}, Reason.INTERNAL, CHECK_ERROR)
        findings: dict[str, Finding] = {}
        blocked: Finding | None = None
        for stage in self._stages:
            finding = stage.finding()
            if stage.stopped:
                # Of several the last one: it lets the least be seen.
                blocked = finding
            if finding.action != "pass":
                findings.setdefault(self._phrases.check if stage is self._phrases else stage.name, finding)
        if blocked is None:
            return StreamResult(findings)
        return StreamResult(findings, blocked.reason or Reason.INTERNAL, blocked.code)

    @property
    def stopped(self) -> bool:
        """Whether `result.blocked` is set; cheaper than asking for it after each chunk."""
        return self._failed or any(stage.stopped for stage in self._stages)

    def feed(self, chunk: str) -> str:
        """What may be shown now that `chunk` has come."""
        return self._run(chunk, ended=False)

    def finish(self) -> str:
        """The rest, when the answer is complete. Feed nothing afterwards."""
        return self._run("", ended=True)

    def _run(self, text: str, *, ended: bool) -> str:
        if self.stopped:
            return ""
        try:
            for stage in self._stages:
                text = stage.feed(text) if text else ""
                if ended and not stage.stopped:
                    text += stage.finish()
                # What comes after a step that stopped is complete with what it let go.
                ended = ended or stage.stopped
        except Exception:  # noqa: BLE001  # whatever it is, nothing unchecked is shown, and its message may hold text
            self._failed = True
            return ""
        return text


class PhraseRules:
    """The phrases of one prompt's rules, compiled once for all its streams."""

    def __init__(self, rules: OutputRules) -> None:
        business = _only_phrases(rules.business)
        self.checks = Lists(rules.lists), Moderation(rules.moderation), Business(business)
        self.phrases = phrases_of(rules.lists, rules.moderation, business)
        literals = [check.literals for check in self.checks]
        self._literals = Words({word for words in literals for word in words or ()}) if None not in literals else None
        self._patterns = bool(rules.lists.deny or business.forbidden_patterns)

    def stage(self) -> Phrases:
        return Phrases(self.checks, self.phrases, patterns=self._patterns, literals=self._literals)


def _only_phrases(rules: BusinessRules) -> BusinessRules:
    """What of `rules` a part of an answer can break."""
    return BusinessRules(
        forbidden=rules.forbidden,
        forbidden_patterns=rules.forbidden_patterns,
        forbidden_action=rules.forbidden_action,
        claims=rules.claims,
        competitors=rules.competitors,
        competitors_action=rules.competitors_action,
    )
