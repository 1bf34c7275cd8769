"""The chaos script of a live run: services are killed when the scenario says so, and started again when it says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mlprod.systems.company.scenario import Crash

__all__ = ["Chaos", "Downtime"]


class Downtime(NamedTuple):
    """What really happened: a service was not there from second `begin` to second `end` of the replay."""

    service: str
    begin: float
    end: float
    """When it was ready to work again: a process takes its time to start, so it may be later than planned."""


class Chaos:
    """Carries out `crashes` in threads of its own, from `begin` on. `downtimes` tells what came of them."""

    def __init__(self, crashes: Sequence[Crash], kill: Callable[[str], None], restart: Callable[[str], None]):
        """`kill(service)` ends a service and returns; `restart(service)` returns once it is ready again."""
        self.downtimes: list[Downtime] = []
        self._kill, self._restart = kill, restart
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._carry_out, args=(each,), daemon=True) for each in crashes]

    def begin(self, began: float) -> None:
        """The replay's second 0 is `began`, in seconds of `time.monotonic()`."""
        self._began = began
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Wait until what was killed is up again. Raises what a restart raised."""
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def abandon(self, end_processes: Callable[[], None]) -> None:
        """Kill and restart nothing more. Returns when nothing is on its way, and `end_processes()` has ended all.

        It is called before the threads are waited for, so that a restart in the middle fails at once, and after them.
        """
        self._stopping.set()
        end_processes()
        for thread in self._threads:
            if thread.ident is not None:  # it was begun
                thread.join()
        end_processes()

    def _carry_out(self, plan: Crash) -> None:
        try:
            if self._wait_until(plan.at):
                return
            self._kill(plan.service)
            dead = time.monotonic() - self._began
            if self._wait_until(dead + plan.seconds):
                return
            self._restart(plan.service)
            self.downtimes.append(Downtime(plan.service, dead, time.monotonic() - self._began))
        except BaseException as failure:
            self._failures.append(failure)

    def _wait_until(self, t: float) -> bool:
        """Sleep until second `t` of the replay; True if the run is being abandoned."""
        return self._stopping.wait(max(0.0, self._began + t - time.monotonic()))
