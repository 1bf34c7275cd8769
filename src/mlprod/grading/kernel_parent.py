"""The process that imports the heavy libraries once and forks a ready-to-use IPython kernel for each request.

Started by `mlprod.grading.kernels`, never by hand. Its standard input is a pipe held by whoever started it: end of
file there means that the owner has ended, however it ended, and then the kernels, the runtime folder and this process
go too. A kernel's owner holds one connection to the Unix socket `<runtime>/parent.sock`, the kernel's leash:

    client -> {"argv": [...], "cwd": "...", "env": {...}}   (with two descriptors: the kernel's stdout and stderr)
    parent -> {"pid": 123}                                  then, when it has been reaped, {"exit": -9, "why": ""}
    client -> {"signal": 2}                                 sent to the kernel's process group
    client closes the connection                            the kernel and all its descendants are killed

This process must stay free of threads of its own: a fork copies only the thread that calls it.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

from mlprod.grading import kernel_child, memory
from mlprod.grading.namespaces import IPC, NETWORK, Namespaces

Request = dict[str, Any]

# what every IPython kernel imports while it starts
KERNEL_MODULES = (
    *("psutil", "sqlite3", "tornado.platform.asyncio", "IPython", "IPython.core.debugger"),
    *("IPython.extensions.storemagic", "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger"),
    "mlprod.grading.wire_kernel",
)


class Leash:
    """One client's connection, and the kernel that was forked for it."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.received = b""
        self.descriptors: list[int] = []
        self.pid: int | None = None
        self.limit: int | None = None  # bytes of memory of all its processes
        self.why = ""  # it was killed from here, if it was
        self.ending = False  # it was killed, here or by its owner

    def read(self) -> list[Request] | None:
        """The complete messages that have arrived; None when the client has closed."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.connection, 1 << 16, 2)
        except OSError:
            return None
        self.descriptors += descriptors
        if not data:
            return None
        *lines, self.received = (self.received + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def send(self, **message: int | str) -> None:
        # the client may be gone: its leash is about to be dropped
        with contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def kill(self) -> None:
        self.ending = True
        (kill_sandbox if self.limit else kill_tree)(self.pid)

    def close_descriptors(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


class KernelParent:
    """The event loop: accepts requests, forks, forwards signals, reaps."""

    def __init__(self, runtime: Path):
        self.runtime = runtime
        self.leashes: dict[socket.socket, Leash] = {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(runtime / "parent.sock"))
        self.listener.listen(128)
        self.wake_read, self.wake_write = socket.socketpair()
        for end in (self.wake_read, self.wake_write):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake_write.fileno())
        self.watch = memory.Watch()
        # an ordinary user may not limit the shared memory of one that is not the submission's alone (`isolation`)
        self.namespaces = Namespaces(NETWORK | IPC if os.getuid() == 0 else NETWORK)
        self.selector = selectors.DefaultSelector()
        for source in (0, self.listener, self.wake_read):
            self.selector.register(source, selectors.EVENT_READ)

    def serve(self) -> tuple[Request, list[int]] | None:
        """Return None in this process, when its owner has ended; in a forked child, the request to become."""
        while True:
            self.end_the_too_large()
            for key, _ in self.selector.select(self.watch.pause() if self.limits() else None):
                if key.fileobj == 0:
                    if not os.read(0, 1):
                        return None
                elif key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    self.leashes[connection] = Leash(connection)
                    self.selector.register(connection, selectors.EVENT_READ)
                elif key.fileobj is self.wake_read:
                    self.wake_read.recv(4096)
                    self.reap()
                elif (leash := self.leashes.get(key.fileobj)) and (child := self.hear(leash)):
                    return child

    def hear(self, leash: Leash) -> tuple[Request, list[int]] | None:
        messages = leash.read()
        if messages is None:
            self.drop(leash)
            return None
        for message in messages:
            if "signal" in message:
                self.send_signal(leash, message["signal"])
                continue
            if "sandbox" in message:
                message["sandbox"]["there"] = self.namespaces.enter()
            pid = os.fork()
            if pid == 0:
                descriptors = leash.descriptors
                self.close()
                return message, descriptors
            leash.close_descriptors()
            self.namespaces.taken(pid)
            leash.pid = pid
            leash.limit = message.get("sandbox", {}).get("memory")
            leash.send(pid=pid)
        return None

    def limits(self) -> dict[int, int]:
        """The memory that each watched kernel may use."""
        return {leash.pid: leash.limit for leash in self.leashes.values() if leash.pid and leash.limit}

    def end_the_too_large(self) -> None:
        if self.watch.pause() > 0:
            return
        watched = {leash.pid: leash for leash in self.leashes.values() if leash.pid and leash.limit}
        for pid in [pid for pid, leash in watched.items() if leash.ending]:
            del watched[pid]
            memory.hurry(pid)
        for pid, why in self.watch.over({pid: leash.limit for pid, leash in watched.items()}):
            watched[pid].why = why
            watched[pid].kill()

    def send_signal(self, leash: Leash, number: int) -> None:
        if leash.pid is None:  # already reaped: its number may be another process's by now
            return
        if number == signal.SIGKILL:
            leash.kill()
            return
        try:
            os.killpg(leash.pid, number)
        except ProcessLookupError:  # it has not reached setsid() yet
            os.kill(leash.pid, number)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.namespaces.left(pid)
            for leash in self.leashes.values():
                if leash.pid == pid:
                    leash.pid = None
                    leash.send(exit=os.waitstatus_to_exitcode(status), why=leash.why)

    def drop(self, leash: Leash) -> None:
        self.selector.unregister(leash.connection)
        del self.leashes[leash.connection]
        leash.connection.close()
        leash.close_descriptors()
        if leash.pid is not None:
            leash.kill()

    def close(self) -> None:
        """Let go of every descriptor of this process, without touching the kernels (also called in each child)."""
        signal.set_wakeup_fd(-1)
        self.selector.close()
        for end in (self.listener, self.wake_read, self.wake_write, *self.leashes):
            end.close()
        self.namespaces.close()

    def stop(self) -> None:
        """End every kernel and remove the runtime folder."""
        for leash in list(self.leashes.values()):
            self.drop(leash)
        self.close()
        shutil.rmtree(self.runtime, ignore_errors=True)


def kill_sandbox(pid: int) -> None:
    """SIGKILL a sandbox whose outermost process is `pid`: with the first process inside, all of them end.

    That takes no longer for hundreds of them. One that is not yet inside ends alone.
    """
    with contextlib.suppress(OSError):
        inside = [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for number in inside or [pid]:
            os.kill(number, signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """SIGKILL a kernel, its process group and every descendant but its janitor, which then removes its folder."""
    import psutil

    from mlprod.systems.janitor import is_janitor

    try:
        descendants = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        descendants = []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for process in descendants:
        with contextlib.suppress(psutil.Error):
            if not is_janitor(process):
                process.kill()


def preload(modules: list[str]) -> dict[str, str]:
    """Import `modules`; returns those that could not be, with the reason (a notebook that needs one will say so)."""
    failed = {}
    for name in modules:
        try:
            with warnings.catch_warnings():
                importlib.import_module(name)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
    return failed


def rehearse_an_error() -> None:
    """Have IPython format a traceback: the first one imports modules for a tenth of a second."""
    from IPython.core.ultratb import AutoFormattedTB

    try:
        raise AssertionError
    except AssertionError:
        AutoFormattedTB(mode="Context").text(*sys.exc_info())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtime", type=Path)
    parser.add_argument("--light", action="append", help="prepare light kernels that are started with this option")
    parser.add_argument("modules", nargs="*")
    arguments = parser.parse_args()

    with contextlib.suppress(OSError):  # root's alone: hundreds of processes are not to keep it from ending them
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    atexit.register(kernel_child.leave)  # registered first, called last
    parent = KernelParent(arguments.runtime)
    failed = preload([*KERNEL_MODULES, *arguments.modules])
    kernel_child.freshen_libraries()
    if arguments.light:
        kernel_child.prepare(arguments.light)
    else:
        rehearse_an_error()
    gc.collect()
    gc.freeze()  # forks share these pages as long as the collector does not write to them
    os.write(1, json.dumps({"failed": failed}).encode() + b"\n")
    os.dup2(2, 1)

    child = parent.serve()
    if child is None:
        parent.stop()
    else:
        kernel_child.run(*child)


if __name__ == "__main__":
    # as with `python -m ipykernel_launcher`: the folder this was started from is not importable by itself
    if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd():
        del sys.path[0]
    main()
