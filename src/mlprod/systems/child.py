"""The other end of `processes.start`: what a child process runs before, around and after the reader's function.

Light on purpose (no numpy, no matplotlib): its imports are paid by every process of every lesson.
Protocol: the parent sends one pickled `Job`; the child answers frames of one kind byte and a pickled value.
"""

from __future__ import annotations

import inspect
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from mlprod.systems import pickling

READY, RESULT, FAILURE = b"r", b"v", b"f"
GRACE_SECONDS = 3.0
"""Time that a function with `stopping` has to end once its parent has gone; others end at once."""
EXIT_SECONDS = 2.0
"""Time that an interpreter has to end once the function has returned (threads that it left, finalizers)."""


@dataclass
class Job:
    """What travels to the child. `call` is cloudpickle's (function, args, kwargs), read after `path` is in place."""

    path: list[str]
    workspace: str
    call: bytes


def accepts(function: Any, parameter: str) -> bool:
    """Whether `function` can be called with the keyword `parameter` by name."""
    try:
        return parameter in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False


class _Parent:
    """The connection to the parent: frames out, and a thread that sees when the parent has gone."""

    def __init__(self, connection: Connection):
        self.stopping = threading.Event()
        self.patient = False  # whether the function listens to `stopping`
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, kind: bytes, value: Any) -> None:
        frame = kind + pickling.dumps(value)
        with self._lock:
            self._connection.send_bytes(frame)

    def watch(self) -> None:
        """Start listening to the parent's end and to SIGTERM.

        SIGTERM reaches `stopping` through a pipe and a thread: setting an Event inside a signal handler can deadlock
        with the main thread waiting on that same Event, and a handler would wait for a long C call to return.
        """
        if self.patient:
            read_end, write_end = os.pipe()
            os.set_blocking(write_end, False)
            signal.signal(signal.SIGTERM, lambda *_: None)
            signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
            threading.Thread(target=self._wait_for_sigterm, args=(read_end,), daemon=True).start()
        threading.Thread(target=self._wait_for_orphanhood, daemon=True).start()

    def _wait_for_sigterm(self, read_end: int) -> None:
        while signal.SIGTERM not in os.read(read_end, 64):
            pass
        self.stopping.set()

    def _wait_for_orphanhood(self) -> None:
        try:
            self._connection.poll(None)  # the parent says nothing more: readable means that it has gone
        finally:
            if self.patient:
                self.stopping.set()
                threading.Event().wait(GRACE_SECONDS)
            if os.getpgrp() == os.getpid():
                os.killpg(os.getpid(), signal.SIGKILL)
            os._exit(1)


def _restore_main(function: Any) -> None:
    """Put the notebook's names that travelled into `__main__`, where plain pickle looks for the notebook's classes."""
    if getattr(function, "__module__", None) == "__main__":
        names = {k: v for k, v in getattr(function, "__globals__", {}).items() if not k.startswith("__")}
        vars(sys.modules["__main__"]).update(names)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending already, with the exit code that it deserves
    # An ordinary exit runs finalizers; the alarm ends it when a thread or a C library does not let go.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, EXIT_SECONDS)
    sys.exit(code)


def main() -> None:
    """Receive the job, call the function, report. Exit code 0: it returned; 1: it raised."""
    descriptor = int(sys.argv[1])
    multiprocessing.current_process().name = sys.argv[2]
    os.set_inheritable(descriptor, False)
    connection = Connection(descriptor)
    parent = _Parent(connection)
    sys.stdout.reconfigure(line_buffering=True)
    job: Job = pickle.loads(connection.recv_bytes())
    sys.path[:] = job.path
    from mlprod.systems import workspace

    workspace.adopt(job.workspace)
    try:
        function, args, kwargs = pickle.loads(job.call)
        _restore_main(function)
        if accepts(function, "ready"):
            kwargs.setdefault("ready", lambda value=None: parent.send(READY, value))
        if accepts(function, "stopping") and "stopping" not in kwargs:
            kwargs["stopping"], parent.patient = parent.stopping, True
        parent.watch()
        parent.send(RESULT, function(*args, **kwargs))
    except SystemExit as end:
        if end.code in (None, 0):
            parent.send(RESULT, None)
        _leave(end.code if isinstance(end.code, int) else int(end.code is not None))
    except BaseException as error:
        sys.stdout.flush()
        story = traceback.TracebackException.from_exception(error, lookup_lines=False, compact=True)
        try:
            parent.send(FAILURE, story)
        except Exception:  # an exception class that does not pickle
            parent.send(FAILURE, "".join(traceback.format_exception(error)))
        _leave(1)
    _leave(0)


if __name__ == "__main__":
    # One copy of this module under its own name, so that `Job` is the parent's `Job`.
    from mlprod.systems import child

    child.main()
