"""A small process that outlives its owner for a moment, ends what the owner left running and removes its folder.

The owner holds the write end of a pipe. Whatever way the owner ends (return, crash, kill -9), the operating system
closes that end, the janitor reads end of file and cleans. It runs isolated (`python -I -S`), so it starts in ~15 ms,
and in a session of its own, so that no Ctrl-C or kernel interrupt reaches it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time

TYPE_CHECKING = False  # typing's own costs the janitor's start 5 ms
if TYPE_CHECKING:
    import psutil

GRACE_SECONDS = 4.0
"""Time that processes have to end by themselves once their owner is gone; more than `child.GRACE_SECONDS`."""


class Janitor:
    """The owner's end of the pipe."""

    def __init__(self, folder: str | None):
        """Start the janitor of `folder` (None: it only watches processes, the folder belongs to somebody else)."""
        import subprocess

        read_end, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", os.path.abspath(__file__), folder or ""],
                stdin=read_end,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(read_end)

    def watch(self, group: int) -> None:
        """End the process group `group` if the owner ends before `forget(group)`."""
        self._say(f"watch {group}")

    def forget(self, group: int) -> None:
        self._say(f"forget {group}")

    def close(self) -> None:
        """Let the janitor clean, and wait until it has."""
        import subprocess

        self._close_pipe()
        try:
            self._process.wait(GRACE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def disown(self) -> None:
        """In a fork of the owner: drop the inherited pipe, so that the janitor notices when the real owner ends."""
        self._close_pipe()
        self._process.returncode = 0  # not this process's child: nothing to wait for, nothing to warn about

    def _close_pipe(self) -> None:
        os.close(self._pipe)
        self._pipe = -1  # the number may soon be another file's

    def _say(self, line: str) -> None:
        # a janitor that somebody killed is no reason to fail: children watch their parent themselves as well
        with contextlib.suppress(OSError):
            os.write(self._pipe, f"{line}\n".encode())


def is_janitor(process: psutil.Process) -> bool:
    """Whether `process` is a janitor: whoever kills a whole tree of processes must spare it, or nothing is cleaned."""
    return os.path.abspath(__file__) in process.cmdline()


def _alive(process: int) -> bool:
    """Whether `process` still runs; one that only waits for somebody to collect its exit code does not."""
    try:
        os.kill(process, 0)
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:  # no /proc (macOS)
        return True


def main() -> None:
    """Follow the owner's lines until end of file; then wait for the groups, kill what is left, remove the folder."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    folder = sys.argv[1]
    groups: set[int] = set()
    for line in sys.stdin:
        verb, group = line.split()
        (groups.add if verb == "watch" else groups.discard)(int(group))
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(_alive, groups)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for group in groups:  # those that did not end, and what the others have left
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.exists(folder):  # a process was still writing when the tree was walked
            time.sleep(0.2)
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
