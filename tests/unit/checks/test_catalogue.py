"""Every code that a check can give is explained, and every explained one can be given."""

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard import checks
from streamguard.checks.catalogue import CHECKS, codes_of, explanations, nearest
from streamguard.checks.chain import InputChain, OutputChain
from streamguard.checks.contract import Rules, Subject
from streamguard.checks.policy import InputRules, OutputRules, Policy
from streamguard.checks.remote import RemoteRules
from streamguard.events.reason import Reason
from streamguard.events.trail import Verdict
from tests.support.code_samples import SAMPLES
from tests.support.hostile_texts import HOSTILE

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
CODE = re.compile(r"[a-z][a-z0-9_]*\Z")


def explained(verdicts: Iterator[Verdict] | tuple[Verdict, ...]) -> None:
    for verdict in verdicts:
        assert not verdict.code or verdict.code in codes_of(CHECKS[verdict.check]), (verdict.check, verdict.code)


def literals() -> Iterator[tuple[str, str]]:
    """File and code of each `code=…` in a call and each `code = …`, where it is a string as it stands."""
    for file in sorted(Path(checks.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.keyword(arg="code", value=given) | ast.Assign(targets=[ast.Name(id="code")], value=given):
                    pass
                case _:
                    continue
            for branch in (given.body, given.orelse) if isinstance(given, ast.IfExp) else (given,):
                if isinstance(branch, ast.Constant) and isinstance(branch.value, str) and CODE.match(branch.value):
                    yield file.name, branch.value


def test_every_code_that_stands_in_the_checks_is_explained() -> None:
    found = list(literals())
    assert len({code for _, code in found}) >= 20  # the scan sees what it should see
    known = {one.code for one in explanations()}
    assert not [(file, code) for file, code in found if code not in known]


@pytest.mark.parametrize(("check", "code"), SAMPLES, ids=map(".".join, SAMPLES))
def test_every_explained_code_can_be_given(check: str, code: str) -> None:
    verdicts = tuple(SAMPLES[check, code]())
    assert (check, code) in {(verdict.check, verdict.code) for verdict in verdicts}
    explained(verdicts)


def test_there_is_a_sample_for_each_explained_code() -> None:
    assert set(SAMPLES) == {(entry.name, code) for entry in CHECKS.values() for code in entry.codes}


def test_the_catalogue_holds_every_check_of_the_chains_under_its_name() -> None:
    policy = Policy(version="1")
    ran = InputChain(policy, b"k").run([Subject("hello")]).verdicts, OutputChain(policy, b"k").run("hello").verdicts
    for direction, verdicts in zip(("input", "output"), ran, strict=True):
        names = {verdict.check for verdict in verdicts}
        listed = {entry.name for entry in CHECKS.values() if direction in entry.directions}
        assert names == listed - {"remote", "chain"}


def test_hostile_texts_give_explained_codes_alone() -> None:
    chain, out = InputChain(Policy(version="1"), b"k"), OutputChain(Policy(version="1"), b"k")
    for make in HOSTILE.values():
        text = make(1_500)
        explained(chain.run([Subject(text), Subject(text, "document")]).verdicts)
        explained(out.run(text, system_text=text[:200]).verdicts)


@pytest.mark.skipif(not DATA.is_dir(), reason="the labelled data is not beside this checkout")
def test_labelled_texts_give_explained_codes_alone() -> None:
    chain, out = InputChain(Policy(version="1"), b"k"), OutputChain(Policy(version="1"), b"k")
    with (DATA / "injection/deepset_train.csv").open(newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    texts += orjson.loads((DATA / "injection/jailbreaks.json").read_bytes())
    texts += [item["full_text"] for item in orjson.loads((DATA / "pii/synth_dataset_v2.json").read_bytes())]
    for text in texts[::10]:
        explained(chain.run([Subject(text), Subject(text, "tool")]).verdicts)
        explained(out.run(text).verdicts)


def test_every_reason_is_explained() -> None:
    told = {one.code: one for one in explanations() if "decided by" in one.giver}
    assert set(told) == {reason.value for reason in Reason}
    assert "Status: refused; ask again after `retry_after_us`; costs nothing." in told["rate_limited_user"].text
    assert told["ungrounded"].giver == "reason, to be decided by stage verify"


@pytest.mark.parametrize("entry", CHECKS.values(), ids=lambda entry: entry.name)
def test_a_check_tells_what_it_catches_and_misses_and_costs(entry: Any) -> None:
    if entry.name != "chain":
        about = entry.about.lower()
        assert "catches" in about
        assert "misses" in about
        assert "cost" in about or "µs" in about


_DIRECTIONS: dict[type[Rules], str] = {InputRules: "input.", OutputRules: "output."}
KEYS = re.compile(r"`((?:input|output)\.)?([a-z_]+)((?:\.[A-Za-z_]+)*)`")
SECTIONS = {*InputRules.model_fields, *OutputRules.model_fields}


def test_the_policy_has_the_keys_that_explanations_name() -> None:
    named = [match for one in explanations() for match in KEYS.findall(one.text)]
    named = [
        (direction, section, rest) for direction, section, rest in named if direction or (section in SECTIONS and rest)
    ]
    assert len(named) >= 15
    for direction, section, rest in named:
        key = rest.removeprefix(".").removeprefix("NAME.")
        sides = [side for side in (InputRules(), OutputRules()) if direction in ("", _DIRECTIONS[type(side)])]
        holders = [RemoteRules()] if section == "remote" else [getattr(side, section, None) for side in sides]
        rules = [holder for holder in holders if isinstance(holder, Rules)]
        assert rules, (section, rest)
        assert not key or any(key in type(one).model_fields for one in rules), (section, rest)


def test_a_misspelt_code_has_near_ones() -> None:
    assert nearest("prompt_injecton")[0] == "prompt_injection"
    assert "encoded_injection" in nearest("injection")
    assert nearest("qqq") == []
