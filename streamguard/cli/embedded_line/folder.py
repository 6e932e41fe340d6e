"""The folder of an embedded line: its stores, its configuration, its processes' logs."""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamguard.errors import InputError

ENVIRONMENT = "dev.env"
"""The file with the addresses of a dev that runs."""
_LEFT = frozenset({"store", "payloads", "logs", "streamguard.toml", ENVIRONMENT, f"{ENVIRONMENT}.part"})
"""What runs leave behind. Whatever else lies there is somebody's own."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Whose folder it is: the command's name, its option that names the folder, and what in it outlives a run."""

    name: str
    option: str
    kept: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """The file that tells whose folder it is; who uses the folder holds its lock."""
        return f".streamguard-{self.name}"


DEMO = Kind("demo", "--data")
DEV = Kind("dev", "--folder", kept=("store", "payloads"))


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a line keeps its things; it is ours alone while the line runs."""

    path: Path

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def payloads(self) -> Path:
        """The second store, for texts."""
        return self.path / "payloads"

    @property
    def config(self) -> Path:
        return self.path / "streamguard.toml"

    def log(self, process: str) -> Path:
        """What the process of that name prints."""
        return self.path / "logs" / f"{process}.log"


@contextmanager
def held_folder(path: Path, kind: Kind, *, fresh: bool = False) -> Generator[Folder]:
    """A folder that nobody else uses meanwhile. What an earlier run left there is removed, but for what its kind keeps (and
    that too when it shall be `fresh`); anything else in it stays, and a folder that is none of ours is not touched.

    Raises `InputError` when the folder holds something else, when another run is using it, or when it cannot be made.
    """
    mark = path / kind.mark
    another = f"name another folder with {kind.option}"
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is not a folder; name another one with {kind.option}")
        if path.exists() and any(path.iterdir()) and not mark.exists():
            raise InputError(f"{path}: holds something that is not a {kind.name}'s; {another}")
        path.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            path.chmod(0o700)  # it will hold texts
        handle = os.open(mark, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise InputError(f"{path}: cannot be used ({error.strerror}); {another}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{path}: another {kind.name} is running in it; {another}") from None
        try:
            for old in [path / name for name in _LEFT.difference(() if fresh else kind.kept)]:
                if old.is_dir() and not old.is_symlink():
                    shutil.rmtree(old)
                else:
                    old.unlink(missing_ok=True)
            (path / "logs").mkdir()
        except OSError as error:
            raise InputError(
                f"{path}: what an earlier run left cannot be removed ({error.strerror}); {another}"
            ) from None
        yield Folder(path)
    finally:
        os.close(handle)
