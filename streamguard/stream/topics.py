"""The topics of the line, one file each in `topics/`: what they carry, who writes and reads them, how they are kept."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from streamguard.errors import ConfigError
from streamguard.resources import resource_dir

DEAD_LETTERS = "dead-letters"
DLQ_DECISIONS = "dlq-decisions"


class Topic(BaseModel):
    """One topic. `record` names the record's class (None: bytes as received); `partitions` is what a new cluster gets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    key: Literal["tenant", "conversation", "fingerprint", "as received", "letter", "model", "request"]
    record: str | None = None
    partitions: int
    cleanup: tuple[Literal["delete", "compact"], ...]
    retention_hours: int
    max_bytes: int | None = None
    """The largest batch of records that brokers take; None leaves that to the cluster, 1 MiB unless set."""
    segment_hours: int | None = None
    """After this a segment is closed, so that it can be compacted; None leaves that to the cluster, a week unless set."""
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]

    @property
    def configs(self) -> dict[str, str]:
        """What a cluster is told when the topic is created."""
        configs = {
            "cleanup.policy": ",".join(self.cleanup),
            "retention.ms": str(self.retention_hours * 3_600_000),
            "message.timestamp.type": "LogAppendTime",
        }
        if "delete" in self.cleanup:
            # by age alone: a limit of the cluster's own would lose what is still to be read
            configs["retention.bytes"] = "-1"
        if self.max_bytes is not None:
            configs["max.message.bytes"] = str(self.max_bytes)
        if self.segment_hours is not None:
            configs["segment.ms"] = str(self.segment_hours * 3_600_000)
        return configs


class Topics:
    """All topics by name, and their names on a cluster, which begin with the configured prefix."""

    def __init__(self, topics: Sequence[Topic], prefix: str = "") -> None:
        self._topics = {topic.name: topic for topic in topics}
        self.prefix = prefix

    @classmethod
    def load(cls, prefix: str = "", folder: Path | None = None) -> "Topics":
        """From the files shipped with the package. Raises `ConfigError` naming the file that is wrong."""
        topics: list[Topic] = []
        for file in sorted((folder or resource_dir("topics")).glob("*.toml")):
            try:
                topics.append(Topic.model_validate(tomllib.loads(file.read_text())))
            except (ValidationError, tomllib.TOMLDecodeError) as error:
                raise ConfigError(f"{file}: {error}") from None
        return cls(topics, prefix)

    def __iter__(self):
        return iter(self._topics.values())

    def __getitem__(self, name: str) -> Topic:
        return self._topics[name]

    def full(self, name: str) -> str:
        """The name on the cluster. Raises `KeyError` for a topic that no file describes."""
        return self.prefix + self._topics[name].name

    def plain(self, full: str) -> str:
        """The name without prefix of a topic on the cluster."""
        return full.removeprefix(self.prefix)
