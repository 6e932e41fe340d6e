"""Several long runs of chaos one after another, and a table of them: `python -m tests.chaos.soak --seeds "1 2 3" --seconds 600`.

Status 1 when one of them found something wrong. What each run tells goes to the standard error output as it happens.
"""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

RUN_SECONDS = 900.0
"""What a run may take beside its sending: starts, the last faults, draining and the audit."""
_NUMBERS = {
    "requests": "requests",
    "outcomes": "outcomes",
    "model_calls": "calls of models",
    "repeated_calls": "of these repeated (under way at a crash)",
    "void": "void records of deposed owners",
}
_FINDINGS = ("lost", "twice", "paid_twice", "order", "rows", "committed_too_far", "open_reservations", "wrong")


@click.command()
@click.option("--seeds", default="1 2 3 4 5", show_default=True)
@click.option("--seconds", type=float, default=600.0, show_default=True, help="How long each run sends.")
@click.option("--nodes", type=click.Choice(["1", "3"]), default="3", show_default=True)
@click.option("--rate", type=float, default=33.5, show_default=True, help="Requests a second.")
@click.option("--output", type=click.Path(path_type=Path), default=Path(".cache/soak"), show_default=True)
def main(seeds: str, seconds: float, nodes: str, rate: float, output: Path) -> None:
    """Run each seed, and write OUTPUT.json and OUTPUT.md."""
    reports: list[dict[str, Any]] = []
    for seed in seeds.split():
        command = [sys.executable, "-m", "tests.chaos", "--seed", seed, "--seconds", str(seconds), "--json"]
        command += ["--nodes", nodes, "--rate", str(rate)]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=seconds + RUN_SECONDS)
        reports.append(orjson.loads(run.stdout) if run.stdout else {"seed": int(seed), "ok": False})
        output.parent.mkdir(parents=True, exist_ok=True)
        output.with_suffix(".json").write_bytes(orjson.dumps(reports, option=orjson.OPT_INDENT_2))
        output.with_suffix(".md").write_text(table(reports))
    print(table(reports))
    sys.exit(0 if all(report["ok"] for report in reports) else 1)


def table(reports: Sequence[Mapping[str, Any]]) -> str:
    """The runs in a table, and the faults of all of them in another, as Markdown."""
    names = [f"seed {report['seed']}" for report in reports]
    lines = [f"{os.cpu_count()} cores, {sum(report.get('requests', 0) for report in reports)} requests in all.", ""]
    lines += _row("", *names, "all") + _row(*["---"] * (len(names) + 2))
    lines += _row("faults", *_sums([len(report.get("faults", ())) for report in reports]))
    for name, words in _NUMBERS.items():
        lines += _row(words, *_sums([_number(report, name) for report in reports]))
    for name in _FINDINGS:
        lines += _row(name.replace("_", " "), *_sums([report.get("wrong", {}).get(name, 0) for report in reports]))
    lines += _row("result", *("ok" if report["ok"] else "FAILED" for report in reports), "")
    lines += ["", *_faults(reports)]
    return "\n".join(lines) + "\n"


def _faults(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    by_kind: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for report in reports:
        for kind, silence in report.get("silences", {}).items():
            by_kind[kind].append(silence)
    lines = _row("fault", "times", "longest silence, s", "longest wait, s", "at least, s", "because of") + _row(
        *["---"] * 6
    )
    for kind, all_ in sorted(by_kind.items()):
        lines += _row(
            kind,
            str(sum(one["times"] for one in all_)),
            f"{max(one['longest'] for one in all_):.1f}",
            f"{max(one['waited'] for one in all_):.1f}",
            f"{min(one['floor'] for one in all_):.1f}",
            all_[0]["because"],
        )
    return lines


def _number(report: Mapping[str, Any], name: str) -> int:
    return report.get("counted", {}).get(name, report.get(name, 0))


def _sums(numbers: Sequence[int]) -> list[str]:
    return [str(number) for number in (*numbers, sum(numbers))]


def _row(*cells: str) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]


if __name__ == "__main__":
    main()
