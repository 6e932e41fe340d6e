"""The policy file: one place for every knob, with differences per prompt, and errors that name the key."""

from pathlib import Path

import pytest

from streamguard.checks.chain import Chains, InputChain
from streamguard.checks.contract import Subject, Thresholds
from streamguard.checks.policy import InvalidPolicy, Policy, load
from streamguard.events.reason import Reason

TOLD = """
version = "shop-3"

[input.injection.user]
flag = 0.2
block = 0.9

[input.bounds]
max_characters = 500

[prompts.classify.input.injection.user]
block = 0.4

[prompts.support.output.personal_echo]
allow = ["shop.example"]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "policy.toml"
    file.write_text(text)
    return file


def test_the_one_that_comes_along_is_valid() -> None:
    assert load().of("support").input.bounds.max_characters > 0


def test_a_prompt_has_the_common_rules_but_for_what_it_says_itself(tmp_path: Path) -> None:
    policy = load(written(tmp_path, TOLD))

    assert policy.of("chat").input.injection.user == Thresholds(flag=0.2, block=0.9)
    assert policy.of("classify").input.injection.user == Thresholds(flag=0.2, block=0.4)
    assert policy.of("classify").input.bounds.max_characters == 500
    assert policy.of("support").output.personal_echo.allow == ("shop.example",)
    assert policy.of("chat").output.personal_echo.allow == ()


def test_a_threshold_that_is_left_out_keeps_its_default_and_never_switches_it_off(tmp_path: Path) -> None:
    told = 'version = "1"\n[input.injection.user]\nflag = 0.2\n[input.injection.document]\nblock = "never"\n'
    told += '[input.remote.judge.thresholds]\nblock = 0.9\n[prompts.lax.input.injection.user]\nblock = "never"\n'
    policy = load(written(tmp_path, told))

    assert policy.input.injection.user == Thresholds(flag=0.2, block=0.5)
    assert policy.input.injection.document == Thresholds(flag=0.3)
    assert policy.input.remote["judge"].thresholds == Thresholds(flag=0.5, block=0.9)
    assert policy.of("lax").input.injection.user == Thresholds(flag=0.2)


def test_the_stamp_changes_with_any_rule_even_where_the_version_was_forgotten(tmp_path: Path) -> None:
    policy = load(written(tmp_path, TOLD))
    other = load(written(tmp_path, TOLD.replace("0.4", "0.5")))

    assert policy.stamp.startswith("shop-3+")
    assert policy.stamp == load(written(tmp_path, TOLD + "\n# a comment\n")).stamp
    assert policy.stamp.startswith("shop-3+")
    assert other.stamp != policy.stamp


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "version: Field required"),
        ('version = "a b"', "version: String should match"),
        ('version = "1"\n[input.injektion]\nx = 1', "input.injektion: there is no such key"),
        ('version = "1"\n[input.bounds]\nmax_characters = 0', "input.bounds.max_characters: "),
        (
            'version = "1"\n[prompts.a.input.bounds]\ncharacters = 1',
            "prompts.a.input.bounds.characters: there is no such key",
        ),
        (
            'version = "1"\n[input.injection.user]\nflag = 0.9\nblock = 0.1',
            "input.injection.user: flag, escalate and block",
        ),
        (
            'version = "1"\n[prompts.a.input.injection.user]\nflag = 0.99',
            "prompts.a.input.injection.user: flag, escalate",
        ),
        ('version = "1"\nversion = "2"', "is no valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidPolicy) as raised:
        load(written(tmp_path, text))
    assert problem in str(raised.value)
    assert str(tmp_path / "policy.toml") in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_each_prompt_is_checked_by_its_own_rules() -> None:
    policy = Policy(version="1", prompts={"short": {"input": {"bounds": {"max_characters": 5}}}})
    chains = Chains(InputChain, policy, b"key")

    assert chains.of("short").run([Subject("Where is it?")]).blocked is Reason.INPUT_TOO_LONG
    assert chains.of("chat").run([Subject("Where is it?")]).blocked is None
    assert chains.of("chat").run([Subject("Where is it?")]).verdicts[0].policy_version == policy.stamp
