"""Real operating-system processes that run a function of a notebook, and that never outlive it.

    def price_service(rides, ready, stopping):   # `ready` and `stopping` are optional
        ...                                      # prepare
        ready("127.0.0.1:4242")                  # start() returns now; p.address is this value
        while not stopping.is_set():             # SIGTERM sets it
            ...

    with processes.group() as group:
        p = group.start(price_service, 100)

The function and the values it refers to travel by value (cloudpickle); what comes from an installed module travels by
reference. Every child leads a session of its own: it does not see the kernel's interrupts, and it is ended as a whole.
A child that loses its parent ends itself; the janitor (see `janitor`) makes sure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mlprod.systems import child, workspace
from mlprod.systems.failures import ChildFailed, StillRunning
from mlprod.systems.process import Process, running

__all__ = ["ChildFailed", "Group", "Process", "StillRunning", "group", "start", "stop_all"]


def start(
    function: Callable, /, *args: Any, name: str | None = None, ready_timeout: float = 20, **kwargs: Any
) -> Process:
    """Run `function(*args, **kwargs)` in a new operating-system process.

    If `function` has a parameter `ready`, it gets a callable and this call returns once `ready(value=None)` has been
    called; the value is the process's `address`. If it has a parameter `stopping`, it gets a threading.Event that
    SIGTERM sets; without it, SIGTERM ends the process on the spot.

    Raises ChildFailed at once if the child ends before it is ready, and after `ready_timeout` seconds if it does not
    get ready; CourseError if the function uses something that cannot travel (a lock, a connection).
    """
    process = Process(function, args, kwargs, name or getattr(function, "__name__", type(function).__name__))
    if child.accepts(function, "ready") and "ready" not in kwargs:
        process.wait_ready(ready_timeout)
    return process


class Group:
    """Processes that live as long as a `with` block. Made by `group`."""

    def __init__(self) -> None:
        self.processes: list[Process] = []

    def start(
        self, function: Callable, /, *args: Any, name: str | None = None, ready_timeout: float = 20, **kwargs: Any
    ) -> Process:
        """As `processes.start`; the process ends with the group."""
        process = start(function, *args, name=name, ready_timeout=ready_timeout, **kwargs)
        self.processes.append(process)
        return process

    def stop(self, timeout: float = 5) -> None:
        """Stop them all at once: SIGTERM to each, SIGKILL to those still there after `timeout` seconds in total."""
        stop_all(self.processes, timeout)


@contextmanager
def group() -> Iterator[Group]:
    """A group of processes, all stopped and reaped on leaving, also by an exception or an interrupt.

    Raises ChildFailed on leaving when one of them raised by itself and nobody has looked at its result: a crashed
    child must not pass for a quiet one.
    """
    members = Group()
    try:
        yield members
    except Exception as error:
        members.stop()
        for process in members.processes:  # often the cause of `error`
            if process.unseen_failure:
                error.add_note(str(process.unseen_failure))
        raise
    finally:
        members.stop()
    for process in members.processes:
        if process.unseen_failure:
            raise process.unseen_failure


def stop_all(processes: list[Process], timeout: float = 5) -> None:
    """Stop `processes` together, within about `timeout` seconds."""
    deadline = time.monotonic() + timeout
    try:
        for process in processes:
            process.terminate()
        for process in processes:
            process.stop(max(0.0, deadline - time.monotonic()))
    except BaseException:  # an impatient second interrupt
        for process in processes:
            process.kill()
        raise


workspace.before_closing(lambda: stop_all(list(running), timeout=2))
