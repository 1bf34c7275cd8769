"""A clock that only moves when told to: for exercises on timeouts, retries and polling that must not take real time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class SimulatedClock:
    """Simulated time in seconds. `sleep` advances it and runs, in order, what was scheduled with `at` on the way."""

    def __init__(self, start: float = 0.0):
        self._now = start
        self._slept: list[float] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()  # events of the same instant run in the order of their scheduling

    def now(self) -> float:
        return self._now

    @property
    def slept(self) -> list[float]:
        """The sleeps so far, in seconds: what a test of a back-off looks at."""
        return list(self._slept)

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass. Raises ValueError when negative."""
        if seconds < 0:
            raise ValueError(f"sleep of {seconds} s")
        self._slept.append(seconds)
        self.run_until(self._now + seconds)

    def at(self, time: float, function: Callable[[], None]) -> None:
        """Call `function` when the clock reaches `time`. Raises ValueError for a time in the past."""
        if time < self._now:
            raise ValueError(f"it is {self._now} s: {time} s has passed")
        heapq.heappush(self._events, (time, next(self._order), function))

    def run_until(self, time: float) -> None:
        """Advance to `time`, through the scheduled events. Their own calls of `at` count, too."""
        while self._events and self._events[0][0] <= time:
            moment, _, function = heapq.heappop(self._events)
            self._now = max(self._now, moment)
            function()
        self._now = max(self._now, time)
