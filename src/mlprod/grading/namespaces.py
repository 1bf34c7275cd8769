"""Namespaces (namespaces(7)) that kernels have for themselves, and one after another where nobody can tell.

To make and to take apart one for the network, with a loopback alone, costs the system about 20 ms of processor, and one
for System V's IPC 12: a quarter of what a light notebook takes. Those in which nothing was ever sent and nothing left
are as new.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

NETWORK, IPC = 0x40000000, 0x08000000  # CLONE_NEWNET, CLONE_NEWIPC
_FILES = {NETWORK: "/proc/self/ns/net", IPC: "/proc/self/ns/ipc"}
_libc = ctypes.CDLL(None, use_errno=True)

Place = dict[int, int]
"""Descriptors of namespaces, by their kind."""


class Namespaces:
    """Belongs to a process of one thread, which it takes from one place to another: what it forks stays there.

    `kinds`: the namespaces that a place is made of.
    """

    def __init__(self, kinds: int) -> None:
        self._kinds = kinds
        self._free: list[Place] = []
        self._here: Place = {}
        self._taken: dict[int, Place] = {}  # by whom

    def enter(self) -> int:
        """Go where no kernel is; returns the kinds of namespaces there: 0 where this process may not make them."""
        self._here = self._free.pop() if self._free else self._new()
        return self._kinds if self._here and _go(self._here) else 0

    def taken(self, pid: int) -> None:
        """That process was forked here."""
        self._taken[pid], self._here = self._here, {}

    def left(self, pid: int) -> None:
        """It has ended, with all that it had started."""
        if place := self._taken.pop(pid, None):
            if _go(place) and _untouched(self._kinds):
                self._free.append(place)
            else:
                _close(place)

    def close(self) -> None:
        """Let go of all of them; those that processes are in last as long as these."""
        for place in (*self._free, *self._taken.values(), self._here):
            _close(place)
        self._free, self._here, self._taken = [], {}, {}

    def _new(self) -> Place:
        if _libc.unshare(self._kinds) != 0:
            return {}
        if self._kinds & NETWORK:
            loopback_up()
        return {kind: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for kind, path in _FILES.items() if kind & self._kinds}


def loopback_up() -> None:
    """A new network namespace has a loopback device that is down (netdevice(7): SIOCSIFFLAGS)."""
    up = 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", up))


def _go(place: Place) -> bool:
    return all(_libc.setns(descriptor, kind) == 0 for kind, descriptor in place.items())


def _close(place: Place) -> None:
    for descriptor in place.values():
        os.close(descriptor)


def _untouched(kinds: int) -> bool:
    """Whether the namespaces of these kinds that this process is in are as new (proc_pid_net(5), sysvipc(7)).

    POSIX message queues are not there to be looked at: sandboxes do not allow any (`isolation.LIMITS`).
    """
    try:
        devices = [line.partition(":")[2] for line in Path("/proc/self/net/dev").read_text().splitlines()[2:]]
        left = [path for path in Path("/proc/sysvipc").iterdir() if len(path.read_text().splitlines()) > 1]
    except OSError:  # nobody can tell
        return False
    silent = len(devices) == 1 and set(devices[0].split()) == {"0"}
    return (silent or not kinds & NETWORK) and not (left and kinds & IPC)
