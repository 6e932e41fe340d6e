"""How good the checks are, and how quick: `python -m benchmarks.checks --injection FILE… --pii FILE… --secrets FILE… [--json]`.

Quality is what the whole chain of input checks makes of labelled texts at the default policy (`--policy` for another): the
share of them that it stops, with 95 % intervals (Wilson), by set, label and role; rows that the shipped classifier was
trained on stand apart and are judged by no aim. `stopped by` tells which check it was, `layers` which part of the injection score
would have been enough by itself. For the forms of files see `benchmarks.checks_reading`.

Speed (`--speed`, or without any file) is CPU time on clean text of 200 B, 2 KB and 20 KB, on 256 KB of everything in
`tests.support.hostile_texts`, and how it grows.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from benchmarks import checks_personal, checks_quality, checks_report, checks_secrets, checks_speed
from benchmarks.checks_burying import bury, carriers
from benchmarks.checks_quality import Group, Seen
from benchmarks.checks_reading import LabelledSet, UnreadableSet, read, source
from benchmarks.checks_report import Result
from streamguard.checks.chain import InputChain
from streamguard.checks.contract import Role
from streamguard.checks.policy import InvalidPolicy, Policy, load
from tests.support.hostile_texts import HOSTILE
from training.shipping import trained_on

_FOREIGN = frozenset({"document", "tool"})


def measure_injection(
    labelled: Sequence[LabelledSet], policy: Policy, seen: Seen, *, seed: int, thresholds: Sequence[float] = ()
) -> list[Group]:
    """The groups of each set; where attacks had to be buried, also the clean documents they were put into."""
    chain, rules = InputChain(policy, b"benchmark"), policy.input.injection

    def block_at(role: Role) -> float:
        block = (rules.document if role in _FOREIGN else rules.user).block
        return 1.0 if block is None else block

    clean = carriers()
    found: list[Group] = []
    for one in labelled:
        attacks = [row for row in one.rows if row.bare]
        judged = checks_quality.judge_set(chain, one, bury(attacks, clean, seed), seen)
        found += checks_quality.groups(one.name, judged, block_at, thresholds)
    if any(row.bare for one in labelled for row in one.rows):
        judged = [checks_quality.judge(chain, row, seen) for row in clean]
        found += checks_quality.groups("the carriers, clean", judged, block_at, thresholds)
    return found


def measure(given: argparse.Namespace, seen: Seen) -> Result:
    """All that the arguments ask for. Raises `UnreadableSet`, `InvalidPolicy`."""
    policy = load(given.policy)
    result = Result(policy.stamp, given.bench_seed)
    chain = InputChain(policy, b"benchmark")
    if given.injection:
        sets = [read(source(file)) for file in given.injection]
        result.injection = measure_injection(
            sets, policy, seen, seed=given.bench_seed, thresholds=sorted(given.threshold)
        )
    result.personal = [checks_personal.measure(file, chain) for file in given.pii]
    result.secrets = [checks_secrets.measure(read(source(file)), chain) for file in given.secrets]
    if given.secrets_sample:
        made = checks_secrets.samples(given.bench_seed, given.secrets_sample)
        result.secrets.append(checks_secrets.measure(made, chain))
    if given.speed or not (given.injection or given.pii or result.secrets):
        result.clean = checks_speed.on_clean_text(policy, texts=given.texts, rounds=given.rounds, seed=given.bench_seed)
        timed = checks_speed.calls(checks_speed.unbounded(policy))
        result.hostile = checks_speed.on_hostile_text(timed, HOSTILE)
        result.growth = checks_speed.growth(timed, HOSTILE)
    return result


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--injection", nargs="+", default=[], metavar="FILE[:ROLE][=LABEL]")
    parser.add_argument(
        "--pii", nargs="+", default=[], type=Path, metavar="FILE", help="the format of synth_dataset_v2"
    )
    parser.add_argument("--secrets", nargs="+", default=[], metavar="FILE", help="JSONL of text,label")
    parser.add_argument("--secrets-sample", type=int, default=0, metavar="N", help="N generated ones")
    parser.add_argument(
        "--threshold", nargs="+", type=float, default=[], help="stopped at other thresholds of the injection score too"
    )
    parser.add_argument("--policy", type=Path, help="a policy file; the default one otherwise")
    parser.add_argument("--speed", action="store_true", help="time the checks too")
    parser.add_argument("--texts", type=int, default=200, help="different clean texts a size")
    parser.add_argument("--rounds", type=int, default=10, help="times that each is checked")
    parser.add_argument("--bench-seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """The command. Status 2 and a sentence when something cannot be read."""
    given = arguments(argv)
    try:
        result = measure(given, trained_on)
    except (UnreadableSet, InvalidPolicy) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if given.json:
        print(orjson.dumps(checks_report.to_json(result)).decode())
    else:
        print("\n".join(checks_report.lines(result)))


if __name__ == "__main__":
    main()
