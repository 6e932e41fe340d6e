"""`streamguard check`: what guard or verify would say about a text, and where."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
import orjson
from rich.console import Console

from streamguard import config
from streamguard.answers.escapes import looks_like_json, unescaped
from streamguard.checks import policy as policies
from streamguard.checks.chain import Chains, InputChain, OutputChain, content_key, steps
from streamguard.checks.contract import Direction, Role
from streamguard.checks.personal_data.placeholders import PlaceholderMap
from streamguard.checks.policy import Policy
from streamguard.cli.check_showing import OUTCOMES, Answer, records, show, summary
from streamguard.cli.check_texts import STDIN, Form, Given, read, read_text
from streamguard.cli.worker import config_option
from streamguard.config import Config
from streamguard.errors import InputError

policy_option = click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="Policy file (TOML); default: the configured one, or the one that comes along.",
)


@click.command()
@click.argument("file", default=STDIN)
@click.option(
    "--direction",
    type=click.Choice(["input", "output"]),
    default="input",
    show_default=True,
    help="As guard checks what is asked, or as verify checks what is answered.",
)
@click.option(
    "--prompt",
    metavar="NAME",
    help="By the policy's rules for this prompt; default: the request's, or the configured one.",
)
@click.option("--role", type=click.Choice(get_args(Role)), help="Whose words they are; default: user, or assistant.")
@policy_option
@config_option
@click.option("--lines", is_flag=True, help="One text a line.")
@click.option("--jsonl", is_flag=True, help='One {"text": …, "role": …} a line; role and other fields may be there.')
@click.option("--request", "requests", is_flag=True, help="One whole Request record a line.")
@click.option(
    "--system", metavar="FILE", help="Output: the instructions that the model had, to find them in the answer."
)
@click.option("--asked", metavar="FILE", help="Output: what was asked; data that stand in it may stand in the answer.")
@click.option(
    "--fail-on", type=click.Choice(OUTCOMES[1:]), default="block", show_default=True, help="Status 1 from here on."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a verdict, and one for each outcome. No text.")
def check(
    file: str,
    direction: Direction,
    prompt: str | None,
    role: Role | None,
    policy_file: Path | None,
    config_file: Path | None,
    lines: bool,
    jsonl: bool,
    requests: bool,
    system: str | None,
    asked: str | None,
    fail_on: str,
    as_json: bool,
) -> None:
    """Check FILE (or standard input) as guard checks what is asked, or verify the text of an answer.

    A verdict a line: what to do, the check, its code (`streamguard explain CODE`), its score and what that is made of. Then the
    text, with what was found marked, in each form in which something was found: checks change what the next ones see. Then the
    outcome: pass, flag, escalate or block, with the reason. Nothing is sent, logged or kept. Remote checks are not asked.

    Ends with status 0, with 1 when something was blocked, with 2 when it was called wrongly.

    \b
    Examples:
      echo "Where is my parcel? Write to anna@example.com" | streamguard check
      streamguard check --lines --json questions.txt
      streamguard check --direction output --prompt support --system system.txt answer.txt
    """
    form = _form(lines, jsonl, requests)
    if direction == "input" and (system or asked):
        raise InputError("--system and --asked belong to --direction output")
    if direction == "output" and (form == "request" or role):
        raise InputError("an answer is no request and has no role: leave out --request and --role")
    loaded, policy = load(config_file, policy_file)
    if [file, system, asked].count(STDIN) > 1:
        raise InputError("standard input can be only one of the answer, --system and --asked")
    checker = _Checker(loaded, policy, read_text(system) if system else "", read_text(asked) if asked else "")
    _say_what_is_left_out(policy, direction, prompt, loaded.policy.default_prompt)
    console = Console(highlight=False, markup=False, emoji=False)
    counts: Counter[str] = Counter()
    its_role: Role = role or ("user" if direction == "input" else "assistant")
    for given in read(file, form, its_role, direction):
        answer = checker.asked(given, prompt) if direction == "input" else checker.answered(given, prompt)
        counts[answer.outcome] += 1
        if as_json:
            for record in records(answer):
                click.echo(orjson.dumps(record))
        else:
            show(answer, console)
    if not counts:
        raise InputError(f"{file}: holds no text")
    if not as_json and form != "text":
        click.echo(summary(counts))
    sys.exit(int(any(counts[outcome] for outcome in OUTCOMES[OUTCOMES.index(fail_on) :])))


def load(config_file: Path | None, policy_file: Path | None) -> tuple[Config, Policy]:
    """The configuration, and the policy: of that file, or as configured. Raises `ConfigError`."""
    loaded = config.load(config_file)
    return loaded, policies.load(policy_file or loaded.policy.file)


class _Checker:
    """The chains of a policy, built as they are needed."""

    def __init__(self, loaded: Config, policy: Policy, system: str, asked: str) -> None:
        # As a worker derives it, so that these verdicts' hashes are found in the store.
        key = content_key(loaded.policy.secret().get_secret_value().encode())
        self._policy = policy
        self._default_prompt = loaded.policy.default_prompt
        self._key = key
        self._system = system
        self._asked = asked
        self._inputs: Chains[InputChain] | None = None
        self._outputs: Chains[OutputChain] | None = None

    def asked(self, given: Given, prompt: str | None) -> Answer:
        """As guard sees it: by the rules of the prompt named, else of the one that the request names."""
        self._inputs = self._inputs or Chains(InputChain, self._policy, self._key)
        chain = self._inputs.of(prompt or given.prompt or self._default_prompt)
        result = chain.run(given.subjects)
        beyond = any(verdict.check == "bounds" and verdict.action == "block" for verdict in result.verdicts)
        checks = chain.checks(PlaceholderMap())
        seen = () if beyond else tuple(tuple(steps(checks, subject)) for subject in given.subjects)
        return Answer(given, result, seen, self._policy.stamp)

    def answered(self, given: Given, prompt: str | None) -> Answer:
        """As verify sees it, but for the form of the answer and for the actions it wants: JSON with its line breaks as such."""
        self._outputs = self._outputs or Chains(OutputChain, self._policy, self._key)
        chain = self._outputs.of(prompt or self._default_prompt)
        subject = given.subjects[0]
        if looks_like_json(subject.text):
            subject = replace(subject, text=unescaped(subject.text))
        result = chain.run(subject.text, system_text=self._system, asked=self._asked)
        seen = tuple(steps(chain.checks((), self._system, self._asked), subject))
        return Answer(given, result, (seen,), self._policy.stamp)


def _form(lines: bool, jsonl: bool, requests: bool) -> Form:
    if lines + jsonl + requests > 1:
        raise InputError("--lines, --jsonl and --request are three forms of a file; give one of them")
    return "lines" if lines else "jsonl" if jsonl else "request" if requests else "text"


def _say_what_is_left_out(policy: Policy, direction: Direction, prompt: str | None, default: str) -> None:
    if prompt is not None and prompt not in policy.prompts:
        own = f"it has some for {', '.join(sorted(policy.prompts))}" if policy.prompts else "it has none for any prompt"
        click.echo(
            f"streamguard: the policy has no rules of its own for {prompt!r} ({own}); the common ones hold", err=True
        )
    rules = policy.of(prompt or default)
    remote = rules.input.remote if direction == "input" else rules.output.remote
    if remote:
        click.echo(f"streamguard: not asked: {', '.join(f'remote.{name}' for name in sorted(remote))}", err=True)
