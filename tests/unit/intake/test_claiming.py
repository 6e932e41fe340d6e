"""Who may have a member id: the lock of a host, and what the group tells of others."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError

from streamguard.clock import FakeClock
from streamguard.config import Cluster
from streamguard.intake.claiming import Claim, Holder, Member
from streamguard.intake.errors import InstanceTaken, SettingsInvalid
from streamguard.intake.settings import Settings

UUID = "5c91006b-cace-49dc-960e-10a2e0f4069e"
OTHER = "f" * 32


def settings(folder: Path, **changes: object) -> Settings:
    told = {
        "cluster": Cluster("b:1,a:1"),
        "group": "g",
        "instance": "w-0",
        "lock_dir": folder,
        "host": "here",
        **changes,
    }
    return Settings(**told)  # pyright: ignore[reportArgumentType] -- the values of a test


def member(home: str, *, instance: str = "w-0", note: bool = True, client: str = "") -> Member:
    noted = Holder(home, "77", "there").note() if note else None
    return Member(f"{instance}-{UUID}", f"w-0-{client or home}", "/10.0.0.7", noted)


class Group:
    """Answers in turn, the last answer for ever."""

    def __init__(self, *answers: Iterable[Member] | Exception | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self) -> Iterable[Member] | None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_second_claim_of_one_host_is_refused_and_names_the_first(tmp_path: Path) -> None:
    clock = FakeClock()
    with await Claim.take(settings(tmp_path), clock):
        with pytest.raises(
            InstanceTaken, match=rf"^g: the instance w-0 is taken by process {os.getpid()} on here, which"
        ):
            await Claim.take(settings(tmp_path, cluster=Cluster("a:1, b:1")), clock)
        assert 1.5 < sum(clock.slept) < 3
        others = [{"instance": "w-1"}, {"group": "h"}, {"cluster": Cluster("c:1")}, {"lock_dir": tmp_path / "another"}]
        for changes in others:
            (await Claim.take(settings(tmp_path, **changes), clock)).release()
    (await Claim.take(settings(tmp_path), clock)).release()


async def test_a_claim_that_ends_a_moment_later_is_waited_for(tmp_path: Path) -> None:
    first = await Claim.take(settings(tmp_path), FakeClock())

    class Ending(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            first.release()

    (await Claim.take(settings(tmp_path), Ending())).release()


async def test_the_home_of_a_lock_file_outlives_its_holders_and_the_file_is_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    first = await Claim.take(settings(folder), FakeClock())
    first.release()
    second = await Claim.take(settings(folder, host="renamed"), FakeClock())
    assert second.holder.home == first.holder.home
    assert Holder.parse(second.note) == second.holder
    assert second.client_id == f"w-0-{first.holder.home}"
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, *folder.iterdir())] == [0o700, 0o600]
    second.release()


async def test_without_a_place_for_locks_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsInvalid, match=r"worker.lock_dir: no file can be made in .*/file"):
        await Claim.take(settings(tmp_path / "file"), FakeClock())


async def test_no_lock_is_written_through_a_link(tmp_path: Path) -> None:
    (await Claim.take(settings(tmp_path / "locks"), FakeClock())).release()
    (lock,) = (tmp_path / "locks").iterdir()
    lock.unlink()
    precious = tmp_path / "precious"
    precious.write_text("kept")
    lock.symlink_to(precious)
    with pytest.raises(SettingsInvalid, match="no file can be made"):
        await Claim.take(settings(tmp_path / "locks"), FakeClock())
    assert precious.read_text() == "kept"


async def test_a_dynamic_member_needs_no_claim(tmp_path: Path) -> None:
    claim = await Claim.take(settings(tmp_path, instance=None), FakeClock())
    await claim.vacant(Group([member(OTHER)]), FakeClock())
    assert claim.note == b""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        [member(OTHER, instance="w-00"), member(OTHER, instance="w-0-more"), member(OTHER, instance="v-0")],
        "ours",
        "ours while the group rebalances",
    ],
)
async def test_where_no_other_can_be_it_returns_at_once(tmp_path: Path, answer: object) -> None:
    clock = FakeClock()
    with await Claim.take(settings(tmp_path), clock) as claim:
        home = claim.holder.home
        ours = {"ours": [member(home, client=OTHER)], "ours while the group rebalances": [member(home, note=False)]}
        await claim.vacant(Group(ours[answer] if isinstance(answer, str) else answer), clock)  # pyright: ignore[reportArgumentType] -- either kind
    assert clock.slept == []


async def test_a_member_of_elsewhere_that_goes_within_its_session_was_dead(tmp_path: Path) -> None:
    clock = FakeClock()
    group = Group([member(OTHER)], [member(OTHER, note=False)], GroupCoordinatorNotAvailableError(), [])
    with await Claim.take(settings(tmp_path), clock) as claim:
        await claim.vacant(group, clock)
    assert group.asked == 4


async def test_a_dead_one_that_a_new_coordinator_gave_another_session_is_waited_for(tmp_path: Path) -> None:
    clock = FakeClock()
    before, after = [[member(OTHER)]] * 50, [[member(OTHER)]] * 42  # 12.5 s and 10.5 s, a look each quarter of a second
    group = Group(*before, GroupCoordinatorNotAvailableError(), *after, [])
    with await Claim.take(settings(tmp_path, session=10.0), clock) as claim:
        await claim.vacant(group, clock)
    assert clock.monotonic() > 20


async def test_an_answer_from_before_a_freeze_refuses_nobody(tmp_path: Path) -> None:
    clock = FakeClock()

    class Freezes(Group):
        async def __call__(self) -> Iterable[Member] | None:
            answer = await super().__call__()
            if self.asked == 2:
                clock.advance(60)
            return answer

    group = Freezes([member(OTHER)], [member(OTHER)], [])
    with await Claim.take(settings(tmp_path, session=10.0), clock) as claim:
        await claim.vacant(group, clock)
    assert group.asked == 3


@pytest.mark.parametrize("note", [True, False])
async def test_one_that_stays_longer_than_a_dead_one_could_is_named(tmp_path: Path, note: bool) -> None:
    clock = FakeClock()
    began = clock.monotonic()
    with await Claim.take(settings(tmp_path, session=10.0), clock) as claim:
        # the client id is that of the first process under the id, and may have been ours
        stays = [member(OTHER, client=claim.holder.home)] if note else [member(OTHER, note=False)]
        with pytest.raises(InstanceTaken) as refused:
            await claim.vacant(Group(stays), clock)
    by = "process 77 on there, at 10.0.0.7" if note else "a process, at 10.0.0.7"
    assert f"the instance w-0 is taken by {by}, which goes on" in str(refused.value)
    assert 15 <= clock.monotonic() - began < 16


async def test_a_group_that_never_answers_is_an_error_of_kafka_and_one_that_may_not_be_asked_too(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    with await Claim.take(settings(tmp_path), clock) as claim:
        with pytest.raises(GroupCoordinatorNotAvailableError):
            await claim.vacant(Group(GroupCoordinatorNotAvailableError()), clock)
        with pytest.raises(GroupAuthorizationFailedError):
            await claim.vacant(Group(GroupAuthorizationFailedError()), clock)
