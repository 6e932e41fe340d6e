"""Hostile requests through the chains, many of them: `python -m tests.fuzz_checks --count 100000 --seed 1`.

Nine of ten are texts of the corpora, mutated; every tenth is drawn by hypothesis. Status 1, and the numbers that show it, when
anything raises, a check fails, personal data stays, a verdict holds text or a placeholder cannot be put back.
"""

import argparse
import sys
import time
from collections import Counter
from random import Random

from streamguard.checks.policy import load
from tests.support.fuzzing import chains, corpus, hostile, problems
from tests.support.hostile_drawn import drawn_cases

_SHOWN = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="requests, each with an answer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", type=int, metavar="NUMBER", help="only this one, and print it")
    given = parser.parse_args()
    under_test, texts = chains(load()), corpus()
    if given.one is not None:
        case = hostile(Random(f"{given.seed}/{given.one}"), texts)
        print(case, problems(under_test, case), sep="\n")
        return
    drawn, started = given.count // 10, time.monotonic()
    found, where = Counter[str](), dict[str, list[int]]()
    for number in range(given.count - drawn):
        for problem in problems(under_test, hostile(Random(f"{given.seed}/{number}"), texts)):
            found[problem] += 1
            where.setdefault(problem, []).append(number)
    for case in drawn_cases(drawn, given.seed):
        found.update(f"{problem} (drawn)" for problem in problems(under_test, case))
    for problem, times in found.most_common():
        print(f"{problem}: {times} times; --one {' '.join(map(str, where.get(problem, [])[:_SHOWN]))}")
    print(
        f"{given.count} requests in {time.monotonic() - started:.0f} s, seed {given.seed}: {'WRONG' if found else 'all well'}"
    )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
