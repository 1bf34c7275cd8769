"""The temporary folder of this kernel (or script): removed when it ends, however it ends."""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from mlprod.systems.janitor import Janitor

# A Unix socket's path may have some 100 bytes: a longer temporary folder than this leaves too few for the names inside.
_LONGEST_TEMPORARY_FOLDER = 60


class _Owned:
    """What one process owns. A fork is another process: it starts with nothing (see `_forget`)."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.borrowed = False
        self.janitor: Janitor | None = None
        self.lock = threading.RLock()


_owned = _Owned()
_before_closing: list[Callable[[], None]] = []


def workspace() -> Path:
    """This kernel's own temporary folder (mode 0700, created at the first call).

    In a process started by `processes.start` it is the folder of the kernel that started it. It disappears when the
    kernel ends, also by kill -9.
    """
    with _owned.lock:
        if not _owned.borrowed:
            janitor()
        return _owned.folder


def janitor() -> Janitor:
    """The janitor of this process, started when there is none yet."""
    with _owned.lock:
        if _owned.folder is None:
            _owned.folder = Path(tempfile.mkdtemp(prefix="mlprod-", dir=_parent_folder())).resolve()
        if _owned.janitor is None:
            _owned.janitor = Janitor(None if _owned.borrowed else str(_owned.folder))
        return _owned.janitor


def adopt(folder: Path) -> None:
    """Use the folder of another process, which will remove it (a child of `processes.start` does)."""
    _owned.folder, _owned.borrowed = Path(folder), True


def close() -> None:
    """End what is still running and remove the folder, now; a later `workspace()` starts anew. Runs at exit."""
    for function in _before_closing:
        function()
    with _owned.lock:
        ours, _owned.janitor = _owned.janitor, None
        if not _owned.borrowed:
            _owned.folder = None
        if ours is not None:
            ours.close()


def before_closing(function: Callable[[], None]) -> None:
    """Call `function` whenever the folder is about to be removed."""
    _before_closing.append(function)


def _parent_folder() -> str | None:
    """The usual temporary folder, unless it is in memory (there a commit to "disk" would cost nothing) or too deep."""
    usual = os.path.realpath(tempfile.gettempdir())
    usable = [f for f in (usual, "/var/tmp", "/tmp") if len(f) <= _LONGEST_TEMPORARY_FOLDER and os.access(f, os.W_OK)]
    on_disk = (folder for folder in usable if not _in_memory(folder))
    return next(on_disk, None) or next(iter(usable), usual)


def _in_memory(folder: str) -> bool:
    import psutil

    mounts = {p.mountpoint: p.fstype for p in psutil.disk_partitions(all=True)}
    above = [folder, *map(str, Path(folder).parents)]
    return next((mounts[path] for path in above if path in mounts), "") in ("tmpfs", "ramfs")


def _forget() -> None:
    global _owned
    if _owned.janitor is not None:
        _owned.janitor.disown()
    _owned = _Owned()


os.register_at_fork(after_in_child=_forget)
atexit.register(close)  # in a fork too: it closes what the fork itself made, `_forget` dropped the rest
