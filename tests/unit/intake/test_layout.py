"""Topics that fit together, and outputs that keep to them."""

import pytest

from streamguard.intake.contract import Output
from streamguard.intake.errors import MarksTooLarge, OutputInvalid, SettingsInvalid, TopicsUnequal
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
    with pytest.raises(TopicsUnequal, match=r"in \[1\]; side \[2\]"):
        layout().numbers([Place("in", 1), Place("side", 2)])
    with pytest.raises(TopicsUnequal):
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
    assert made.partition(record, Output("re", b"k", b"")) is None


def test_a_topic_is_a_target_or_rekeyed() -> None:
    with pytest.raises(SettingsInvalid, match="out: a topic is a target or re-keyed"):
        Layout(["in"], ["out"], ["out"])
    with pytest.raises(SettingsInvalid, match="sources is empty"):
        Layout([], ["out"], [])


def test_settings_name_what_cannot_work_and_hide_secrets() -> None:
    with pytest.raises(SettingsInvalid, match="cap is 0; it must be above 0"):
        Settings(brokers="b", group="g", cap=0)
    settings = Settings(brokers="b", group="g", session=2, client={"sasl_plain_password": "secret"})
    assert "secret" not in repr(settings)
    assert settings.lease == pytest.approx(1.6)
    assert settings.commit_period == pytest.approx(0.4)
