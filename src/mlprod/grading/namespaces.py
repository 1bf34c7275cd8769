"""Namespaces (namespaces(7)) that kernels have for themselves, and one after another where nobody can tell.

To make and to take apart one for the network and one for System V's IPC costs the system a quarter of what a light
notebook takes, in its own workers (`cleanup_net`, `free_ipc`: ftrace's workqueue events during `mlprod bench grading`).
Those in which nobody did anything are as new.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

NETWORK, IPC = 0x40000000, 0x08000000  # CLONE_NEWNET, CLONE_NEWIPC
_FILES = {NETWORK: "/proc/self/ns/net", IPC: "/proc/self/ns/ipc"}
_COUNTERS = ("dev", "snmp", "snmp6", "netstat")  # proc_pid_net(5): they count also what could not be sent
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Place:
    """Descriptors of namespaces by their kind, and how these looked when they were last seen."""

    descriptors: dict[int, int]
    traces: list[object] = field(default_factory=list)


class Namespaces:
    """Belongs to a process of one thread, which it takes from one place to another: what it forks stays there.

    `kinds`: the namespaces that a place is made of.
    """

    def __init__(self, kinds: int) -> None:
        self._kinds = kinds
        self._free: list[Place] = []
        self._here: Place | None = None
        self._taken: dict[int, Place] = {}  # by whom

    def enter(self) -> int:
        """Go where no kernel is; returns the kinds of namespaces there: 0 where this process may not make them."""
        self._here = self._free.pop() if self._free else self._new()
        return self._kinds if self._here is not None and _go(self._here) else 0

    def taken(self, pid: int) -> None:
        """That process was forked here."""
        if self._here is not None:
            self._taken[pid], self._here = self._here, None

    def left(self, pid: int) -> None:
        """It has ended, and what it had started ends with it."""
        if (place := self._taken.pop(pid, None)) is None:
            return
        if _go(place) and self._as_new(place):
            self._free.append(place)
        else:
            _close(place)

    def close(self) -> None:
        """Let go of all of them; those that processes are in last as long as these."""
        for place in (*self._free, *self._taken.values(), *([self._here] if self._here else [])):
            _close(place)
        self._free, self._here, self._taken = [], None, {}

    def _new(self) -> Place | None:
        place = Place({})
        try:
            if _libc.unshare(self._kinds) != 0:
                return None
            for kind, path in _FILES.items():
                if kind & self._kinds:
                    place.descriptors[kind] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if self._kinds & NETWORK:
                loopback_up()
            place.traces = self._traces()
        except OSError:  # the kernel then makes its own
            _close(place)
            return None
        return place

    def _as_new(self, place: Place) -> bool:
        """Whether nobody has done anything in the place where this process is since its traces were taken."""
        try:
            *counters, ids = self._traces()
        except OSError:  # nobody can tell
            return False
        *before, last = place.traces
        place.traces = [*counters, ids]
        return counters == before and ids == [number + 1 for number in last]

    def _traces(self) -> list[object]:
        """What the system counts there of the network, and the numbers that the next System V objects get.

        Those count every object there ever was; POSIX queues cannot be (`isolation.LIMITS`).
        """
        counters = [Path("/proc/self/net", name) for name in _COUNTERS] if self._kinds & NETWORK else []
        texts: list[object] = [path.read_text() for path in counters if path.exists()]
        return [*texts, _next_ids() if self._kinds & IPC else []]


def loopback_up() -> None:
    """A new network namespace has a loopback device that is down (netdevice(7): SIOCSIFFLAGS)."""
    up = 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", up))


def _next_ids() -> list[int]:
    """The numbers of a shared memory, a semaphore and a queue of System V, which are made and removed (sysvipc(7))."""
    private, remove, mode = 0, 0, 0o1600  # IPC_PRIVATE, IPC_RMID, IPC_CREAT | 0600
    memory, semaphore = _libc.shmget(private, 1, mode), _libc.semget(private, 1, mode)
    queue = _libc.msgget(private, mode)
    if min(memory, semaphore, queue) < 0:
        raise OSError(ctypes.get_errno(), "System V IPC")
    _libc.shmctl(memory, remove, None)
    _libc.semctl(semaphore, 0, remove)
    _libc.msgctl(queue, remove, None)
    return [memory, semaphore, queue]


def _go(place: Place) -> bool:
    return all(_libc.setns(descriptor, kind) == 0 for kind, descriptor in place.descriptors.items())


def _close(place: Place) -> None:
    for descriptor in place.descriptors.values():
        os.close(descriptor)
    place.descriptors = {}
