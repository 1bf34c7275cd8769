"""How much memory a sandboxed submission uses, counted from outside: all its processes, and its files in memory.

Limits of a process (setrlimit(2)) do not stop many large processes; a control group would, but few users may make one.
Not counted: what the system keeps for open sockets and pipes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable

PAUSE_S = 0.2  # between two looks; a look may take a tenth of the time
PLACES = ("tmp", "home/submission", "dev/shm")  # its file systems in memory
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Looks at the sandboxes now and then: `over` gives those above their limit."""

    def __init__(self) -> None:
        self.next = 0.0

    def pause(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self.next - time.monotonic())

    def over(self, limits: dict[int, int]) -> Iterable[int]:
        """Of the sandboxes whose outermost processes and limits (bytes) are given, those that use more than that."""
        if self.pause() > 0:
            return []
        began = time.monotonic()
        found = [pid for pid, limit in limits.items() if used(pid, limit) > limit]
        took = time.monotonic() - began
        self.next = began + took + max(PAUSE_S, 9 * took)
        return found


def used(pid: int, enough: int = 0) -> int:
    """Bytes used by the sandbox whose outermost process is `pid`; a rougher, larger number when that is below `enough`.

    A page that several processes share counts for each in part (proc_pid_smaps(5): Pss). Asking for that is slow, so
    it is asked only when the plain sum of the resident pages is not below `enough`.
    """
    inside = descendants(pid)
    files = _in_files(pid) + _in_nameless_files(inside)
    resident = sum(map(_resident, inside))
    if resident + files <= enough:
        return resident + files
    return sum(map(_proportional, inside)) + files


def descendants(pid: int) -> list[int]:
    """The processes below `pid`. In a process namespace nothing gets out of it: orphans go to its first process."""
    import psutil

    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _in_files(pid: int) -> int:
    total = 0
    for place in PLACES:
        with contextlib.suppress(OSError):
            status = os.statvfs(f"/proc/{pid}/root/{place}")
            total += (status.f_blocks - status.f_bfree) * status.f_frsize
    return total


def _in_nameless_files(pids: list[int]) -> int:
    """Bytes of memfd_create(2)'s files, which may be in no process's pages."""
    sizes = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    path = f"/proc/{pid}/fd/{name}"
                    if os.readlink(path).startswith("/memfd:"):
                        status = os.stat(path)
                        sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())
