"""When the line is ready: every intake has taken its partitions."""

from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamguard.clock import Clock
from streamguard.config import Cluster
from streamguard.stream.flow import FLOW, group_name
from streamguard.stream.topics import Topics
from streamguard.stream.traffic import TrafficError


async def until_stages_work(
    cluster: Cluster, topics: Topics, clock: Clock, *, stages: Iterable[str] = tuple(FLOW), seconds: float = 60.0
) -> None:
    """Return when each of these intakes has committed for all partitions of its source, which it does just before its first step.

    On a cluster where the stages have worked before, their old commits count. Raises `TrafficError` naming the intakes that
    are not there after `seconds`.
    """
    admin = AIOKafkaAdminClient(**cluster.arguments)
    until = clock.monotonic() + seconds
    missing = list(stages)
    await admin.start()
    try:
        while missing:
            missing = [stage for stage in missing if not await _works(admin, topics, stage)]
            if missing and clock.monotonic() > until:
                raise TrafficError(f"not ready within {seconds:.0f} s: {', '.join(missing)}")
            await clock.sleep(0.1 if missing else 0)
    finally:
        await admin.close()


async def _works(admin: AIOKafkaAdminClient, topics: Topics, stage: str) -> bool:
    source = topics.full(FLOW[stage].source)
    try:
        described = await admin.describe_topics([source])
        places = [TopicPartition(source, item["partition"]) for item in described[0]["partitions"]]
        committed = await admin.list_consumer_group_offsets(group_name(topics.prefix, stage), partitions=places)
    except KafkaError:  # the group's coordinator is not known yet
        return False
    return bool(places) and all(place in committed and committed[place].offset >= 0 for place in places)
