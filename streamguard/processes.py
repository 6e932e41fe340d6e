"""A supervisor of child processes: restarts what fails, with growing pauses, and says so when it gives up. What ends with
status 2 refused to run (`streamguard.errors.Refusal`): that is given up at once.

It leaves nothing running: children are told to stop, then killed with all of their process group, and the kernel kills
them when the supervisor itself is killed.
"""

import asyncio
import ctypes
import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from streamguard.clock import Clock, SystemClock
from streamguard.errors import EXIT_REFUSED, StreamguardError

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1


class GaveUp(StreamguardError):
    """A process failed too often, refused to run, or cannot be started at all. The message names it, its status and how
    often; `process` is its name, `status` is what a supervising command ends with because of it."""

    def __init__(self, process: str, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.process = process
        self.status = status


@dataclass(frozen=True, slots=True)
class Command:
    """A process to keep alive. `environment` is the whole of it, None inherits ours. `output` is a file to append what
    it prints to, None leaves it on our own output. One that is `lasting` has failed when it ends, even with status 0."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] | None = None
    output: Path | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often, and after which pauses, a process that failed is started again. Times in seconds."""

    first_pause: float = 0.2
    longest_pause: float = 10.0
    failures: int = 6
    """This many failures within `window` are the end."""
    window: float = 60.0


class Restarts:
    """The failures of one process: pure arithmetic over the times that it is told."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._times: deque[float] = deque()

    @property
    def failures(self) -> int:
        """How many of them lie within the window that ended with the last one."""
        return len(self._times)

    def pause_after(self, now: float) -> float | None:
        """Note a failure at `now` (monotonic seconds); the pause before the next start, or None to give up.

        The pause doubles with each failure of the window, so a process that ran well for long starts at the first pause.
        """
        self._times.append(now)
        while self._times[0] <= now - self._policy.window:
            self._times.popleft()
        if self.failures >= self._policy.failures:
            return None
        return min(self._policy.first_pause * 2 ** (self.failures - 1), self._policy.longest_pause)


class Supervisor:
    """Keeps processes running inside an event loop. Start it and its children from one thread that lives as long.

    `add` starts one, `wait` returns when all of them have ended with status 0, and `stop` ends them; always call it.
    `on_restart` is called with a process's name and the line that says why it is started again; None logs the line.
    """

    def __init__(
        self,
        *,
        policy: RestartPolicy | None = None,
        grace: float = 10.0,
        clock: Clock | None = None,
        on_restart: Callable[[str, str], None] | None = None,
    ) -> None:
        self._policy = policy or RestartPolicy()
        self._on_restart = on_restart or _log_restart
        self._grace = grace
        self._clock = clock or SystemClock()
        self._kept: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping: set[str] = set()
        self._hurry = asyncio.Event()

    @property
    def pids(self) -> Mapping[str, int]:
        """The process ids of those that run now, by name."""
        return {name: process.pid for name, process in self._processes.items() if process.returncode is None}

    def add(self, command: Command, policy: RestartPolicy | None = None) -> None:
        """Start a process and keep it running, by a policy of its own if one is given.

        Raises `ValueError` for a name that runs already.
        """
        if command.name in self._kept and not self._kept[command.name].done():
            raise ValueError(f"a process {command.name!r} runs already")
        self._stopping.discard(command.name)
        self._kept[command.name] = asyncio.ensure_future(self._keep(command, policy or self._policy))

    async def wait(self) -> None:
        """Until every process has ended with status 0 or was stopped. Raises `GaveUp` as soon as one is given up."""
        while True:
            for task in self._kept.values():
                if task.done() and not task.cancelled():
                    task.result()
            pending = [task for task in self._kept.values() if not task.done()]
            if not pending:
                return
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, *names: str) -> None:
        """End the named processes, or all: SIGTERM, and SIGKILL for their process groups after the grace period."""
        chosen = set(names) or set(self._kept)
        self._stopping |= chosen
        await asyncio.gather(*(self._end(name) for name in chosen))

    def hurry(self) -> None:
        """Cut the grace period of a running or later `stop` short."""
        self._hurry.set()

    async def _keep(self, command: Command, policy: RestartPolicy) -> None:
        restarts = Restarts(policy)
        while command.name not in self._stopping:
            status = await self._once(command)
            if (status == 0 and not command.lasting) or command.name in self._stopping:
                return
            if status == EXIT_REFUSED:
                raise GaveUp(
                    command.name,
                    f"process {command.name} refused to run, with status {status}; its own last line says what to change",
                    EXIT_REFUSED,
                )
            pause = restarts.pause_after(self._clock.monotonic())
            ended = f"process {command.name} ended with {_words(status)}"
            if pause is None:
                often = f", the last of {restarts.failures} failures within {policy.window:g} s: giving up"
                raise GaveUp(command.name, ended + (often if restarts.failures > 1 else ""))
            self._on_restart(command.name, f"{ended}: starting it again in {pause:.1f} s")
            await self._clock.sleep(pause)

    async def _once(self, command: Command) -> int:
        output = None
        try:
            output = command.output.open("ab") if command.output else None
            process = await asyncio.create_subprocess_exec(
                *command.arguments,
                env=command.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a group of its own: Ctrl-C reaches it through us, and kills reach its children
                preexec_fn=die_with_parent(),
            )
        except OSError as error:
            raise GaveUp(command.name, f"process {command.name} cannot be started: {error.strerror}") from None
        finally:
            if output:
                output.close()
        self._processes[command.name] = process
        if command.name in self._stopping:  # asked for while it was being started
            _signal(process.terminate)
        try:
            return await process.wait()
        finally:
            _kill_group(process.pid)  # whatever it left behind

    async def _end(self, name: str) -> None:
        task, process = self._kept[name], self._processes.get(name)
        if process is None or process.returncode is not None:
            if not task.done() and process is not None:
                task.cancel()  # it pauses before the next start
        else:
            _signal(process.terminate)
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait([task, hurry], timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not task.done():
            process = self._processes.get(name)
            log.warning("process %s did not stop within %g s: killing it", name, self._grace)
            if process is not None:
                _kill_group(process.pid)
            await asyncio.wait([task])


def supervise(
    commands: Sequence[Command],
    *,
    policy: RestartPolicy | None = None,
    grace: float = 10.0,
    on_start: Callable[[], None] | None = None,
) -> int:
    """Keep `commands` running until SIGTERM or SIGINT; blocks, and returns the exit status.

    0 when it was told to stop or all of them ended well. When one was given up, the others are stopped in order, and it is
    1, or 2 for one that refused to run, after one line of the log. A second signal kills what has not stopped yet.
    """
    return asyncio.run(_supervise(commands, policy, grace, on_start))


async def _supervise(
    commands: Sequence[Command], policy: RestartPolicy | None, grace: float, on_start: Callable[[], None] | None
) -> int:
    supervisor = Supervisor(policy=policy, grace=grace)
    told = asyncio.Event()

    def tell() -> None:
        if told.is_set():
            supervisor.hurry()
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, tell)
    for command in commands:
        supervisor.add(command)
    if on_start:
        on_start()
    work, signalled = asyncio.ensure_future(supervisor.wait()), asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait([work, signalled], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    except GaveUp as error:
        log.critical("%s", error)
        return error.status
    finally:
        await supervisor.stop()
        signalled.cancel()
        work.cancel()
        await asyncio.gather(work, signalled, return_exceptions=True)
    return 0


def die_with_parent() -> Callable[[], None]:
    """What a child does before it becomes another program (`preexec_fn`), so that it is killed when its parent ends.

    Linux only; elsewhere it does nothing. The parent is the thread that starts the child: start children from one that
    lives as long as they should.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    parent = os.getpid()

    def before_exec() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it ended before it could be watched
                os._exit(1)

    return before_exec


def _log_restart(_name: str, words: str) -> None:
    log.warning("%s", words)


def _words(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


def _signal(send: Callable[[], None]) -> None:
    with suppress(ProcessLookupError):
        send()


def _kill_group(group: int) -> None:
    _signal(lambda: os.killpg(group, signal.SIGKILL))
