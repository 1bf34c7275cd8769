"""A day of questions from travellers: popular head and long tail (Zipf), a daily shape, some with their own numbers.

Synthetic, and seeded: which flight is asked about, when, and whether the traveller adds the delay on the screen. The
flights themselves, and what became of them, are the caller's (real ones).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FIRST_HOUR, LAST_HOUR = 6.0, 22.0
"""The hours of the day in which people ask."""
AHEAD_HOURS = 6.0
"""Nobody asks earlier than this before a flight's scheduled departure, nor after it."""


class Question(NamedTuple):
    """What one traveller asks. Hours of the day; `announced` in minutes, None when the screen says nothing yet."""

    asked_at: float
    flight: int
    announced: float | None


def zipf(items: int, skew: float) -> np.ndarray:
    """The share of the questions that each of `items` items gets, the most popular first: 1/rank**skew, normalised."""
    weights = 1.0 / np.arange(1, items + 1) ** skew
    return weights / weights.sum()


def daily_shape(hour: np.ndarray) -> np.ndarray:
    """How busy `hour` is, relative to the mean of the day: a wave in the morning and a higher one in the evening."""

    def wave(h: np.ndarray) -> np.ndarray:
        return 0.45 + np.exp(-(((h - 8.5) / 1.8) ** 2)) + 1.4 * np.exp(-(((h - 17.0) / 2.4) ** 2))

    return wave(hour) / wave(np.linspace(FIRST_HOUR, LAST_HOUR, 2001)).mean()


def day(
    departures: np.ndarray,
    delays: np.ndarray,
    popularity: np.ndarray,
    how_many: int,
    own_numbers: float = 0.1,
    seed: int = 4,
) -> list[Question]:
    """`how_many` questions in order of time, about flights that depart at `departures` (hours) and have these delays.

    `popularity` is each flight's weight among those that can be asked about at that moment. A share `own_numbers` of
    the questions states the delay on the screen (`delays`, in minutes). Raises ValueError when there is nothing to ask.
    """
    if how_many < 1 or len(departures) == 0:
        raise ValueError("a day needs flights and questions")
    rng = np.random.default_rng(seed)
    grid = np.linspace(FIRST_HOUR, LAST_HOUR, 2001)
    moments = np.sort(rng.choice(grid, how_many, p=daily_shape(grid) / daily_shape(grid).sum()))
    moments = np.minimum(LAST_HOUR, moments + rng.uniform(0, grid[1] - grid[0], how_many))
    asked = []
    for moment in np.sort(moments):
        open_ones = np.flatnonzero((departures > moment) & (departures <= moment + AHEAD_HOURS))
        if not len(open_ones):
            continue
        weights = popularity[open_ones]
        flight = int(rng.choice(open_ones, p=weights / weights.sum()))
        says = rng.random() < own_numbers and np.isfinite(delays[flight])
        asked.append(Question(float(moment), flight, float(delays[flight]) if says else None))
    return asked
