"""The market of the capstone: the city of unit 01 with rain, destinations and riders whose willingness must be learned.

One second of replay is one minute of the city, as in `mlprod.systems.city`, from which supply and demand come. What
changes: the price at which nobody rides any more, there the constant MAX_PRICE, is now `willingness`, a smooth
non-linear function of what a ride looks like (a `Ride`). The company does not know it; it has a log of what riders said
in the past (`history`), and learns it. Given a willingness, the best price is still exact: `best_price`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mlprod.systems.city import COMPENSATION, City, Event

__all__ = ["COMPENSATION", "DESTINATIONS", "KM", "WINDOW_S", "ZONES", "Event", "Market", "Ride"]
__all__ += ["best_price", "history", "profit", "willingness"]

ZONES = 4
DESTINATIONS = 60
WINDOW_S = 2.0  # the pressure in a zone is its number of quotes in the last WINDOW_S seconds, by event time
_WORLD = 2026  # the seed of the riders' taste and of the map: the same in every market
_QUOTES_PER_ZONE = 15.0  # a second, on average and without bursts

_map = np.random.default_rng(_WORLD)
KM: tuple[float, ...] = tuple(float(km) for km in np.round(_map.uniform(1.0, 18.0, DESTINATIONS), 1))
"""Kilometres to each destination; number 0 is the most popular one (Zipf's law with exponent 1)."""
_BASE = (1.35, 0.8, 1.1, 0.75)  # of the zones: airport, university, centre, suburbs
_WET = _map.uniform(0.2, 0.7, ZONES)
_PHASE = _map.uniform(0, 2 * math.pi, ZONES)
_POPULARITY = (1 / np.arange(1, DESTINATIONS + 1)) / (1 / np.arange(1, DESTINATIONS + 1)).sum()


class Ride(NamedTuple):
    """What the company can know of a ride when a rider asks its price; the inputs of the model, in this order.

    zone: 0 to ZONES - 1. km: length of the ride. hour: 0 to 23. rain: mm an hour, an integer. pressure: quotes in that
    zone in the last WINDOW_S seconds.
    """

    zone: int
    km: float
    hour: int
    rain: int
    pressure: int


def willingness(ride: Ride) -> float:
    """The truth that nobody is told: the price in euros at which no rider takes this ride."""
    zone, km, hour, rain, pressure = ride
    fare = 6 + 2.3 * km**0.8
    clock = 1 + 0.22 * math.sin(2 * math.pi * hour / 24 + _PHASE[zone])
    wet = 1 + _WET[zone] * (1 - math.exp(-rain / 3)) * (1.3 if km < 5 else 0.8 + 2.5 / km)
    busy = 1 + 0.3 * math.tanh((pressure - 32) / 18)
    return float(_BASE[zone] * fare * clock * wet * busy)


def best_price(waiting: int, drivers: int, most: float) -> float:
    """Price in euros that earns most when nobody pays `most` euros: most / 2, or more when drivers are scarce."""
    return most / 2 if waiting <= 0 else max(most / 2, most * (1 - drivers / waiting))


def profit(price: float, waiting: int, drivers: int, most: float) -> float:
    """Expected profit in euros for each rider who waits, as `city.profit` with `most` in the place of MAX_PRICE."""
    if waiting <= 0:
        return 0.0
    accepting = waiting * min(1.0, max(0.0, 1 - price / most))
    served = min(accepting, drivers)
    return (price * served - COMPENSATION * (accepting - served)) / waiting


def history(rows: int, seed: int = 0, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """The log of past rides: (inputs (rows, 5) in the order of Ride, observed willingness (rows,) in euros).

    The willingness is estimated from how many accepted, so it has an error of `noise` (relative, log-normal).
    """
    rng = np.random.default_rng((_WORLD, seed))
    columns = [
        rng.integers(0, ZONES, rows),
        np.asarray(KM)[rng.choice(DESTINATIONS, rows, p=_POPULARITY)],
        rng.integers(0, 24, rows),
        np.maximum(0, np.round(rng.normal(2, 3, rows))),
        np.maximum(0, np.round(rng.gamma(4, 8, rows))),
    ]
    inputs = np.column_stack(columns).astype(np.float32)
    truth = [willingness(Ride(int(z), km, int(h), int(r), int(p))) for z, km, h, r, p in inputs.tolist()]
    return inputs, (np.asarray(truth) * np.exp(rng.normal(0, noise, rows))).astype(np.float32)


@dataclass(frozen=True)
class Market:
    """A stretch of the city's life: `events` in order of time, and the truth at any moment.

    Events are `city.Event`: supply and demand as there; kind "rain", `level` mm an hour from now on; kind "quote",
    whose `level` is the destination. `seq` counts the events of one kind in one zone from 1.
    """

    seconds: float
    hour: int
    events: tuple[Event, ...]
    _levels: dict[tuple[str, int], tuple[list[float], list[int]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels = {(kind, z): ([], []) for kind in ("supply", "demand", "rain", "quote") for z in range(ZONES)}
        for event in self.events:
            times, values = levels[event.kind, event.zone]
            times.append(event.t)
            values.append(event.level)
        object.__setattr__(self, "_levels", levels)

    @classmethod
    def simulate(
        cls, seed: int = 7, seconds: float = 60.0, hour: int = 18, bursts: Sequence[tuple[float, float, float]] = ()
    ) -> Market:
        """The market of this seed: about 50 supply and demand events, 60 quotes and 4 rain events a second.

        bursts: ((begin, end, factor), …): that many times more quotes between those seconds. The same arguments give
        the same object (it is kept). Raises ValueError unless seconds > 0.
        """
        return _simulate(seed, float(seconds), hour, tuple(tuple(burst) for burst in bursts))

    @property
    def quotes(self) -> tuple[Event, ...]:
        """The quotes, in order of time."""
        return tuple(event for event in self.events if event.kind == "quote")

    def truth(self, t: float, zone: int) -> tuple[int, int, int, int]:
        """(riders waiting, drivers free, rain, pressure) in `zone` at second `t`, as it really is."""
        times = self._levels["quote", zone][0]
        pressure = bisect_right(times, t) - bisect_right(times, t - WINDOW_S)
        return *(self._level(kind, t, zone) for kind in ("demand", "supply", "rain")), pressure

    def ride(self, t: float, zone: int, destination: int) -> Ride:
        """The ride as it really is at second `t`."""
        _, _, rain, pressure = self.truth(t, zone)
        return Ride(zone, KM[destination], self.hour, rain, pressure)

    def oracle(self, t: float, zone: int, destination: int) -> float:
        """The best price in euros at second `t`: what a company that knows everything at once would ask."""
        waiting, drivers, _, _ = self.truth(t, zone)
        return best_price(waiting, drivers, willingness(self.ride(t, zone, destination)))

    def earned(self, price: float, t: float, zone: int, destination: int) -> float:
        """Expected profit in euros for each rider who waits, if they are told `price` at second `t`."""
        waiting, drivers, _, _ = self.truth(t, zone)
        return profit(price, waiting, drivers, willingness(self.ride(t, zone, destination)))

    def _level(self, kind: str, t: float, zone: int) -> int:
        times, values = self._levels[kind, zone]
        return values[max(0, bisect_right(times, t) - 1)]


@lru_cache(maxsize=64)
def _simulate(seed: int, seconds: float, hour: int, bursts: tuple) -> Market:
    rng = np.random.default_rng((seed, 8))
    moments: list[tuple[float, str, int, int]] = []
    sky = rng.uniform(0, 2 * math.pi)
    for zone in range(ZONES):
        moments.append((0.0, "rain", zone, max(0, round(3 * math.sin(sky + zone)))))
        for t in np.sort(rng.uniform(0, seconds, rng.poisson(seconds))):
            rain = 3 * math.sin(2 * math.pi * t / 25 + sky + zone) + rng.normal(0, 0.8)
            moments.append((float(t), "rain", zone, min(10, max(0, round(rain)))))
        wave = rng.uniform(0, 2 * math.pi)
        top = 1.5 * _QUOTES_PER_ZONE * max([1.0, *(factor for _, _, factor in bursts)])
        for t in np.sort(rng.uniform(0, seconds, rng.poisson(top * seconds))):  # thinning: keep in proportion
            rate = _QUOTES_PER_ZONE * (1 + 0.5 * math.sin(2 * math.pi * t / 10 + wave))
            rate *= max([1.0, *(factor for begin, end, factor in bursts if begin <= t < end)])
            if rng.uniform(0, top) < rate:
                moments.append((float(t), "quote", zone, int(rng.choice(DESTINATIONS, p=_POPULARITY))))
    moments += [(e.t, e.kind, e.zone, e.level) for e in City.simulate(seed, seconds, ZONES).events if e.kind != "quote"]
    seq = dict.fromkeys([(kind, z) for kind in ("supply", "demand", "rain", "quote") for z in range(ZONES)], 0)
    events = []
    tick = 0  # tenths of a millisecond: no two things happen at once, but for the levels with which the day starts
    for t, kind, zone, level in sorted(moments):
        if t > 0:
            tick = max(tick + 1, round(t * 10_000))
        seq[kind, zone] += 1
        events.append(Event(tick / 10_000, kind, zone, level, seq[kind, zone]))
    return Market(seconds, hour, tuple(events))
