"""One running process a static member id: a second one is refused before it joins, for the group would take it for the first
and hand it the first one's partitions.

On one host a locked file tells: the kernel lets go of it when its process dies, however it dies. Across hosts the group
tells: each member notes in its subscription which lock file it holds (the file's `home`), its process and its host. A member
under our own home is a dead predecessor of ours, for we hold its lock. Any other may be dead too (a pod that moved to another
host), and then it is gone within its session.

While a group rebalances it tells no subscriptions, only client ids; these carry the home too, but for as long as a member is
there they stay those of the first process under its id.
"""

import fcntl
import hashlib
import logging
import os
import re
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, NoError, for_code

from streamguard.clock import Clock
from streamguard.intake.clients import ask_before_joining, is_retriable
from streamguard.intake.errors import InstanceTaken, SettingsInvalid
from streamguard.intake.settings import Settings

log = logging.getLogger(__name__)

LOCK_SECONDS = 2.0
"""For so long the process that holds a lock may be one that is just ending."""
_LOOK = 0.25
_HOME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process as it notes itself: the home of its lock file, process id and host."""

    home: str
    pid: str
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def note(self) -> bytes:
        """As it stands in the lock file and in the member's subscription."""
        return f"{self.home} {self.pid} {self.host}".encode()

    @classmethod
    def parse(cls, note: bytes) -> "Holder | None":
        """None for what is no such note."""
        words = note.decode(errors="replace").split(" ", 2)
        return cls(*words) if len(words) == 3 and _HOME.fullmatch(words[0]) and words[1].isdigit() else None


@dataclass(frozen=True, slots=True)
class Member:
    """A member as its group describes it: `client_id` and `address` are those of the first process under its static id, `note`
    is what its subscription carries, None while the group rebalances and does not tell."""

    member_id: str
    client_id: str
    address: str
    note: bytes | None

    def has(self, instance: str) -> bool:
        """Whether this is its static id: Kafka names such members after it, with a UUID behind."""
        return self.member_id.startswith(f"{instance}-") and len(self.member_id) == len(instance) + 37

    @property
    def holder(self) -> Holder | None:
        """Who noted itself there, if anybody did."""
        return Holder.parse(self.note or b"")

    def is_of(self, home: str) -> bool:
        """Whether it holds, or held, the lock file with this home."""
        return (
            self.client_id.endswith(home) if self.note is None else self.holder is not None and self.holder.home == home
        )


Describe = Callable[[], Awaitable[Iterable[Member] | None]]
"""The members of the group; None when the brokers do not tell them."""


