"""A command run and measured: its seconds, and the memory of all that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Timed:
    """A command: its seconds, and the most memory that it and what it started had at once (PSS, in MiB)."""

    seconds: float
    memory: float


def timed(command: list[Any], folder: Path) -> Timed:
    """Run `command` in `folder` with this environment's programs; RuntimeError with what it said when it fails."""
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=_environment(), stdout=said, stderr=subprocess.STDOUT)
        most = _Memory(process.pid)
        try:
            code = process.wait(TIMEOUT_S)
        except BaseException:
            process.kill()
            raise
        seconds = time.monotonic() - began
        if code:
            raise RuntimeError(f"{command}: {_text(said)[-3000:]}")
    return Timed(seconds, most.end())


def watched(command: list[Any], root: Path, count: int) -> float:
    """Seconds that `command`, which waits for submissions, takes for the `count` that are in the course at `root`.

    They are put aside until it waits, come all at once, and are graded when the last feedback is there.
    RuntimeError with what it said when it ends before that.
    """
    submitted, aside = root / "grading" / "submitted", root / "aside"
    submitted.rename(aside)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=root, env=_environment(), stdout=said, stderr=subprocess.STDOUT)
        try:
            _until(lambda: "waiting for" in _text(said), process, said)
            aside.rename(submitted)
            began = time.monotonic()
            feedback = root / "grading" / "feedback"
            _until(lambda: feedback.is_dir() and len(os.listdir(feedback)) >= count, process, said)
            seconds = time.monotonic() - began
            process.send_signal(signal.SIGINT)
            if process.wait(TIMEOUT_S):
                raise RuntimeError(f"{command}: {_text(said)[-3000:]}")
        finally:
            process.kill()
            process.wait()
    return seconds


def _until(true: Callable[[], bool], process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not true():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args}: {_text(said)[-3000:]}")
        time.sleep(0.02)


def _text(said: IO[bytes]) -> str:
    """What has been written, without moving the place where a process goes on writing."""
    return os.pread(said.fileno(), os.fstat(said.fileno()).st_size, 0).decode(errors="replace")


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "LANG_COURSE": "en", "PATH": path}
    found.pop("MLPROD_ROOT", None)
    return found


class _Memory:
    """Watches the memory of a process and of all that it started, twice a second; shared pages count once (PSS)."""

    def __init__(self, pid: int) -> None:
        self.pid, self.most, self.over = pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def end(self) -> float:
        """The most that was seen, in MiB."""
        self.over.set()
        self.thread.join()
        return self.most

    def _watch(self) -> None:
        while not self.over.wait(0.5):
            self.most = max(self.most, sum(map(_pss, self._pids())) / 1024)

    def _pids(self) -> list[int]:
        import psutil

        with contextlib.suppress(psutil.Error):
            return [self.pid, *(child.pid for child in psutil.Process(self.pid).children(recursive=True))]
        return []


def _pss(pid: int) -> int:
    """KiB of memory; 0 when the process has gone."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(text.split("\nPss:")[1].split()[0])
    return 0
