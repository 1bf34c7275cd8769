"""A seeded city for the ride-sharing company, with an oracle: stale or lost information shows up as euros.

Time is in seconds of replay; one second of replay stands for one minute of the city. In each zone the number of riders
who wait and of drivers who are free change at random moments, and now and then a rider asks for a price (a quote).

The market is deliberately simple, so that the best price is known exactly. Of `waiting` riders the fraction
`1 - price / MAX_PRICE` accepts (linear demand); each accepted ride needs one of `drivers`; whoever accepts and gets no
driver is paid `COMPENSATION`. The best price is then the monopoly price of linear demand, MAX_PRICE / 2, or the price
at which demand just meets supply when drivers are scarce (any textbook on microeconomics, e.g. Varian,
Intermediate Microeconomics, chapter "Monopoly").
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from mlprod import course
from mlprod.errors import CourseError
from mlprod.language import tr

MAX_PRICE = 20.0  # euros at which nobody rides
COMPENSATION = 5.0  # euros paid to a rider who accepted and got no driver

Kind = Literal["supply", "demand", "quote", "rain"]  # rain only in unit 08


class Event(NamedTuple):
    """Something that happens at second `t` in `zone`.

    supply: `level` drivers are free from now on. demand: `level` riders wait from now on. quote: a rider asks the
    price; `level` is 0 in this city, and the number of the destination in that of unit 08 (`company.market`), where
    there is also rain: `level` mm an hour from now on. `seq` counts the events of one kind in one zone from 1, so that
    a gap or a repetition can be seen.
    """

    t: float
    kind: Kind
    zone: int
    level: int
    seq: int


def best_price(waiting: int, drivers: int) -> float:
    """Price in euros that earns most with this many riders waiting and drivers free; MAX_PRICE / 2 if nobody waits."""
    if waiting <= 0:
        return MAX_PRICE / 2
    return max(MAX_PRICE / 2, MAX_PRICE * (1 - drivers / waiting))


def profit(price: float, waiting: int, drivers: int) -> float:
    """Expected profit in euros for each rider who waits, when all are offered `price` euros."""
    if waiting <= 0:
        return 0.0
    accepting = waiting * min(1.0, max(0.0, 1 - price / MAX_PRICE))
    served = min(accepting, drivers)
    return (price * served - COMPENSATION * (accepting - served)) / waiting


@dataclass(frozen=True)
class Bill:
    """What a set of quotes earned, compared with the oracle."""

    quotes: int
    unanswered: int
    error: float  # mean |price - best price| of the answered quotes, in euros
    loss: float  # of each 100 euros that the oracle earns, how many these quotes do not


@dataclass(frozen=True)
class City:
    """A history of `zones` zones over `seconds` seconds: its events in order of time."""

    zones: int
    seconds: float
    events: tuple[Event, ...]
    _levels: dict[tuple[str, int], tuple[list[float], list[int]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels: dict[tuple[str, int], tuple[list[float], list[int]]] = {
            (kind, zone): ([], []) for kind in ("supply", "demand") for zone in range(self.zones)
        }
        for event in self.events:
            if event.kind != "quote":
                times, values = levels[event.kind, event.zone]
                times.append(event.t)
                values.append(event.level)
        object.__setattr__(self, "_levels", levels)

    @classmethod
    def simulate(cls, seed: int = 7, seconds: float = 60.0, zones: int = 4) -> City:
        """The city of this seed: about 20 supply changes, 30 demand changes and 60 quotes a second, in all zones.

        Raises ValueError unless `seconds` > 0 and `zones` >= 1.
        """
        if seconds <= 0 or zones < 1:
            raise ValueError("seconds must be positive and zones at least 1")
        import numpy as np

        rng = np.random.default_rng(seed)
        rates = {"supply": 20.0, "demand": 30.0, "quote": 60.0}
        phase = rng.uniform(0, 2 * math.pi, zones)
        moments = [
            (float(t), kind, int(rng.integers(zones)))
            for kind, rate in rates.items()
            for t in np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))
        ]
        level = {("supply", z): 15 for z in range(zones)} | {("demand", z): 20 for z in range(zones)}
        seq = dict.fromkeys([(kind, z) for kind in rates for z in range(zones)], 0)
        events = []

        def add(t: float, kind: Kind, zone: int, value: int) -> None:
            seq[kind, zone] += 1
            events.append(Event(t, kind, zone, value, seq[kind, zone]))

        for (kind, zone), value in level.items():  # everybody knows how the day starts
            add(0.0, kind, zone, value)
        tick = 0  # tenths of a millisecond; no two things happen at once, so that "before" and "after" are always clear
        for t, kind, zone in sorted(moments):
            tick = max(tick + 1, round(t * 10_000))
            t = tick / 10_000
            if kind == "quote":
                add(t, kind, zone, 0)
                continue
            # demand swells as a concert ends, supply thins out as the drivers leave with those riders
            wave = math.sin(2 * math.pi * t / 6 + phase[zone])
            mean = 25 + 20 * wave if kind == "demand" else 15 - 8 * wave
            old = level[kind, zone]
            level[kind, zone] = max(0, round(old + 0.6 * (mean - old) + rng.normal(0, 4)))
            add(t, kind, zone, level[kind, zone])
        return cls(zones, float(seconds), tuple(events))

    @classmethod
    def load(cls, path: str | Path | None = None, seconds: float | None = None) -> City:
        """The city in a csv file (default: datasets/rides/rides.csv), cut after `seconds`.

        Raises CourseError when the file is missing or is not such a history.
        """
        path = Path(path) if path is not None else course.root() / "datasets" / "rides" / "rides.csv"
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [
                    Event(float(r["t"]), r["kind"], int(r["zone"]), int(r["level"]), int(r["seq"]))
                    for r in csv.DictReader(file)
                ]
        except FileNotFoundError as error:
            raise CourseError(
                tr(
                    es=f"No está {path}. Vuelve a crearlo con: python datasets/rides/make.py",
                    en=f"{path} is missing. Make it again with: python datasets/rides/make.py",
                )
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise CourseError(
                tr(
                    es=f"{path} no es una historia de la ciudad ({error}); sus columnas son t, kind, zone, level, seq.",
                    en=f"{path} is not a history of the city ({error}); its columns are t, kind, zone, level, seq.",
                )
            ) from error
        if not rows:
            raise CourseError(tr(es=f"{path} está vacío.", en=f"{path} is empty."))
        end = seconds if seconds is not None else math.ceil(rows[-1].t)
        return cls(1 + max(r.zone for r in rows), float(end), tuple(r for r in rows if r.t < end))

    def save(self, path: str | Path) -> None:
        """Write the events to a csv file that `load` reads."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Event._fields)
            writer.writerows((f"{e.t:.4f}", *e[1:]) for e in self.events)

    def of(self, *kinds: Kind) -> list[Event]:
        """The events of these kinds, in order of time."""
        return [event for event in self.events if event.kind in kinds]

    def state(self, t: float, zone: int) -> tuple[int, int]:
        """The truth at second `t`: (riders waiting, drivers free) in `zone`."""
        return self._at("demand", t, zone), self._at("supply", t, zone)

    def _at(self, kind: str, t: float, zone: int) -> int:
        times, values = self._levels[kind, zone]
        return values[max(0, bisect_right(times, t) - 1)]

    def oracle(self, t: float, zone: int) -> float:
        """The best price in euros at second `t` in `zone`: what a company that knows everything at once would ask."""
        return best_price(*self.state(t, zone))

    def bill(self, quotes: Iterable[tuple[float, int, float | None]]) -> Bill:
        """Compare `quotes` to the oracle: each is (second of the answer, zone, price in euros or None for no answer).

        An unanswered quote loses all that the oracle would have earned. Raises ValueError when there are no quotes.
        """
        errors, losses, earnings = [], [], []
        for t, zone, price in quotes:
            waiting, drivers = self.state(t, zone)
            best = best_price(waiting, drivers)
            earned = 0.0 if price is None else profit(price, waiting, drivers)
            earnings.append(profit(best, waiting, drivers))
            losses.append(earnings[-1] - earned)
            if price is not None:
                errors.append(abs(price - best))
        if not losses:
            raise ValueError("there are no quotes to bill")
        return Bill(
            quotes=len(losses),
            unanswered=len(losses) - len(errors),
            error=math.fsum(errors) / len(errors) if errors else math.nan,
            loss=100 * math.fsum(losses) / (math.fsum(earnings) or 1.0),  # nobody waits: nothing to lose
        )
