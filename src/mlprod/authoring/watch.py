"""Watches a notebook while it is executed: its kernel's whole process tree, its memory, its time, what it leaves."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from typing import Any

import psutil

from mlprod.systems.janitor import is_janitor

PERIOD_S = 0.2
GRACE_S = 3.0  # for helpers that end by themselves when their kernel has gone
MARK = "MLPROD_EXECUTION"  # variable that every process started from the notebook inherits


class Watch:
    """Use as a context manager around the execution: start the kernel with `environment`, then call `kernel_is`.

    `peak_mb` is the largest resident memory of the kernel and all its descendants at one moment, in MiB (a forked
    kernel's includes the libraries preloaded by its parent). After `limit_s` seconds the tree is killed, and
    `timed_out` is True.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.peak_mb = 0.0
        self.timed_out = False
        self.pid: int | None = None
        self.environment = {**os.environ, MARK: uuid.uuid4().hex}
        self._seen: dict[psutil.Process, None] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_ended, daemon=True)

    def __enter__(self) -> Watch:
        self.started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.seconds = time.monotonic() - self.started
        self._ended.set()
        self._thread.join()

    def kernel_is(self, pid: int) -> None:
        """From now on the tree below process `pid` is watched."""
        self.pid = pid
        self._sample()  # also a notebook shorter than the period has a peak

    def leftovers(self) -> list[psutil.Process]:
        """Processes of the notebook that outlive its kernel by more than the grace; the caller reports and kills."""
        deadline = time.monotonic() + GRACE_S
        while (alive := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return alive

    def _sample_until_ended(self) -> None:
        while not self._ended.wait(PERIOD_S):
            tree = self._sample()
            if time.monotonic() - self.started > self.limit_s:
                self.timed_out = True
                kill(tree)

    def _sample(self) -> list[psutil.Process]:
        tree = self._tree()
        self._seen.update(dict.fromkeys(tree))
        self.peak_mb = max(self.peak_mb, sum(map(_resident_mb, tree)))
        return tree

    def _tree(self) -> list[psutil.Process]:
        if self.pid is None:
            return []
        try:
            kernel = psutil.Process(self.pid)
            return [kernel, *kernel.children(recursive=True)]
        except psutil.Error:
            return []

    def _alive(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._mine(process)]

    def _mine(self, process: psutil.Process) -> bool:
        try:
            if process.pid == os.getpid() or not _running(process):
                return False
            # seen below the kernel, or still in its session, or started with its environment
            return (
                process in self._seen
                or (self.pid is not None and os.getsid(process.pid) == self.pid)
                or process.environ().get(MARK) == self.environment[MARK]
            )
        except (psutil.Error, OSError):
            return False


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL those of `processes` that are still there, and wait until they have ended (2 s at most).

    A janitor is spared: it ends by itself once it has removed the folder of the others.
    """
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if not is_janitor(process):
                process.kill()
    deadline = time.monotonic() + 2
    while any(map(_running, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)


def _running(process: psutil.Process) -> bool:
    # a zombie has ended; that nobody has asked for its exit code is not the notebook's fault
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _resident_mb(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 2**20
    except psutil.Error:
        return 0.0
