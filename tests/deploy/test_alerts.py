"""Alerts: every expression can be parsed, and asks for metrics and labels that there are; every alert reaches somebody.

What the rules say of numbers is tested by Prometheus' own `promtool test rules deploy/prometheus/streamguard.test.yml`, where it
is installed.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from prometheus_client import REGISTRY

from streamguard import metrics
from tests.support.deployment import DEPLOY, ROOT, read

RULES = read("deploy/prometheus/rules/streamguard.yml")
SCRAPED = {"up": {"job", "instance"}, "process_start_time_seconds": {"job", "instance"}}
"""What Prometheus itself and its client library tell of each process."""
PLACED = {"job", "instance"}
"""Labels that a scrape adds."""


def rules() -> Iterator[dict[str, Any]]:
    for group in RULES["groups"]:
        yield from group["rules"]


def labels_of() -> dict[str, set[str]]:
    """Each series that can be asked for, with its labels."""
    known = dict(SCRAPED)
    for collector in vars(metrics).values():
        names, labels = getattr(collector, "_labelnames", None), set[str]()
        if names is None:
            continue
        labels = set(names) | PLACED
        for family in collector.describe():
            endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}[family.type]
            known |= {f"{family.name}{ending}": labels for ending in endings}
    return known | {str(rule["record"]): set[str]() for rule in rules() if "record" in rule}


def selectors(expression: str) -> tuple[list[tuple[str, set[str]]], set[str]]:
    """The metrics that it asks for, each with the labels it matches on, and the labels that it groups by."""
    found: list[tuple[str, set[str]]] = []
    grouped: set[str] = set()

    def visit(part: Any) -> bool:
        if isinstance(part, promql_parser.VectorSelector):
            found.append((str(part.name), {str(matcher.name) for matcher in part.matchers.matchers}))
        elif isinstance(part, promql_parser.AggregateExpr) and part.modifier:
            grouped.update(part.modifier.labels)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found, grouped


def wrong(expression: str) -> list[str]:
    """What an expression asks for that there is not. Raises `ValueError` for one that is no PromQL."""
    known = labels_of()
    found, grouped = selectors(expression)
    told = [f"no metric {name}" for name, _ in found if name not in known]
    told += [f"{name} has no label {label}" for name, labels in found for label in labels - known.get(name, labels)]
    every = set[str]().union(*(known.get(name, set[str]()) for name, _ in found))
    return told + [f"nothing has the label {label}" for label in grouped - every]


def test_every_expression_asks_for_what_there_is() -> None:
    problems = {str(rule.get("alert") or rule["record"]): wrong(rule["expr"]) for rule in rules()}
    assert {name: told for name, told in problems.items() if told} == {}
    assert len(problems) == 17


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("sum(rate(streamguard_outcome_total[5m])) > 1", "no metric streamguard_outcome_total"),
        ('streamguard_outcomes_total{state="failed"}', "streamguard_outcomes_total has no label state"),
        ("sum by (tenant) (streamguard_outcomes_total)", "nothing has the label tenant"),
        ("streamguard_request_duration_seconds", "no metric streamguard_request_duration_seconds"),
    ],
)
def test_a_mistake_in_an_expression_is_found(expression: str, said: str) -> None:
    assert said in wrong(expression)


def test_what_is_no_promql_is_found() -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong("sum(rate(streamguard_outcomes_total[5m])")


def test_the_registry_tells_the_names_that_the_rules_are_compared_with() -> None:
    told = {
        sample.name
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name.startswith("streamguard_")
    }
    assert {name for name in told if not name.endswith("_created")} <= labels_of().keys()


def test_a_breaker_that_is_half_open_now_and_then_does_not_put_off_its_alert() -> None:
    """`for` begins anew whenever the expression does not hold. A model that hangs is half-open for 10 s of each 15."""
    (rule,) = [rule for rule in rules() if rule.get("alert") == "StreamguardBreakerOpen"]
    assert "0 closed, 1 half-open, 2 open" in metrics.BREAKER_STATE._documentation  # pyright: ignore[reportPrivateUsage] - it has no public face
    compared = re.fullmatch(r"max by \(provider, model\) \(streamguard_breaker_state\) (>|>=|==) (\d)", rule["expr"])
    assert compared is not None
    holds = {">": int.__gt__, ">=": int.__ge__, "==": int.__eq__}[compared[1]]
    assert [holds(state, int(compared[2])) for state in (0, 1, 2)] == [False, True, True]


def test_labels_in_texts_are_labels_of_what_is_alerted() -> None:
    """A template naming a label that the expression has aggregated away would show nothing."""
    for rule in rules():
        if "alert" not in rule:
            continue
        named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        left = set(re.findall(r"by \(([^)]*)\)", rule["expr"]))
        kept = {label.strip() for part in left for label in part.split(",")} or PLACED
        assert named <= kept, rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"]


def test_every_alert_is_routed_by_a_severity_that_there_is() -> None:
    manager = read("deploy/alertmanager/alertmanager.yml")
    alerts = {rule["alert"]: rule["labels"]["severity"] for rule in rules() if "alert" in rule}
    assert set(alerts.values()) == {"page", "ticket"}
    receivers = {receiver["name"] for receiver in manager["receivers"]}
    routes = [manager["route"], *manager["route"]["routes"]]
    assert {route["receiver"] for route in routes} == receivers
    matched = {matcher for route in manager["route"]["routes"] for matcher in route["matchers"]}
    assert matched == {"severity = page"}, "what matches nothing goes to tickets"
    for rule in manager["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            assert matcher.removeprefix("alertname = ") in alerts


def test_prometheus_reads_the_rules_and_tells_alertmanager() -> None:
    prometheus = read("deploy/prometheus/prometheus.yml")
    found = [path for pattern in prometheus["rule_files"] for path in (DEPLOY / "prometheus").glob(pattern)]
    assert found == [DEPLOY / "prometheus" / "rules" / "streamguard.yml"]
    assert prometheus["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's package prometheus) is not installed")
def test_alerts_fire_when_they_should() -> None:
    for arguments in (
        ["check", "config", "deploy/prometheus/prometheus.yml"],
        ["test", "rules", "deploy/prometheus/streamguard.test.yml"],
    ):
        done = subprocess.run(["promtool", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
