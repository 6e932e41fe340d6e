"""The policy: which checks run with which knobs, as one versioned file says it, with differences per prompt.

A policy is a TOML file: `version`, the sections `[input.…]` and `[output.…]` (each named after its check; the check's own
module says what its keys mean), and under `[prompts.NAME.…]` what is different for one prompt. Tables are merged key by key;
a list replaces the whole list. What a file leaves out has the default that stands beside the check.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, JsonValue, StringConstraints, ValidationError
from pydantic_core import to_json

from streamguard import __version__
from streamguard.checks.bounds import BoundsRules
from streamguard.checks.business_rules import BusinessRules
from streamguard.checks.coherence import CoherenceRules
from streamguard.checks.contract import Rules
from streamguard.checks.echo import EchoRules
from streamguard.checks.encoded import EncodedRules
from streamguard.checks.injection import InjectionRules
from streamguard.checks.lists import ListRules
from streamguard.checks.moderating.scores import ModerationRules
from streamguard.checks.personal import PersonalRules
from streamguard.checks.prompt_leak import PromptLeakRules
from streamguard.checks.remote import RemoteRules
from streamguard.checks.secrets import SecretsRules
from streamguard.checks.unicode import UnicodeRules
from streamguard.errors import ConfigError
from streamguard.resources import resource_dir

Version = Annotated[str, StringConstraints(min_length=1, max_length=48, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class InvalidPolicy(ConfigError):
    """A policy file is wrong. The message names the file and the key."""


class InputRules(Rules):
    """What is checked of a request, in the order of the chain."""

    bounds: BoundsRules = BoundsRules()
    unicode: UnicodeRules = UnicodeRules()
    secrets: SecretsRules = SecretsRules()
    encoded: EncodedRules = EncodedRules()
    lists: ListRules = ListRules()
    injection: InjectionRules = InjectionRules()
    moderation: ModerationRules = ModerationRules()
    personal: PersonalRules = PersonalRules()
    remote: Mapping[str, RemoteRules] = Field(default_factory=dict)
    """Models asked after the chain about what it left, by their names in `[[remote_checks]]` of the configuration."""


class OutputRules(Rules):
    """What is checked of an answer, in the order of the chain."""

    unicode: UnicodeRules = UnicodeRules()
    coherence: CoherenceRules = CoherenceRules()
    prompt_leak: PromptLeakRules = PromptLeakRules()
    secrets: SecretsRules = SecretsRules()
    lists: ListRules = ListRules()
    moderation: ModerationRules = ModerationRules()
    business: BusinessRules = BusinessRules()
    personal_echo: EchoRules = EchoRules()
    remote: Mapping[str, RemoteRules] = Field(default_factory=dict)
    """Models asked after the chain about what it left, by their names in `[[remote_checks]]` of the configuration."""


class PromptPolicy(Rules):
    """The rules for the requests and the answers of one prompt."""

    input: InputRules = InputRules()
    output: OutputRules = OutputRules()


class Policy(PromptPolicy):
    """A whole policy: the rules for every prompt, and what is different for some of them. Frozen; see `load`."""

    version: Version
    """The operator's name for it. Records carry `stamp`, which changes with the content even where this was forgotten."""
    prompts: Mapping[str, Mapping[str, JsonValue]] = Field(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        _ = self._merged  # whatever is wrong with a prompt's rules is wrong with the policy

    @cached_property
    def stamp(self) -> str:
        """`version`, and eight hex digits of a digest over all rules with their defaults, and the release that applies them.

        It is what verdicts, signatures and the cache's fingerprints name.
        """
        told = self.model_dump(exclude={"version"}) | {"release": __version__}
        return f"{self.version}+{hashlib.sha256(to_json(_sorted(told))).hexdigest()[:8]}"

    def of(self, prompt: str) -> PromptPolicy:
        """The rules of the prompt of that name: its own, or those for every prompt."""
        return self._merged.get(prompt, self)

    @cached_property
    def _merged(self) -> dict[str, PromptPolicy]:
        common = self.model_dump(include={"input", "output"})
        return {name: _of_prompt(name, common, own) for name, own in self.prompts.items()}


def load(file: Path | None = None) -> Policy:
    """The policy of `file`, or the one that comes along. Raises `InvalidPolicy`."""
    file = resource_dir("policies") / "default.toml" if file is None else file
    try:
        return Policy(**tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidPolicy(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InvalidPolicy(f"{file}: is no UTF-8 text, as TOML must be") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidPolicy(f"{file}: is no valid TOML ({error})") from None
    except TypeError:  # a key of the file that is no keyword, such as an empty one
        raise InvalidPolicy(f"{file}: there is a key that no policy has") from None
    except ValidationError as error:
        raise InvalidPolicy(f"{file}: {_problems(error)}") from None
    except InvalidPolicy as error:
        raise InvalidPolicy(f"{file}: {error}") from None


def _of_prompt(name: str, common: Mapping[str, Any], own: Mapping[str, JsonValue]) -> PromptPolicy:
    try:
        return PromptPolicy(**_over(common, own))
    except ValidationError as error:
        raise InvalidPolicy(_problems(error, f"prompts.{name}.")) from None


def _over(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`common` with the values of `own` in their places."""
    merged = dict(common)
    for key, value in own.items():
        before = merged.get(key)
        merged[key] = _over(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        table: dict[str, Any] = value
        return {key: _sorted(table[key]) for key in sorted(table)}
    if isinstance(value, frozenset):  # whose order is another one in each process
        members: frozenset[str] = value
        return sorted(members)
    return value


def _problems(error: ValidationError, prefix: str = "") -> str:
    return "; ".join(
        f"{prefix}{'.'.join(str(part) for part in item['loc']) or 'policy'}: "
        + ("there is no such key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_input=False, include_url=False)
    )
