"""The folder of a demo: its store, its configuration, its processes' logs."""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamguard.errors import InputError

DEFAULT = Path("streamguard-demo")
_MARK = ".streamguard-demo"


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a demo keeps its things; it is ours alone while the demo runs."""

    path: Path

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def config(self) -> Path:
        return self.path / "streamguard.toml"

    def log(self, process: str) -> Path:
        """What the process of that name prints."""
        return self.path / "logs" / f"{process}.log"


@contextmanager
def fresh_folder(path: Path) -> Generator[Folder]:
    """An empty folder; what an earlier demo left there is removed, anything else is not touched.

    Raises `InputError` when the folder holds something that no demo left, when another demo is using it, or when it cannot
    be made.
    """
    mark = path / _MARK
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is not a folder; name another one with --data")
        if path.exists() and any(path.iterdir()) and not mark.exists():
            raise InputError(f"{path}: holds something that is not a demo's; name another folder with --data")
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(mark, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise InputError(f"{path}: cannot be used ({error.strerror}); name another folder with --data") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{path}: another demo is running in it; name another folder with --data") from None
        for old in path.iterdir():
            if old != mark:
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        (path / "logs").mkdir()
        yield Folder(path)
    finally:
        os.close(handle)
