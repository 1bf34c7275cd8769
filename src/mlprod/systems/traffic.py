"""The traffic of an invented city, minute by minute: what a device cannot know by itself, for arrival times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DAY = 24 * 60  # minutes


@dataclass(frozen=True)
class Traffic:
    """slowness[m]: how many minutes one minute of empty road takes at minute `m` (1 at best). Minute 0 is midnight."""

    slowness: np.ndarray

    @classmethod
    def simulate(cls, seed: int = 7, days: int = 28) -> Traffic:
        """Rush hours that come every day, a deviation that fades within an hour or so, and incidents.

        The deviation is an autoregressive process in the logarithm (time constant 75 minutes); some four incidents a
        day slow everything by half for half an hour. Raises ValueError unless `days` >= 1.
        """
        if days < 1:
            raise ValueError(f"days must be at least 1, not {days}")
        rng = np.random.default_rng(seed)
        minutes = np.arange(days * DAY)
        hour = minutes % DAY / 60
        rush = sum(
            height * np.exp(-(((hour - at) / width) ** 2)) for at, width, height in ((8.5, 1.2, 0.7), (18, 2, 0.6))
        )
        kept = np.exp(-1 / 75)
        noise = rng.normal(0, 0.22 * np.sqrt(1 - kept**2), len(minutes))
        deviation = np.empty(len(minutes))
        level = 0.0
        for minute, shock in enumerate(noise):
            level = kept * level + shock
            deviation[minute] = level
        for begin in rng.integers(0, len(minutes), rng.poisson(4 * days)):
            deviation[begin : begin + 30] += np.log(1.5)
        return cls(np.maximum(1.0, (1.05 + rush) * np.exp(deviation)))

    def trips(self, seed: int, begin: int, end: int, count: int) -> list[tuple[int, float, float]]:
        """`count` trips leaving in minutes [begin, end): (minute, minutes on empty roads, minutes it took), by minute.

        A trip takes the slowness of its departure throughout: short trips, so that the answer is known exactly.
        """
        rng = np.random.default_rng(seed)
        departures = np.sort(rng.integers(begin, end, count))
        empty = rng.uniform(5, 30, count)
        return [(int(m), float(e), float(e * self.slowness[m])) for m, e in zip(departures, empty, strict=True)]
