"""Topics that fit together, and outputs that keep to them."""

import pytest
from aiokafka.partitioner import murmur2

from streamguard.config import Cluster
from streamguard.intake.contract import Output, Received
from streamguard.intake.errors import (
    AssignmentUnequal,
    MarksTooLarge,
    OutputInvalid,
    SettingsInvalid,
    TopicsGrown,
    TopicsUnequal,
)
from streamguard.intake.layout import Layout
from streamguard.intake.marks import Place
from streamguard.intake.settings import Settings
from tests.unit.intake.fakes import received


def layout() -> Layout:
    made = Layout(["in", "side"], ["out"], ["re"])
    made.update({"in": 4, "side": 4, "out": 4, "re": 2, "other": 1})
    return made


def test_outputs_lie_in_the_same_partition_of_targets_and_in_all_of_rekeyed_topics() -> None:
    assert layout().reach(3) == (Place("out", 3), Place("re", 0), Place("re", 1))


def test_missing_topics_are_named() -> None:
    assert Layout(["in"], ["out"], ["re"]).missing({"in": 1, "re": 0}) == ("out", "re")


def test_sources_need_equal_partition_counts() -> None:
    with pytest.raises(TopicsUnequal, match="in has 4, side has 3"):
        layout().update({"in": 4, "side": 3, "out": 4, "re": 2})


def test_targets_must_not_be_narrower() -> None:
    with pytest.raises(TopicsUnequal, match=r"of 4, but: out has 3"):
        layout().update({"in": 4, "side": 4, "out": 3, "re": 2})


def test_marks_that_cannot_fit_are_refused_at_start() -> None:
    with pytest.raises(MarksTooLarge, match="501 output partitions"):
        layout().update({"in": 4, "side": 4, "out": 4, "re": 500})


def test_one_worker_owns_the_same_numbers_of_all_sources() -> None:
    assert layout().numbers([Place("in", 1), Place("side", 1)]) == {1}
    assert layout().numbers([]) == frozenset()
    with pytest.raises(AssignmentUnequal, match=r"in \[1\]; side \[2\]"):
        layout().numbers([Place("in", 1), Place("side", 2)])
    with pytest.raises(AssignmentUnequal):
        layout().numbers([Place("side", 2)])


@pytest.mark.parametrize(
    "outputs",
    [
        [Output("elsewhere", None, b"")],
        [Output("out", None, b"", partition=1)],
        [Output("re", None, b"", partition=2)],
        [Output("re", None, b"1"), Output("re", None, b"2")],
    ],
)
def test_outputs_that_a_scan_would_not_find_are_invalid(outputs: list[Output]) -> None:
    with pytest.raises(OutputInvalid):
        layout().check(received(0), outputs)


def test_valid_outputs_and_where_they_go() -> None:
    made, record = layout(), received(0)
    outputs = [Output("out", None, b""), Output("re", None, b"", partition=1)]
    made.check(record, outputs)
    assert [made.partition(record, out) for out in outputs] == [0, 1]
    assert made.partition(record, Output("re", b"k", b"")) == murmur2(b"k") % 2
    assert made.partition(received(0), Output("re", None, b"")) == 0


MADE = {"in": 4, "side": 4, "out": 4, "re": 4}


def made_with_four(*, grown: bool) -> Layout:
    return Layout(["in", "side"], ["out"], ["re"], partitions=4, grown=grown)


@pytest.mark.parametrize("wider", [("re",), ("out",), ("in", "side"), ("in", "side", "out", "re")])
def test_a_topic_that_grew_is_refused_at_the_start_and_later(wider: tuple[str, ...]) -> None:
    grown = {**MADE, **dict.fromkeys(wider, 6)}
    with pytest.raises(TopicsGrown, match=rf"{wider[0]} has 6 partitions and was worked on with 4.*partitions = 4;"):
        made_with_four(grown=False).update(grown)
    running = made_with_four(grown=False)
    running.update(MADE)
    running.check_counts({"in": 4, "re": 0})
    with pytest.raises(TopicsGrown):
        running.check_counts(grown)


def test_commits_that_were_made_under_another_count_are_refused_whichever_way_it_changed() -> None:
    made = layout()
    made.check_commits({Place("in", 0): 4, Place("in", 1): None})
    for count in (3, 5):
        with pytest.raises(TopicsGrown, match=f"side has 4 partitions and was worked on with {count}"):
            made.check_commits({Place("in", 0): 4, Place("side", 1): count})


def test_with_the_count_told_what_lies_in_grown_partitions_is_read_and_nothing_is_written_there() -> None:
    made, wide = made_with_four(grown=True), {"in": 6, "side": 6, "out": 4, "re": 9}
    made.update(wide)
    made.check_counts({**wide, "re": 12})
    assert made.count == 4
    assert len(made.source_places) == 12
    assert made.reach(5) == (Place("out", 1), *(Place("re", number) for number in range(4)))
    assert made.numbers([Place(topic, number) for topic in ("in", "side") for number in (3, 4, 5)]) == {3}
    record = Received("in", 5, 0, 0, b"k", b"")
    outputs = [Output("out", b"k", b""), Output("re", b"k", b"")]
    made.check(record, outputs)
    assert [made.partition(record, out) for out in outputs] == [1, murmur2(b"k") & 3]
    with pytest.raises(OutputInvalid):
        made.check(record, [Output("re", b"k", b"", partition=4)])


def test_topics_narrower_than_the_count_they_are_told_to_have_are_refused() -> None:
    with pytest.raises(TopicsUnequal, match="of 4, but: re has 3"):
        made_with_four(grown=True).update({**MADE, "re": 3})


def test_a_topic_is_a_target_or_rekeyed() -> None:
    with pytest.raises(SettingsInvalid, match="out: a topic is a target or re-keyed"):
        Layout(["in"], ["out"], ["out"])
    with pytest.raises(SettingsInvalid, match="sources is empty"):
        Layout([], ["out"], [])


def test_settings_name_what_cannot_work_and_hide_secrets() -> None:
    with pytest.raises(SettingsInvalid, match="cap is 0; it must be above 0"):
        Settings(cluster=Cluster("b"), group="g", cap=0)
    settings = Settings(cluster=Cluster("b", {"sasl_plain_password": "secret"}), group="g", session=2)
    assert "secret" not in repr(settings)
    assert settings.lease == pytest.approx(1.6)
    assert settings.commit_period == pytest.approx(0.4)
