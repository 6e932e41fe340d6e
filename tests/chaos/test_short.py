"""The short form of chaos, on three brokers and on one: fixed seeds, many faults close together. The long one is `make soak`."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.report import Report
from tests.chaos.run import Options, run, tell_on_stderr
from tests.support.kafka import KafkaUnavailable, required

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# a worker waits half a minute for topics that are missing: too long for here
CLOSE = Options(rate=15.0, every=7.0, mixed=0.5, tail=15.0, away=10.0, without=("topic missing",))
ALONE = ("broker killed", "worker killed", "worker frozen past its session", "worker leaves")
"""What a single broker is told from three by."""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(replace(CLOSE, seed=1, seconds=70.0, nodes=3), id="three brokers"),
        pytest.param(replace(CLOSE, seed=1, seconds=30.0, nodes=1, every=6.0, mixed=0.2, kinds=ALONE), id="one broker"),
    ],
)
async def test_nothing_is_lost_and_nothing_comes_twice(options: Options, tmp_path: Path) -> None:
    report = await _run(options, tmp_path)
    text = "\n".join(report.lines())
    print(text)
    assert report.ok, text
    assert len(report.struck) >= options.seconds / 10


async def _run(options: Options, directory: Path) -> Report:
    try:
        return await run(options, directory, tell_on_stderr)
    except KafkaUnavailable as reason:
        if required():
            pytest.fail(f"CI needs Kafka: {reason}")
        pytest.skip(str(reason))
