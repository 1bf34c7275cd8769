"""One child process: its life from the first byte sent to the last one collected."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Pipe, wait
from typing import Any

from mlprod.systems import child, failures, pickling, workspace
from mlprod.systems.failures import ChildFailed

ENDED_BY_SOMEBODY = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP)

OUTPUT_BYTES = 256 * 1024
"""How much of what a process prints is kept: the last part."""

running: set[Process] = set()
"""The processes of this process that have not ended."""


class Process:
    """One child process. Made by `start`."""

    def __init__(self, function: Callable, args: tuple, kwargs: dict, name: str):
        self.name = name
        self._ready: Future = Future()
        self._result: Future = Future()
        self._ended = threading.Event()
        self._asked_to_end = False
        self._result_seen = False
        self._crash: ChildFailed | None = None
        self._written: deque[bytes] = deque()
        self._written_bytes = 0
        try:
            call = pickling.dumps((function, args, kwargs))
        except Exception as error:
            raise failures.does_not_travel(name, function, args, kwargs, error) from None
        job = pickle.dumps(child.Job(list(sys.path), str(workspace.workspace()), call))
        self._janitor = workspace.janitor()
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlprod.systems.child", str(theirs.fileno()), name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._janitor.watch(self.pid)
        os.set_blocking(self._process.stdout.fileno(), False)
        running.add(self)
        threading.Thread(target=self._listen, name=f"mlprod-{name}", daemon=True).start()
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has died: the thread will say so
                self._connection.send_bytes(job)
        except BaseException:
            self.kill()
            raise

    def __repr__(self) -> str:
        state = "alive" if self.alive else f"ended with {self._process.returncode}"
        return f"<Process {self.name} pid={self.pid} {state}>"

    def __reduce__(self):
        raise TypeError("a Process belongs to the process that started it; pass its address")

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the operating system still runs it."""
        return self._process.poll() is None

    @property
    def address(self) -> Any:
        """The value that the function gave to `ready`; None if it has given none."""
        done = self._ready.done() and self._ready.exception() is None
        return self._ready.result() if done else None

    @property
    def output(self) -> str:
        """What it has written to stdout and stderr so far (the last 256 KiB)."""
        return b"".join(tuple(self._written)).decode(errors="replace")

    def result(self, timeout: float | None = 60) -> Any:
        """The function's return value.

        Raises ChildFailed with the child's traceback if it raised or was killed, StillRunning after `timeout` seconds.
        """
        self._result_seen = True
        try:
            failure = self._result.exception(timeout)
        except TimeoutError:
            raise failures.still_running(self.name, timeout) from None
        if failure is not None:
            raise ChildFailed(str(failure), self.name)  # a new one each time: a raised one collects tracebacks
        return self._result.result()

    def wait(self, timeout: float | None = 60) -> int:
        """Wait for its end: the exit code, or minus the number of the signal. Raises StillRunning after `timeout`."""
        if not self._ended.wait(timeout):
            raise failures.still_running(self.name, timeout)
        return self._process.returncode

    def terminate(self) -> None:
        """Send SIGTERM and do not wait: a function with `stopping` sees it set, another ends on the spot."""
        if not self._asked_to_end:
            self._asked_to_end = True
            self._process.send_signal(signal.SIGTERM)

    def stop(self, timeout: float = 5) -> None:
        """SIGTERM; SIGKILL if it is still there after `timeout` seconds. Returns when it has ended."""
        self.terminate()
        try:
            if not self._ended.wait(timeout):
                self.kill()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL to it and to whatever it started: it gets no chance to clean. Returns when it has ended."""
        self._asked_to_end = True
        if not self._ended.is_set():  # afterwards its number may already be another process's
            self._kill_group()
        self._ended.wait(10)

    def wait_ready(self, timeout: float) -> None:
        """Block until the function has called `ready`. `start` does it; on failure the process is stopped."""
        try:
            self._ready.result(timeout)
        except BaseException as problem:
            self.kill()
            if isinstance(problem, TimeoutError):
                raise failures.not_ready(self.name, timeout, self.output) from None
            raise

    @property
    def unseen_failure(self) -> ChildFailed | None:
        """How it failed, if by itself (not killed, not while being stopped) and nobody has asked for its result."""
        return self._crash if not self._result_seen else None

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _listen(self) -> None:
        """Thread: take the child's frames and output until it ends, then reap it."""
        output = self._process.stdout
        sources: list = [self._connection, output]
        while sources and (self._process.poll() is None or wait(sources, 0)):
            for source in wait(sources, 0.5):
                if source is output:
                    if not self._read_output():
                        sources.remove(output)
                else:
                    try:
                        frame = self._connection.recv_bytes()
                    except (EOFError, OSError):
                        sources.remove(self._connection)
                    else:
                        self._take(frame)
        try:
            self._process.wait(child.EXIT_SECONDS + 1)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self._process.wait()
        self._kill_group()  # what it may have started and left
        self._finish()

    def _read_output(self) -> bool:
        """Keep what can be read now; False at end of file."""
        while piece := self._process.stdout.read(65536):
            self._written.append(piece)
            self._written_bytes += len(piece)
            while self._written_bytes - len(self._written[0]) > OUTPUT_BYTES:
                self._written_bytes -= len(self._written.popleft())
        return piece is None

    def _take(self, frame: bytes) -> None:
        kind, packed = frame[:1], frame[1:]
        self._read_output()  # whoever learns of the frame also sees what was printed before it
        try:
            value = pickle.loads(packed)
        except Exception as error:
            kind, value = child.FAILURE, f"{type(error).__name__}: {error}"
        if kind == child.READY and not self._ready.done():
            self._ready.set_result(value)
        elif kind == child.RESULT and not self._result.done():
            self._result.set_result(value)
        elif kind == child.FAILURE:
            self._fail(failures.raised(self.name, value))

    def _fail(self, failure: ChildFailed) -> None:
        if not self._asked_to_end:
            self._crash = failure
        for future in (self._ready, self._result):
            if not future.done():
                future.set_exception(failure)

    def _finish(self) -> None:
        self._janitor.forget(self.pid)
        code, waiting = self._process.returncode, not self._ready.done()
        if not self._result.done():
            self._asked_to_end |= -code in ENDED_BY_SOMEBODY  # other signals (SIGSEGV, SIGABRT) are crashes
            self._fail(failures.ended(self.name, code, self.output, before_ready=waiting))
        elif waiting:
            self._ready.set_exception(failures.ended(self.name, code, self.output, before_ready=True))
        self._process.stdout.close()
        self._connection.close()
        running.discard(self)
        self._ended.set()


def _forget() -> None:
    """In a fork the children are somebody else's: neither reap nor stop them, and close the inherited connections."""
    for process in running:
        process._connection.close()
        process._process.stdout.close()
        process._process.returncode = 0
    running.clear()


os.register_at_fork(after_in_child=_forget)
