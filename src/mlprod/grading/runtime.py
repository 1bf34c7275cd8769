"""The folder in which a command's kernels and their clients meet."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "mlprod-kernels-"
OWNER = "owner"
"""A file that is locked as long as the folder's command lives, however it ends."""


@contextlib.contextmanager
def runtime_folder() -> Iterator[Path]:
    """A folder while the block lasts. Also removes those of commands that were killed and could not."""
    parent = _short_temporary_folder()
    for folder in Path(parent).glob(f"{PREFIX}*"):
        if _abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
    runtime = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with open(runtime / "new", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.rename(runtime / "new", runtime / OWNER)  # nobody finds it before it is locked
            yield runtime
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    """Whether it is this user's, and its command has ended."""
    with contextlib.suppress(OSError):
        if folder.lstat().st_uid != os.geteuid():
            return False
        lock = os.open(folder / OWNER, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(lock)
        return True
    return False


def _short_temporary_folder() -> str:
    # a Unix socket's path has at most 107 characters
    folder = tempfile.gettempdir()
    return folder if len(folder) <= 60 else "/tmp"