class Claim:
    """The right to a static member id. Held from `take` to `release`, or to the end of the process."""

    def __init__(self, settings: Settings, file: IO[bytes] | None, home: str) -> None:
        self._settings, self._file = settings, file
        self.holder = Holder(home, str(os.getpid()), settings.host)

    @classmethod
    async def take(cls, settings: Settings, clock: Clock) -> Self:
        """Raises InstanceTaken when another process of this host holds it, SettingsInvalid when there is no place for locks.

        Dynamic members need none: theirs is empty.
        """
        if settings.instance is None:
            return cls(settings, None, uuid.uuid4().hex)
        folder = settings.lock_dir or Path(tempfile.gettempdir()) / f"streamguard-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if settings.lock_dir is None and folder.lstat().st_uid != os.getuid():
                raise SettingsInvalid(f"worker.lock_dir: {folder} is another user's; name a directory of your own")
            flags = (
                os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            )  # what lies there may be written by others: never through a link
            file = os.fdopen(os.open(folder / _file_name(settings), flags, 0o600), "r+b")
        except OSError as error:
            raise SettingsInvalid(f"worker.lock_dir: no file can be made in {folder} ({error.strerror})") from None
        until = clock.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if clock.monotonic() < until:
                    await clock.sleep(_LOOK)
                    continue
                holder = Holder.parse(file.read())
                file.close()
                raise InstanceTaken(
                    settings.group, settings.instance, str(holder or "a process of this host")
                ) from None
        before = Holder.parse(file.read())
        claim = cls(settings, file, before.home if before else uuid.uuid4().hex)
        file.seek(0)
        file.truncate()
        file.write(claim.holder.note())
        file.flush()
        return claim

    @property
    def note(self) -> bytes:
        """What this member carries in its subscription."""
        return b"" if self._file is None else self.holder.note()

    @property
    def client_id(self) -> str:
        """What the clients of this member are called, for quotas and for whoever describes the group."""
        return f"{self._settings.instance or 'streamguard'}-{self.holder.home}"

    async def vacant(self, describe: Describe, clock: Clock) -> None:
        """Return when no other process can be a member under this id. Raises InstanceTaken when one stays for longer than a
        dead one could; what `describe` raises, when it goes on raising for as long.

        A coordinator that takes a group over gives each member a whole session again, the dead ones too. So after an error the
        wait for a member begins anew.
        """
        instance = self._settings.instance
        if instance is None:
            return
        patience = self._settings.session + max(2.0, self._settings.session / 2)
        failing = seen = None
        told = False
        while True:
            asked = clock.monotonic()  # what was asked before a freeze is told after it
            try:
                members = await describe()
            except (KafkaError, ConnectionError) as error:
                failing, seen = asked if failing is None else failing, None
                if not is_retriable(error) or clock.monotonic() - failing >= patience:
                    raise
                log.warning("asking who is in the group: %s, will repeat", type(error).__name__)
                await clock.sleep(_LOOK)
                continue
            failing, seen = None, asked if seen is None else seen
            other = next((one for one in members or () if one.has(instance)), None)
            if other is None or other.is_of(self.holder.home):
                return
            by = f"{other.holder or 'a process'}, at {other.address.lstrip('/')}"
            if asked - seen >= patience:
                raise InstanceTaken(self._settings.group, instance, by)
            if not told:
                log.warning("the instance %s is held by %s: waiting for its session to end", instance, by)
                told = True
            await clock.sleep(_LOOK)

    async def guard(
        self,
        consumer: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        clock: Clock,
        fail: Callable[[Exception], None],
    ) -> None:
        """Before a consumer that has started subscribes: raises InstanceTaken when another process is the member, and lets it
        ask again after each time that the group threw it out, for then another one may have taken its place. What comes of
        that goes to `fail`, and the consumer does not join."""

        async def describe() -> list[Member] | None:
            return await members(admin, self._settings.group)

        async def may_join() -> bool:
            try:
                await self.vacant(describe, clock)
            except Exception as error:  # noqa: BLE001 -- aiokafka would only log it
                fail(error)
                await clock.sleep(_LOOK)  # aiokafka asks again at once, until it is closed
                return False
            return True

        await self.vacant(describe, clock)
        ask_before_joining(consumer, may_join)

    def release(self) -> None:
        """Let another process have it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


async def members(admin: AIOKafkaAdminClient, group: str) -> list[Member] | None:
    """Who is in the group; None from brokers that cannot tell (the embedded one). Raises KafkaError."""
    try:
        answers = await admin.describe_consumer_groups([group])
    except IncompatibleBrokerVersion:
        return None
    found: list[Member] = []
    for code, _, _, _, protocol, described in (entry for answer in answers for entry in cast("Any", answer).groups):
        if (error := for_code(code)) is not NoError:
            raise error
        for member_id, client_id, address, subscription, _ in described:
            note = ConsumerProtocolMemberMetadata.decode(subscription).user_data if protocol else None
            found.append(Member(member_id, client_id, address, note))
    return found


def _file_name(settings: Settings) -> str:
    """One a cluster, group and instance. The cluster is told by its brokers' addresses, whatever their order."""
    brokers = ",".join(sorted(settings.cluster.brokers.replace(" ", "").split(",")))
    key = hashlib.sha256(f"{brokers}\n{settings.group}\n{settings.instance}".encode()).hexdigest()[:16]
    return f"{(settings.instance or '')[:80]}-{key}.lock"
