"""The figures of `python -m benchmarks.checks` as one table for people and one object for machines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks import checks_personal, checks_secrets, checks_speed
from benchmarks.checks_figures import Rate
from benchmarks.checks_personal import PersonalSet
from benchmarks.checks_quality import Group
from benchmarks.checks_secrets import SecretSet
from benchmarks.checks_speed import Timing, Worst
from benchmarks.pii_scoring import CHECKABLE, Count

_WIDTH = 34
_HEAD = f"{'set':<{_WIDTH}}{'what':<26}{'n':>6}  {'share, 95 % interval':<24}{'noted':>7}  verdict"


@dataclass(slots=True)
class Result:
    """Everything that was measured."""

    policy: str
    seed: int
    injection: list[Group] = field(default_factory=list[Group])
    personal: list[PersonalSet] = field(default_factory=list[PersonalSet])
    secrets: list[SecretSet] = field(default_factory=list[SecretSet])
    clean: dict[str, dict[str, Timing]] = field(default_factory=dict[str, dict[str, Timing]])
    hostile: dict[str, Worst] = field(default_factory=dict[str, Worst])
    growth: dict[str, Worst] = field(default_factory=dict[str, Worst])


def lines(result: Result) -> Iterator[str]:
    """The table, line by line."""
    yield f"policy {result.policy}, seed {result.seed}"
    if result.injection or result.personal or result.secrets:
        yield from ("", _HEAD)
    for group in result.injection:
        yield from _injection(group)
    for one in result.personal:
        yield from _personal(one)
    for one in result.secrets:
        yield from _secrets(one)
    if result.clean:
        yield from _speed(result)


def _line(name: str, what: str, rate: Rate, noted: str = "", verdict: str = "") -> str:
    return f"{name:<{_WIDTH}}{what:<26}{rate.n:>6}  {rate!s:<24}{noted:>7}  {verdict}".rstrip()


def _injection(group: Group) -> Iterator[str]:
    what = f"{'attacks' if group.label else 'harmless'}, {group.role}{', TRAINED ON' if group.seen else ''}"
    noted = "" if group.noted.share is None else f"{group.noted.share:.3f}"
    yield _line(group.set, what, group.stopped, noted, group.verdict)
    if group.by_check:
        yield f"    stopped by: {_counted(group.by_check)}"
    if group.by_layer:
        layers = ", ".join(f"{name} {alone} (of {spoke})" for name, (alone, spoke) in group.by_layer.items())
        yield f"    layers that alone would have (of where they said something): {layers}"
    if group.by_kind and len(group.by_kind) <= 24:
        kinds = ", ".join(f"{kind or 'other'} {rate.hits}/{rate.n}" for kind, rate in group.by_kind.items())
        yield f"    by kind: {kinds}"
    for threshold, rate in group.at.items():
        yield _line("", f"  at {threshold:g}", rate)


def _personal(one: PersonalSet) -> Iterator[str]:
    micro = one.micro
    verdicts = (checks_personal.PRECISION.verdict(micro.precision), checks_personal.RECALL.verdict(micro.recall))
    yield from _both(one.set, "checkable, micro", micro, *verdicts)
    for name in sorted(one.chain.types):
        if name in CHECKABLE:
            yield from _both("", f"  {name.lower()}", one.chain.types[name])
    for name, count in one.apart().items():
        yield from _both("", f"  {name.lower()}, if on", count)
    others = {name: count.fp for name, count in one.chain.types.items() if not count.tp + count.fn and count.fp}
    if others:
        yield f"    false alarms of types that the labels do not know: {_counted(others)}"
    yield _line("", "  refused by any check", one.stopped)


def _both(name: str, what: str, count: Count, precise: str = "", recalled: str = "") -> Iterator[str]:
    yield _line(name, f"{what}: precision", _precision(count), verdict=precise)
    yield _line("", f"{what}: recall", _recall(count), verdict=recalled)


def _precision(count: Count) -> Rate:
    return Rate(count.tp, count.tp + count.fp)


def _recall(count: Count) -> Rate:
    return Rate(count.tp, count.tp + count.fn)


def _secrets(one: SecretSet) -> Iterator[str]:
    yield _line(one.set, "credentials found", one.recall, verdict=checks_secrets.RECALL.verdict(one.recall.share))
    if one.unlisted.n:
        yield _line("", "  without a form, found", one.unlisted)
    alarms = checks_secrets.FALSE_ALARMS.verdict(one.false_alarms.share)
    yield _line("", "look-alikes mistaken", one.false_alarms, verdict=alarms)
    yield _line("", "  stopped by any check", one.stopped)
    kinds = one.by_kind.items()
    missed = [f"{kind} {rate.n - rate.hits}/{rate.n}" for kind, (label, rate) in kinds if label and rate.hits < rate.n]
    mistaken = [f"{kind} {rate.hits}/{rate.n}" for kind, (label, rate) in kinds if not label and rate.hits]
    for title, found in (("missed", missed), ("mistaken", mistaken)):
        if found:
            yield f"    {title}: {', '.join(sorted(found))}"


def _speed(result: Result) -> Iterator[str]:
    sizes = list(result.clean)
    yield from ("", "CPU µs on clean text, p50 / p99", f"{'':<{_WIDTH}}" + "".join(f"{size:>24}" for size in sizes))
    for what in result.clean[sizes[0]]:
        cells = (f"{result.clean[size][what].p50:.0f} / {result.clean[size][what].p99:.0f}" for size in sizes)
        yield f"{what:<{_WIDTH}}" + "".join(f"{cell:>24}" for cell in cells)
    for title, verdict in _speed_verdicts(result).items():
        yield f"{title}: {verdict}"
    yield from ("", f"{'256 KB of the worst':<{_WIDTH}}{'ms':>8}  {'text':<32}{'8 × the text':>14}  text")
    for what, worst in result.hostile.items():
        times = result.growth[what]
        grown = f"{times.value:>13.1f}×  {times.name}" if times.name else f"{'-':>14}"
        yield f"{what:<{_WIDTH}}{worst.value:>8.1f}  {worst.name:<32}{grown}"


def _speed_verdicts(result: Result) -> dict[str, str]:
    worst = max(result.hostile.values(), key=lambda one: one.value)
    times = max(result.growth.values(), key=lambda one: one.value)
    verdicts: dict[str, str] = {}
    for size in ("2 KB", checks_speed.TYPESET):
        rules, chain = (result.clean[size][what].p50 for what in (checks_speed.RULES, checks_speed.CHAIN))
        verdicts[f"the rules together, {size}, p50 {rules:.0f} µs"] = checks_speed.RULES_AIM.verdict(rules)
        verdicts[f"the chain with the classifier, {size}, p50 {chain:.0f} µs"] = checks_speed.CHAIN_AIM.verdict(chain)
    return verdicts | {
        f"256 KB of anything, {worst.value:.0f} ms at most ({worst.name})": checks_speed.HOSTILE_AIM.verdict(
            worst.value
        ),
        f"eight times the text, {times.value:.1f} times at most ({times.name})": checks_speed.LINEAR_AIM.verdict(
            times.value
        ),
    }


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))


def to_json(result: Result) -> dict[str, Any]:
    """Plain values: shares to four places, times to one."""
    return {
        "policy": result.policy,
        "seed": result.seed,
        "injection": [_group_json(group) for group in result.injection],
        "pii": [_personal_json(one) for one in result.personal],
        "secrets": [_secrets_json(one) for one in result.secrets],
        "speed": _speed_json(result) if result.clean else None,
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "set": group.set,
        "label": group.label,
        "role": group.role,
        "trained_on": group.seen,
        "measure": "recall" if group.label else "false_positive_rate",
        "stopped": group.stopped.to_json(),
        "noted": group.noted.to_json(),
        "aim": None if group.seen else str(group.aim),
        "met": group.verdict.startswith("met") if group.verdict else None,
        "by_check": group.by_check,
        "by_layer": {name: {"alone": alone, "spoke": spoke} for name, (alone, spoke) in group.by_layer.items()},
        "by_kind": {kind: rate.to_json() for kind, rate in group.by_kind.items()},
        "at_threshold": {f"{threshold:g}": rate.to_json() for threshold, rate in group.at.items()},
    }


def _personal_json(one: PersonalSet) -> dict[str, Any]:
    def both(count: Count) -> dict[str, Any]:
        return {
            "precision": _precision(count).to_json(),
            "recall": _recall(count).to_json(),
            "tp": count.tp,
            "fp": count.fp,
            "fn": count.fn,
        }

    micro = one.micro
    met = (checks_personal.PRECISION.verdict(micro.precision), checks_personal.RECALL.verdict(micro.recall))
    return {
        "set": one.set,
        "texts": one.chain.texts,
        "micro": both(micro),
        "met": all(verdict.startswith("met") for verdict in met),
        "types": {name: both(count) for name, count in sorted(one.chain.types.items())},
        "apart": {name: both(count) for name, count in one.apart().items()},
        "unlabelled": dict(one.chain.unlabelled),
        "stopped": one.stopped.to_json(),
    }


def _secrets_json(one: SecretSet) -> dict[str, Any]:
    verdicts = (
        checks_secrets.RECALL.verdict(one.recall.share),
        checks_secrets.FALSE_ALARMS.verdict(one.false_alarms.share),
    )
    return {
        "set": one.set,
        "recall": one.recall.to_json(),
        "recall_without_form": one.unlisted.to_json(),
        "false_alarms": one.false_alarms.to_json(),
        "look_alikes_stopped": one.stopped.to_json(),
        "met": all(verdict.startswith("met") for verdict in verdicts if verdict),
        "by_kind": {kind: {"label": label, **rate.to_json()} for kind, (label, rate) in one.by_kind.items()},
    }


def _speed_json(result: Result) -> dict[str, Any]:
    return {
        "clean_us": {size: {what: _timing(one) for what, one in timed.items()} for size, timed in result.clean.items()},
        "hostile_256_kb_ms": {what: _worst(one) for what, one in result.hostile.items()},
        "eight_times_the_text": {what: _worst(one) for what, one in result.growth.items()},
        "met": {title: verdict.startswith("met") for title, verdict in _speed_verdicts(result).items()},
    }


def _timing(one: Timing) -> dict[str, float]:
    return {"p50": round(one.p50, 1), "p99": round(one.p99, 1)}


def _worst(one: Worst) -> dict[str, Any]:
    return {"value": round(one.value, 1), "text": one.name}
