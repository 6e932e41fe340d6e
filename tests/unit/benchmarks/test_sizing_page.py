"""docs/sizing.md: its examples are what its figures and rules come to, and its figures are of the topics that there are."""

import re
import shlex
from dataclasses import replace

import pytest

from benchmarks.sizing_rules import COUNTS, PAGE, Figures, Load, amount, lines, load_of, needs
from streamguard.config import Invoke, Kafka
from streamguard.stream.topics import Topics

TEXT = PAGE.read_text()
FIGURES = Figures.read(TEXT)
TOPICS = Topics.load()
EXAMPLES = re.findall(r"```sh\npython -m benchmarks\.sizing_rules ([^\n]+)\n```\n+```text\n(.*?)```", TEXT, re.DOTALL)
PLAIN = Figures(
    worker_cpu_ms=6,
    sink_cpu_ms=1,
    worker_mb=300,
    ids_mb=0.5,
    entries_mb=1,
    restore_seconds=2,
    connections=40,
    store_bytes=400,
    payload_bytes=100,
    topics={"requests": 1000, "admission-journal": 500, "cache-entries": 100, "response-chunks": 50},
)


def test_there_is_an_example() -> None:
    assert any("--per-second 100 --model-seconds 2 --days 30" in arguments for arguments, _ in EXAMPLES)


@pytest.mark.parametrize(("arguments", "shown"), EXAMPLES, ids=[arguments for arguments, _ in EXAMPLES])
def test_each_example_is_what_the_figures_come_to(arguments: str, shown: str) -> None:
    assert shown.splitlines() == list(lines(FIGURES, load_of(shlex.split(arguments)), TOPICS))


def test_what_the_page_reckons_by_hand_comes_to_that() -> None:
    found = re.findall(r"^.*?\s{2,}((?:[\d,.()]+ [×/+] )+[\d,.()]+) = ([\d,.]*\d)", TEXT, re.MULTILINE)
    assert len(found) >= 7
    for sum_, result in found:
        value = eval(sum_.replace("×", "*").replace(",", ""))  # digits and signs alone, see the pattern
        digits = len(result.partition(".")[2])
        assert f"{value:,.{digits}f}" == result, sum_
    known = {f"{getattr(FIGURES, name):g}" for name in Figures.__slots__ if name != "topics"}
    used = {number for sum_, _ in found for number in re.findall(r"[\d,.]+", sum_) if number in known}
    assert len(used) >= 5, "the figures of the page are what it reckons with"


def test_the_topics_of_the_page_are_those_of_the_line() -> None:
    assert set(FIGURES.topics) == {topic.name for topic in TOPICS}
    total = re.search(r"^\| all \| \| ([\d,]+) \|", TEXT, re.MULTILINE)
    assert total is not None
    assert float(total[1].replace(",", "")) == pytest.approx(sum(FIGURES.topics.values()), abs=len(FIGURES.topics))


def test_the_table_of_disks_is_what_the_figures_come_to() -> None:
    rows = re.findall(r"^\| ([\d,]+) a second \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)
    assert [row[0] for row in rows] == ["10", "100", "1,000"]
    for rate, kafka, into, out, store in rows:
        need = needs(FIGURES, Load(float(rate.replace(",", ""))), TOPICS)
        assert (kafka, into, out, store) == (
            amount(need.kafka_bytes),
            f"{amount(need.kafka_in)}/s",
            f"{amount(need.kafka_out)}/s",
            f"{amount(need.store_bytes + need.payload_bytes)}",
        )


def test_disks_and_network_by_hand() -> None:
    need = needs(PLAIN, Load(10, journal_hours=24, days=60), TOPICS)
    hours = 1000 * 168 + 500 * 24 + 100 * 168 + 50 * 24
    open_segments = (1000 + 500 + 100 + 50) * 168  # none of them fills its gibibyte in seven days
    assert need.kafka_bytes == pytest.approx(10 * 3600 * (hours + open_segments) * 3)
    assert need.kafka_in == 10 * 1650
    assert need.processes == 2
    assert need.kafka_out == 10 * (
        1000 * 3 + 500 * 3 + 100 * 4 + 50 * 3
    )  # one reader and two copies; cache entries: both
    assert need.store_bytes == 10 * 86_400 * 60 * 400
    assert need.payload_bytes == 10 * 86_400 * 30 * 100  # texts leave after 30 days


def test_an_open_segment_adds_a_gibibyte_at_most() -> None:
    slow, fast = (needs(PLAIN, Load(rate, model_seconds=0.01), TOPICS) for rate in (1_000, 2_000))
    hours = 1000 * 168 + 500 * 168 + 100 * 168 + 50 * 24
    assert slow.kafka_bytes == pytest.approx((1_000 * 3600 * hours + 4 * slow.partitions * 2**30) * 3)
    assert fast.kafka_bytes == pytest.approx((2_000 * 3600 * hours + 4 * fast.partitions * 2**30) * 3)


def test_processes_follow_cpu_or_calls_at_once_whichever_wants_more() -> None:
    busy = needs(PLAIN, Load(1000, model_seconds=0.01), TOPICS)
    assert (busy.cores, busy.processes) == (7.0, 10)  # 6 cores of workers, each process 60 % busy
    waiting = needs(PLAIN, Load(100, model_seconds=10), TOPICS)
    assert (waiting.calls_at_once, waiting.processes) == (1000, 16)
    assert (
        needs(PLAIN, Load(100, model_seconds=10, max_concurrency=1024), TOPICS).processes == 4
    )  # kafka.in_flight, 256


def test_partitions_are_twice_the_processes_and_enough_for_one_slow_request_in_each() -> None:
    for rate in (1, 100, 1_000, 10_000):
        need = needs(PLAIN, Load(rate, model_seconds=0.1), TOPICS)
        assert need.partitions in COUNTS
        assert need.partitions >= 2 * need.processes
        assert need.partitions >= rate * Invoke().timeout / Kafka().span
    assert needs(PLAIN, Load(10_000, model_seconds=0.1), TOPICS).partitions == 360


def test_ids_and_journal_are_shared_out_among_processes_and_cache_entries_are_not() -> None:
    need = needs(PLAIN, Load(100, seen_hours=10, journal_hours=20), TOPICS)
    assert need.processes == 4
    assert need.ids_mb == pytest.approx(100 * 3600 * 10 / 1000 * 0.5 / 4)
    assert need.process_mb == pytest.approx(300 + 100 + 2 * need.ids_mb)  # 100,000 entries are the most
    assert need.restore_seconds == pytest.approx(100 * 3600 * 20 / 100_000 * 2 / 4)
    assert needs(PLAIN, replace(Load(100), seen_hours=0.001), TOPICS).process_mb == pytest.approx(400, abs=1)


def test_amounts_as_people_write_them() -> None:
    assert [amount(size) for size in (0, 9.9, 99, 999, 1000, 12_345, 999_600, 5_400_000_000)] == [
        "0.0 B",
        "9.9 B",
        "99 B",
        "999 B",
        "1.0 kB",
        "12 kB",
        "1.0 MB",
        "5.4 GB",
    ]
