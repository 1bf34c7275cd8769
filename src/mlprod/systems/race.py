"""Timing programs against each other so that a ratio means something: in turns, in shuffled order, threads pinned.

    run = race({"fp32": lambda: model(x), "int8": lambda: small(x)})
    run.ratio("int8", "fp32")            # Ratio(median=0.41, low=0.39, high=0.44): seconds of int8 / seconds of fp32
    tables.show(run.table("fp32"), caption="…")

A shared machine speeds up and slows down by the second. Contestants that take turns suffer it alike, so the ratio
inside each round is steadier than either time, and the interval is made of those ratios.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import comb
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

from mlprod.language import tr

FEWEST_ROUNDS = 6  # of five ratios, not even the smallest and the largest enclose the median 95 % of the time
CONFIDENCE = 0.95


class Ratio(NamedTuple):
    """Median of the rounds' ratios, and the ends of its interval at 95 % or more."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Race:
    """Result of `race`: `seconds[name][r]` is what one call of `name` took in round r, on average."""

    seconds: dict[str, np.ndarray]

    def median(self, name: str) -> float:
        """Median seconds of one call of `name`."""
        return float(np.median(self._of(name)))

    def ratio(self, name: str, base: str) -> Ratio:
        """Seconds of `name` divided by those of `base`, round by round: below 1, `name` is the faster one.

        The interval is made of order statistics: it supposes nothing about how times are distributed.
        """
        return median_interval(self._of(name) / self._of(base))

    def faster(self, name: str, base: str) -> Ratio:
        """How many times as fast as `base` the contestant `name` is: the inverse of `ratio`."""
        return median_interval(self._of(base) / self._of(name))

    def table(self, base: str) -> list[dict[str, Any]]:
        """Rows for `tables.show`, in the order of the contestants: microseconds, and times as fast as `base`."""
        return [
            {
                tr(es="contendiente", en="contestant"): name,
                tr(es="mediana (µs)", en="median (µs)"): 1e6 * self.median(name),
                tr(es=f"veces más rápido que {base}", en=f"times as fast as {base}"): self.faster(name, base).median,
                tr(es="de (95 %)", en="from (95 %)"): None if name == base else self.faster(name, base).low,
                tr(es="a", en="to"): None if name == base else self.faster(name, base).high,
            }
            for name in self.seconds
        ]

    def _of(self, name: str) -> np.ndarray:
        if name not in self.seconds:
            raise KeyError(f"{name!r} did not take part; those who did: {', '.join(self.seconds)}")
        return self.seconds[name]


def race(
    contestants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    threads: int = 1,
    warmup: int = 2,
    min_seconds: float = 0.02,
    cpu: bool = False,
    seed: int = 0,
) -> Race:
    """Time every contestant once a round, in an order shuffled anew each round.

    contestants: {name: function without arguments}; what it returns is thrown away. A fast one is called as often in
    a row as fills `min_seconds`, and its time is the mean. warmup: calls before anything is counted. Meanwhile
    PyTorch and the libraries that threadpoolctl knows (OpenBLAS, MKL, OpenMP) use `threads` threads; an ONNX Runtime
    session has its own setting: make it with `intra_op_num_threads`. The garbage collector rests.
    cpu: count this process' CPU time instead of the time on the wall. For what computes on one thread both are the
    same on an idle machine, and CPU time does not grow when other programs take turns on the core; for what waits
    (a network, a disk, another process) it would be wrong.
    Raises ValueError for fewer than 6 rounds, without contestants, or for threads or times that are not positive.
    """
    if rounds < FEWEST_ROUNDS:
        raise ValueError(f"rounds: {rounds}; an interval at {CONFIDENCE:.0%} needs at least {FEWEST_ROUNDS}")
    if not contestants:
        raise ValueError("contestants: there are none")
    if threads < 1 or warmup < 0 or min_seconds < 0:
        raise ValueError(f"threads={threads}, warmup={warmup}, min_seconds={min_seconds}")
    order = list(contestants)
    chance = random.Random(seed)
    clock = process_time if cpu else perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in order}
    with _pinned(threads), _without_garbage_collection():
        calls = {name: _calls(function, warmup, min_seconds, clock) for name, function in contestants.items()}
        for _ in range(rounds):
            chance.shuffle(order)
            for name in order:
                seconds[name].append(_time(contestants[name], calls[name], clock))
    return Race({name: np.array(seconds[name]) for name in contestants})


def median_interval(values: Any) -> Ratio:
    """Median of `values` and the narrowest pair of order statistics, equally far from both ends, that holds 95 %.

    With fewer than 6 values no pair does, and (median, -inf, inf) is returned. Source: David and Nagaraja, *Order
    Statistics* (3rd ed., 2003), section 7.1.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    outside, left_out = 0.0, -1  # chance that the median lies beyond the pair; how many values it leaves on each side
    while left_out + 1 < n / 2:
        more = outside + 2 * comb(n, left_out + 1) / 2**n
        if more > 1 - CONFIDENCE:
            break
        outside, left_out = more, left_out + 1
    middle = float(np.median(ordered))
    if left_out < 0:
        return Ratio(middle, -np.inf, np.inf)
    return Ratio(middle, float(ordered[left_out]), float(ordered[n - 1 - left_out]))


def _calls(function: Callable[[], object], warmup: int, min_seconds: float, clock: Callable[[], float]) -> int:
    """How many calls in a row fill `min_seconds`, after the warm-up."""
    for _ in range(warmup):
        function()
    calls = 1
    while (elapsed := calls * _time(function, calls, clock)) < min_seconds:
        # at most ten times as many: the first measure of something tiny is mostly noise
        calls = max(calls + 1, min(10 * calls, int(1.1 * calls * min_seconds / max(elapsed, 1e-9))))
    return calls


def _time(function: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    begin = clock()
    for _ in range(calls):
        function()
    return (clock() - begin) / calls


@contextmanager
def _pinned(threads: int) -> Iterator[None]:
    """BLAS, OpenMP and PyTorch with `threads` threads while the block lasts."""
    from threadpoolctl import threadpool_limits

    with ExitStack() as afterwards:
        if torch := sys.modules.get("torch"):
            afterwards.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        afterwards.enter_context(threadpool_limits(threads))
        yield


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
