"""What a worker does not start with: topics that are missing or do not fit together."""

from collections.abc import Mapping

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from streamguard.clock import FakeClock
from streamguard.errors import Refusal
from streamguard.intake.errors import TopicsMissing
from streamguard.stream.flow import FLOW
from streamguard.stream.topic_check import SetUnequal, TopicCheck
from streamguard.stream.topics import Topics

TOPICS = Topics.load("p.")
ALL = {TOPICS.full(topic.name): 12 for topic in TOPICS}


class Cluster:
    """What the cluster answers in turn, the last for ever."""

    def __init__(self, *answers: Mapping[str, int] | Exception) -> None:
        self.answers = list(answers)

    async def __call__(self) -> Mapping[str, int]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def check(cluster: Cluster, clock: FakeClock, *stages: str, partitions: int | None = None) -> TopicCheck:
    return TopicCheck(cluster, TOPICS, stages or tuple(FLOW), partitions=partitions, wait=30.0, clock=clock)


def without(*names: str) -> dict[str, int]:
    return {topic: count for topic, count in ALL.items() if TOPICS.plain(topic) not in names}


async def test_all_there_and_equal_is_taken_at_once() -> None:
    clock = FakeClock()
    done = check(Cluster({**ALL, "p.foreign": 3}), clock)
    await done()
    assert done.partitions == 12
    assert clock.slept == []


@pytest.mark.parametrize(
    ("stage", "topic"),
    [
        ("admit", "requests"),
        ("lookup", "cache-entries"),
        ("lookup", "invocations-batch"),
        ("invoke", "cancellations"),
        ("invoke_batch", "breakers"),
        ("settle", "payloads"),
    ],
)
async def test_a_missing_topic_is_waited_for_then_named(
    stage: str, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    with pytest.raises(TopicsMissing, match=rf"missing topics after 30 s: p.{topic};") as missing:
        await check(Cluster(without(topic)), clock, stage)()
    assert not isinstance(missing.value, Refusal)  # it may be made any moment: the supervisor tries again
    assert 30 <= sum(clock.slept) < 31
    assert [entry.getMessage() for entry in caplog.records] == [f"waiting for missing topics: p.{topic}"] * 3
    await check(Cluster(without(topic), ALL), clock, stage)()


async def test_a_topic_that_only_other_stages_need_may_be_missing() -> None:
    await check(Cluster(without("telemetry")), FakeClock(), "admit")()


@pytest.mark.parametrize("topic", ["requests", "responses", "cache-entries", "dead-letters"])
async def test_unequal_counts_are_refused_with_names_and_counts_whichever_stage_runs(topic: str) -> None:
    with pytest.raises(
        SetUnequal, match=rf"there are: p.{topic} with 16; p\..* with 12\. If some have grown"
    ) as refused:
        await check(Cluster({**ALL, f"p.{topic}": 16}), FakeClock(), "verify")()
    assert isinstance(refused.value, Refusal)


@pytest.mark.parametrize("topic", ["breakers", "cancellations"])
async def test_topics_that_all_read_whole_may_have_any_count(topic: str) -> None:
    done = check(Cluster({**ALL, f"p.{topic}": 1}), FakeClock())
    await done()
    assert done.partitions == 12


async def test_the_line_fits_together_as_its_files_describe_it() -> None:
    await check(Cluster({TOPICS.full(topic.name): topic.partitions for topic in TOPICS}), FakeClock())()


async def test_told_the_count_it_goes_on_with_that_and_says_what_is_wider(caplog: pytest.LogCaptureFixture) -> None:
    done = check(Cluster({**ALL, "p.requests": 16}), FakeClock(), partitions=12)
    await done()
    assert done.partitions == 12
    assert "keeps to" not in caplog.text
    assert "p.requests with 16" in caplog.text
    with pytest.raises(
        SetUnequal, match=r"kafka.partitions is 13, but the topics have: p.requests with 16; .* with 12"
    ):
        await check(Cluster({**ALL, "p.requests": 16}), FakeClock(), partitions=13)()


async def test_brokers_that_cannot_be_reached_are_waited_for_too() -> None:
    clock = FakeClock()
    await check(Cluster(KafkaConnectionError(), ALL), clock)()
    with pytest.raises(KafkaConnectionError):
        await check(Cluster(KafkaConnectionError()), clock)()
    with pytest.raises(TopicAuthorizationFailedError):
        await check(Cluster(TopicAuthorizationFailedError()), FakeClock())()
