"""Record latencies in an HDR histogram: constant memory, three significant digits from 1 ns to an hour, mergeable."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from time import perf_counter

_UNITS = 1_000_000_000  # the histogram counts nanoseconds
_LONGEST = 3600 * _UNITS
_DIGITS = 3


class LatencyRecorder:
    """Latencies in seconds. Threads may share one; it can travel between processes; `merge` adds another's."""

    def __init__(self, seconds: Iterable[float] = ()):
        self._histogram = _empty()
        self._total, self._min, self._max = 0.0, math.inf, 0.0  # exact: the histogram rounds them
        self._lock = threading.Lock()
        for value in seconds:
            self.record(value)

    def record(self, seconds: float) -> None:
        """Add one latency. Raises ValueError when it is negative: two clocks were compared that do not agree."""
        if seconds < 0:
            raise ValueError(f"a latency of {seconds} s: both times must come from the same clock")
        with self._lock:
            self._histogram.record_value(min(max(1, round(seconds * _UNITS)), _LONGEST))
            self._total += seconds
            self._min, self._max = min(self._min, seconds), max(self._max, seconds)

    @contextmanager
    def timing(self):
        """Record how long a `with` block takes; not when it raises."""
        begin = perf_counter()
        yield
        self.record(perf_counter() - begin)

    @property
    def count(self) -> int:
        return self._histogram.total_count

    @property
    def mean(self) -> float:
        """Mean in seconds; nan when nothing was recorded."""
        return self._total / self.count if self.count else math.nan

    @property
    def max(self) -> float:
        return self._max if self.count else math.nan

    @property
    def min(self) -> float:
        return self._min if self.count else math.nan

    def percentile(self, percent: float) -> float:
        """The latency in seconds that `percent` % (0 to 100) do not exceed; nan when nothing was recorded."""
        return self.percentiles([percent])[percent]

    def percentiles(self, percents: Iterable[float]) -> dict[float, float]:
        """Several percentiles, {percent: seconds}, in one pass: for a curve."""
        percents = list(percents)
        if any(not 0 <= percent <= 100 for percent in percents):
            raise ValueError("a percentile is a number from 0 to 100")
        if not self.count:
            return dict.fromkeys(percents, math.nan)
        found = self._histogram.get_percentile_to_value_dict(percents)
        return {percent: min(found[percent] / _UNITS, self.max) for percent in percents}

    def merge(self, other: LatencyRecorder) -> LatencyRecorder:
        """Add the latencies of `other`; returns self. (Percentiles merge so; averaging them would be wrong.)"""
        with self._lock:
            self._histogram.add(other._histogram)
            self._total += other._total
            self._min, self._max = min(self._min, other._min), max(self._max, other._max)
        return self

    def summary(self) -> dict[str, float]:
        """count, and mean, p50, p90, p99, p99.9 and max in seconds: a row of a table."""
        wanted = self.percentiles([50, 90, 99, 99.9])
        named = {f"p{percent:g}": seconds for percent, seconds in wanted.items()}
        return {"count": self.count, "mean": self.mean, **named, "max": self.max}

    def __repr__(self) -> str:
        if not self.count:
            return "<LatencyRecorder empty>"
        shown = " ".join(f"{name}={1e3 * value:.3g}ms" for name, value in self.summary().items() if name != "count")
        return f"<LatencyRecorder count={self.count} {shown}>"

    def __getstate__(self) -> tuple[bytes, float, float, float]:
        with self._lock:
            return self._histogram.encode(), self._total, self._min, self._max

    def __setstate__(self, state: tuple[bytes, float, float, float]) -> None:
        encoded, self._total, self._min, self._max = state
        self._histogram = _empty()
        if encoded:
            self._histogram.decode_and_add(encoded)
        self._lock = threading.Lock()


def _empty():
    from hdrh.histogram import HdrHistogram

    return HdrHistogram(1, _LONGEST, _DIGITS)
