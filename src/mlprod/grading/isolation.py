"""The sandbox of one submission, from inside: a process just forked from the kernel parent leaves everything behind.

It gets process, mount, network, IPC and host-name namespaces of its own (namespaces(7)), sees its meeting place and
nothing of the other kernels', an empty home and /tmp in memory, limits, no privileges and, where the parent is root, a
user of its own. What it starts cannot outlive it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from mlprod.grading.namespaces import IPC, NETWORK, loopback_up

HOME = Path("/home/submission")
MEETING = "/run/kernel"
# not below the home, where what was handed in is: a start-up file would run before the walls are closed
OWN = {"HOME": str(HOME), "TMPDIR": "/tmp", "IPYTHONDIR": "/tmp/.ipython", "MPLCONFIGDIR": "/tmp/.matplotlib"}
LIMITS = {
    "RLIMIT_DATA": 4 * 2**30,  # bytes each process may have for itself; address space alone (a JVM's, torch's) is free
    "RLIMIT_FSIZE": 512 * 2**20,  # bytes of a file
    "RLIMIT_CPU": 600,  # seconds of processor of each process
    "RLIMIT_NPROC": 512,  # processes and threads of its user
    "RLIMIT_NOFILE": 4096,
    "RLIMIT_CORE": 0,
    "RLIMIT_MSGQUEUE": 0,  # bytes in POSIX message queues, which would outlive its processes
}
TEMPORARY_SIZE = "1g"  # of /tmp, home and /dev/shm each, in memory: embedded databases keep their files there
TEMPORARY_FILES = 200_000  # in each
SHARED_PAGES = 2**16  # of System V shared memory, which belongs to no process

_NEWNS, _NEWUTS, _NEWUSER, _NEWPID = 0x20000, 0x4000000, 0x10000000, 0x20000000
_READ_ONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_libc = ctypes.CDLL(None, use_errno=True)


def enter(folder: Path, uid: int, gid: int, *, there: int = 0) -> Callable[[], None]:
    """Leave for a sandbox of one's own; returns in the process that lives in it, with `HOME` as its current folder.

    `folder` is the kernel's meeting place, inside the runtime folder that it hides; what was handed in beside the
    notebook is in its `files`. `there`: the kinds of namespaces that this process has for itself already
    (`mlprod.grading.namespaces`). The calling process stays outside as a shell that ends as the one inside does. What
    is returned is to be called once the kernel's sockets are there, before any code of the submission's: from then on
    the meeting place, which is on the grader's disk, cannot be written to. Raises OSError when the system refuses.
    """
    was_root = os.getuid() == 0
    _new_namespaces(was_root, there)
    if not there & NETWORK:
        loopback_up()
    _mounts(folder)
    _name_the_user(uid, gid)
    ready, tell = os.pipe()
    pid = os.fork()  # the first process of the new namespace: when it ends, all that it holds ends
    if pid:
        for number in (signal.SIGINT, signal.SIGTERM):  # interrupts are for the process inside, not for this shell
            signal.signal(number, signal.SIG_IGN)
        os.close(tell)
        _close_when(ready, folder)
        _end_like(pid)
    os.close(ready)
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV)
    for name, value in {"sys/kernel/shmall": SHARED_PAGES, "self/oom_score_adj": 1000}.items():
        with contextlib.suppress(OSError):  # where memory ends, the submission goes first, and not the grader
            Path("/proc", name).write_text(str(value))
    shutil.copytree(folder / "files", HOME, dirs_exist_ok=True)
    for name, limit in LIMITS.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
    if was_root:
        for top, _, files in os.walk(HOME):
            for path in (top, *(os.path.join(top, name) for name in files)):
                os.chown(path, uid, gid)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")  # changing the user undoes it
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _drop_capabilities()
    os.chdir(HOME)

    def seal() -> None:
        os.write(tell, b"x")
        os.close(tell)
        while os.access(MEETING, os.W_OK):
            time.sleep(0.001)

    return seal


def environment() -> dict[str, str]:
    """The variables of a sandboxed kernel: what its parent was given, and places of its own."""
    return {**os.environ, **OWN}


def try_out() -> None:
    """Enter a sandbox and leave it: the process ends with status 0 when that is possible here, else with why not."""
    folder = Path("/tmp/runtime/kernel")
    (folder / "files").mkdir(parents=True)
    user = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
    enter(folder, *user)
    with socket.socket() as listener:  # its own loopback works
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        socket.create_connection(listener.getsockname(), timeout=5).close()
    os._exit(0)


def _new_namespaces(was_root: bool, there: int) -> None:
    flags = _NEWNS | _NEWPID | _NEWUTS | ((NETWORK | IPC) & ~there)
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(flags if was_root else flags | _NEWUSER), "unshare")
    if not was_root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _mounts(folder: Path) -> None:
    """An own /tmp, home and shared memory; of the runtime folder only `folder`; nothing else can be written to."""
    _mount(None, "/", None, _REC | _PRIVATE)
    runtime = folder.parent
    _mount("tmpfs", "/run", "tmpfs", _NOSUID | _NODEV, "size=1m,mode=0755")
    Path(MEETING).mkdir()
    _mount(str(folder), MEETING, None, _BIND)
    # the course or its environment may lie below /tmp: they are put back over the new one
    kept = {place: Path("/run", f"kept-{number}") for number, place in enumerate(_below_tmp(runtime))}
    for place, aside in kept.items():
        aside.mkdir() if place.is_dir() else aside.touch()
        _mount(str(place), str(aside), None, _BIND | _REC)
    for place in (*(["/tmp"] if runtime.is_relative_to("/tmp") else ["/tmp", str(runtime)]), str(HOME), "/dev/shm"):
        _mount(
            "tmpfs", place, "tmpfs", _NOSUID | _NODEV, f"size={TEMPORARY_SIZE},nr_inodes={TEMPORARY_FILES},mode=1777"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _mount(MEETING, str(folder), None, _BIND)
    for place, aside in kept.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(exist_ok=True) if aside.is_dir() else place.touch()
        _mount(str(aside), str(place), None, _BIND | _REC)
    _mount(None, "/", None, _REMOUNT | _BIND | _READ_ONLY | _NOSUID | _NODEV)


def _name_the_user(uid: int, gid: int) -> None:
    """Give the user a name and its home: Java 17 asks passwd(5) for them, and Ivy stops at a home called "?"."""
    passwd, own = Path("/etc/passwd"), Path("/run/passwd")
    others = [line for line in passwd.read_text().splitlines() if line.split(":")[2:3] != [str(uid)]]
    own.write_text("\n".join([*others, f"submission:x:{uid}:{gid}::{HOME}:/bin/sh\n"]))
    own.chmod(0o444)
    _mount(str(own), str(passwd), None, _BIND)
    for place in (str(passwd), "/run"):  # which belongs to an ordinary user who grades, and so to the submission
        _mount(None, place, None, _REMOUNT | _BIND | _READ_ONLY | _NOSUID | _NODEV)


def _below_tmp(runtime: Path) -> list[Path]:
    """What is mounted below /tmp, but for the runtime folder (mount points: field 5 of proc_pid_mountinfo(5))."""
    fields = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    below = sorted({field.encode().decode("unicode_escape") for field in fields if field.startswith("/tmp/")})
    return [Path(place) for place in below if place != str(runtime)]


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [text.encode() if text is not None else None for text in (source, target, kind, data)]
    _check(_libc.mount(encoded[0], encoded[1], encoded[2], flags, encoded[3]), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _drop_capabilities() -> None:
    """Give up all capabilities (capset(2)); those of a user namespace are not lost by changing the user."""
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, bytes(24)), "capset")


def _close_when(ready: int, folder: Path) -> None:
    """Outside: once the process inside says so, make the meeting place read-only (its sockets still connect)."""
    said = os.read(ready, 1)
    os.close(ready)
    if said:
        for place in (MEETING, str(folder)):
            kept = (
                os.statvfs(place).f_flag & os.ST_NOEXEC
            )  # what the file system has may not be taken off in a namespace
            _mount(None, place, None, _REMOUNT | _BIND | _READ_ONLY | _NOSUID | _NODEV | kept)


def _end_like(pid: int) -> None:
    """Outside: wait for the process inside, pass on how it ended."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 255)
