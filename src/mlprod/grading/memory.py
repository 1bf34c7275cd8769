"""What a sandboxed submission uses of the machine, seen from outside: memory and processes, all of its own together.

Limits of a process (setrlimit(2)) do not stop many large processes; a control group would, but few users may make one.
Not counted: what the system keeps for open sockets and pipes.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterable

PAUSE_S = 0.2  # between two looks; a look may take a tenth of the time
LONGEST_PAUSE_S = 1.0
ANSWER_S = 0.05  # that a look waits for what was asked
LONGEST_S = 0.3  # for asking processes what they share
PLACES = ("tmp", "home/submission", "dev/shm")  # its file systems in memory
MOST_PROCESSES = 100
CROWD = 24  # threads that want to run, from which a sandbox has to let all others go first
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Looks at the sandboxes now and then: `over` gives those beyond their limits.

    A look only counts. What processes share has to be asked of each, and the answer may take seconds: who is in the
    middle of a fork holds the lock, and has to wait for its turn among hundreds. A process of its own asks that.
    """

    def __init__(self) -> None:
        self.next = 0.0
        self.asked: dict[int, Measurement] = {}

    def pause(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self.next - time.monotonic())

    def over(self, limits: dict[int, int]) -> Iterable[tuple[int, str]]:
        """Of the sandboxes whose outermost processes and limits (bytes) are given, those to be ended, and why."""
        if self.pause() > 0:
            return []
        began = time.monotonic()
        children = _children()
        found = [(pid, why) for pid, limit in limits.items() if (why := self._verdict(pid, limit, children))]
        for pid in self.asked.keys() - limits.keys():
            self.asked.pop(pid).forget()
        took = time.monotonic() - began
        self.next = began + took + min(max(PAUSE_S, 9 * took), LONGEST_PAUSE_S)
        return found

    def _verdict(self, pid: int, limit: int, children: dict[int, list[int]]) -> str:
        inside = _below(pid, children)
        if len(inside) > MOST_PROCESSES:
            return "processes"
        stand_back(inside)
        if begun := pid not in self.asked:
            if _at_most(pid, inside) <= limit:
                return ""
            self.asked[pid] = Measurement(pid, inside)
        answer = self.asked[pid].answer(ANSWER_S if begun else 0)
        if answer is None:
            return ""
        self.asked.pop(pid).forget()
        return "memory" if answer > limit else ""


class Measurement:
    """A process that asks how much a sandbox uses, what its processes share counted once."""

    def __init__(self, pid: int, inside: list[int]) -> None:
        self.told, tell = os.pipe()
        if os.fork() == 0:
            try:
                os.write(tell, str(used(pid, inside=inside)).encode())
            finally:
                os._exit(0)
        os.close(tell)

    def answer(self, wait: float) -> int | None:
        """Bytes; None when that is not known within `wait` seconds."""
        if not select.select([self.told], [], [], wait)[0]:
            return None
        return int(os.read(self.told, 100) or 0)

    def forget(self) -> None:
        os.close(self.told)


def stand_back(pids: list[int]) -> None:
    """Give the lowest priority to all threads of these processes when a crowd of them wants to run.

    Else two cores shared among hundreds would leave next to nothing for the submissions of others, whose cells have
    seconds to end. A JVM has as many threads, but they wait.
    """
    threads = [(pid, thread) for pid in pids for thread in _threads(pid)]
    if len(threads) <= CROWD or sum(_wants_to_run(pid, thread) for pid, thread in threads) <= CROWD:
        return
    for pid, thread in threads:
        _set_priority(pid, thread, 19)


def hurry(pid: int) -> None:
    """To a sandbox that was killed: with the lowest priority each waits for its turn to end, and all for all."""
    for one in descendants(pid):
        for thread in _threads(one):
            _set_priority(one, thread, -10)


def _set_priority(pid: int, thread: int, nice: int) -> None:
    with contextlib.suppress(OSError):  # a higher one may be given by root alone
        if os.getpriority(os.PRIO_PROCESS, thread) != nice:
            os.setpriority(os.PRIO_PROCESS, thread, nice)
            with open(f"/proc/{pid}/autogroup", "w") as file:  # where the system shares by sessions: sched(7)
                file.write(str(nice))


def _threads(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    return []


def _wants_to_run(pid: int, thread: int) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] == b"R"
    return False


def used(pid: int, enough: int = 0, inside: list[int] | None = None) -> int:
    """Bytes used by the sandbox whose outermost process is `pid`; a rougher, larger number when that is below `enough`.

    `inside` are its processes, when they are known already.

    A page that several processes share counts for each in part (proc_pid_smaps(5): Pss). Asking for that is slow, so
    it is asked only when the plain sum of the resident pages is not below `enough`.
    """
    inside = descendants(pid) if inside is None else inside
    if enough and (rough := _at_most(pid, inside)) <= enough:
        return rough
    files = _files(pid, inside)
    counted, until = 0, time.monotonic() + LONGEST_S
    for done, one in enumerate(inside, 1):
        counted += _proportional(one)
        if time.monotonic() > until:  # hundreds that fork on and on: as the rest so the first
            return counted * len(inside) // done + files
    return counted + files


def _at_most(pid: int, inside: list[int]) -> int:
    """Bytes that it uses at most: as if its processes shared nothing."""
    return _files(pid, inside) + sum(map(_resident, inside))


def _files(pid: int, inside: list[int]) -> int:
    return _in_files(pid) + _in_nameless_files(inside)


def descendants(pid: int) -> list[int]:
    """The processes below `pid`. In a process namespace nothing gets out of it: orphans go to its first process."""
    return _below(pid, _children())


def _children() -> dict[int, list[int]]:
    """All that can be seen here, by their parents."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{int(name)}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])  # a name may hold blanks and brackets
            children.setdefault(parent, []).append(int(name))
    return children


def _below(pid: int, children: dict[int, list[int]]) -> list[int]:
    left, found = dict(children), [pid]
    for one in found:
        found += left.pop(one, [])  # once: numbers are used again while this looks
    return found[1:]


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
