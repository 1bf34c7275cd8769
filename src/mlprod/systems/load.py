"""An open-loop load generator: it sends on schedule, whether or not the earlier requests have been answered.

Latency counts from the *intended* send time. A closed loop (send, wait, send) slows down with the server that it
measures, leaves out the requests that it would have sent meanwhile, and reports a p99 that no user sees.
"""

from __future__ import annotations

import inspect
import itertools
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mlprod.language import tr
from mlprod.systems.latency import LatencyRecorder

LATE_SECONDS = 0.01
"""A request sent later than this after its time counts as late."""
LATE_SHARE = 0.01
"""With more than this share of them late, it was not an open loop: the generator says so."""
PATIENCE_SECONDS = 30.0
"""How long after the schedule's end to wait for the last answers."""
_PROGRESS_SECONDS = 2.0


@dataclass
class LoadResult:
    """What a load test measured. Times in seconds."""

    rate: float
    """Requests per second that were intended."""
    planned: int
    """Requests in the schedule."""
    workers: int
    latency: LatencyRecorder = field(default_factory=LatencyRecorder)
    """From the intended send time to the answer, of the requests that succeeded."""
    late: LatencyRecorder = field(default_factory=LatencyRecorder)
    """From the intended send time to the actual one: the generator's own delay, part of `latency`."""
    late_count: int = 0
    """How many were sent more than 10 ms late."""
    errors: Counter[str] = field(default_factory=Counter)
    """Names of the exceptions that `call` raised; `unanswered` for calls that had not returned when patience ended."""
    first_error: Exception | None = None
    duration: float = 0.0
    """From the first intended send time to the last answer."""

    @property
    def throughput(self) -> float:
        """Successful answers per second."""
        return self.latency.count / self.duration if self.duration else 0.0

    @property
    def kept_up(self) -> bool:
        """Whether the generator sent on time. If not, `latency` is still counted fairly, but the load was lower."""
        return self.late_count <= LATE_SHARE * self.planned

    def summary(self) -> dict[str, Any]:
        """A row of a table: rates, errors and the latencies' summary."""
        return {
            "rate": self.rate,
            "throughput": self.throughput,
            "errors": sum(self.errors.values()),
            "late": self.late_count,
            **self.latency.summary(),
        }


def open_loop(
    call: Callable[..., Any],
    *,
    rate: float,
    seconds: float | None = None,
    count: int | None = None,
    workers: int = 64,
    poisson: bool = False,
    seed: int = 0,
) -> LoadResult:
    """Call `call(i)` (or `call()`) at `rate` per second, for `seconds` or `count` times, from up to `workers` threads.

    Requests are evenly spaced, or, with `poisson`, arrive at random (seeded). `call` must have its own time limit; an
    exception that it raises counts as an error. Prints a warning when the generator could not keep its schedule.
    """
    if (seconds is None) == (count is None):
        raise ValueError("give either seconds or count")
    if rate <= 0 or workers < 1:
        raise ValueError("rate and workers must be positive")
    planned = round(rate * seconds) if count is None else count
    gaps = random.Random(seed)
    offsets = (
        list(itertools.accumulate(gaps.expovariate(rate) for _ in range(planned)))
        if poisson
        else [i / rate for i in range(planned)]
    )
    result = LoadResult(rate=rate, planned=planned, workers=min(workers, planned))
    _Run(_with_index(call), offsets, result).run()
    if not result.kept_up:
        print(_not_kept_up(result))
    return result


class _Run:
    """One load test: each thread takes the next request of the schedule, waits for its time and sends it."""

    def __init__(self, call: Callable[[int], Any], offsets: list[float], result: LoadResult):
        self._call, self._offsets, self._result = call, offsets, result
        self._requests = iter(range(len(offsets)))
        self._lock = threading.Lock()
        self._stopped, self._finished = threading.Event(), threading.Event()
        self._working = result.workers
        self._answered = 0
        self._begin = self._last = 0.0

    def run(self) -> None:
        length = self._offsets[-1] if self._offsets else 0.0
        self._begin = self._last = time.perf_counter() + 0.05  # by then the threads have started
        deadline = self._begin + length + PATIENCE_SECONDS
        for _ in range(self._working):
            threading.Thread(target=self._work, daemon=True).start()
        try:
            with _progress(len(self._offsets), length) as show:
                while self._working and not self._finished.wait(0.1) and time.perf_counter() < deadline:
                    show(self._answered)
        finally:
            self._stopped.set()
        with self._lock:
            self._result.duration = self._last - self._begin
            if missing := len(self._offsets) - self._answered:
                self._result.errors["unanswered"] += missing

    def _work(self) -> None:
        while (request := self._next()) is not None:
            intended = self._begin + self._offsets[request]
            if self._stopped.wait(max(0.0, intended - time.perf_counter())):
                break
            sent, failure = time.perf_counter(), None
            try:
                self._call(request)
            except Exception as error:
                failure = error
            self._note(intended, sent, time.perf_counter(), failure)
        with self._lock:
            self._working -= 1
            if not self._working:
                self._finished.set()

    def _next(self) -> int | None:
        with self._lock:
            return next(self._requests, None)

    def _note(self, intended: float, sent: float, answered: float, failure: Exception | None) -> None:
        with self._lock:
            if self._stopped.is_set():
                return  # patience has ended: it is among the unanswered
            result = self._result
            self._answered += 1
            self._last = max(self._last, answered)
            result.late.record(sent - intended if sent > intended else 0.0)
            result.late_count += sent - intended > LATE_SECONDS
            if failure is None:
                result.latency.record(answered - intended)
            else:
                result.errors[type(failure).__name__] += 1
                result.first_error = result.first_error or failure


def _with_index(call: Callable[..., Any]) -> Callable[[int], Any]:
    """`call` itself if it takes the request's number, else a function that drops the number."""
    try:
        inspect.signature(call).bind(0)
    except TypeError:
        return lambda _: call()
    except ValueError:  # a C function without a signature
        pass
    return call


@contextmanager
def _progress(total: int, seconds: float) -> Iterator[Callable[[int], None]]:
    """A bar for tests that take longer than two seconds; on stdout, for stderr is an error to a graded cell."""
    if seconds <= _PROGRESS_SECONDS:
        yield lambda done: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=tr(es=" peticiones", en=" requests"), leave=False, file=sys.stdout) as bar:
        yield lambda done: bar.update(done - bar.n)


def _not_kept_up(result: LoadResult) -> str:
    share, worst = 100 * result.late_count / result.planned, result.late.max
    return tr(
        es=f"Aviso: el generador envió tarde el {share:.0f} % de las peticiones (hasta {worst:.2g} s tarde): con sus "
        f"{result.workers} hilos ocupados o sin CPU no pudo mantener {result.rate:g}/s. La latencia cuenta ese "
        "retraso, pero la carga real fue menor: sube workers, o baja rate.",
        en=f"Warning: the generator sent {share:.0f} % of the requests late (up to {worst:.2g} s): with its "
        f"{result.workers} threads busy, or short of CPU, it could not keep {result.rate:g}/s. The latency counts that "
        "delay, but the real load was lower: raise workers, or lower rate.",
    )
