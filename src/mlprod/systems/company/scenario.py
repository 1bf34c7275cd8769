"""A scenario: what happens to the company while it runs. The same for the simulation and for the live system."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from mlprod.systems import network
from mlprod.systems.company.market import ZONES, Event, Market
from mlprod.systems.company.model import Version

Service = Literal["features", "prices"]


@dataclass(frozen=True)
class Crash:
    """`service` is killed (kill -9) at second `at` and is back after `seconds`."""

    service: Service
    at: float
    seconds: float


@dataclass(frozen=True)
class Outage:
    """The phones in `zone` have no network from second `begin` to second `end`: nothing comes back."""

    zone: int
    begin: float
    end: float


@dataclass(frozen=True)
class Release:
    """A new `version` of the model is offered at second `at`; see `model.VERSIONS` for what is wrong with each."""

    at: float
    version: Version


@dataclass(frozen=True)
class Scenario:
    """What happens in `seconds` seconds of replay (minutes of the city), all decided by `seed`.

    hour: of the day. profile: the phones' network, a name of `network.PROFILES` (its own outages do not count).
    delay_s: mean time (exponential) that an event takes to arrive. late: fraction of the events that take `late_s` more
    on average; so they also come out of order. duplicated: fraction that arrives twice. bursts: ((begin, end,
    factor), …) of quotes.
    """

    name: str = "calm"
    seed: int = 7
    seconds: float = 60.0
    hour: int = 18
    profile: str = "4g"
    delay_s: float = 0.02
    late: float = 0.0
    late_s: float = 0.8
    duplicated: float = 0.0
    outages: tuple[Outage, ...] = ()
    crashes: tuple[Crash, ...] = ()
    release: Release | None = None
    bursts: tuple[tuple[float, float, float], ...] = ()

    @classmethod
    def draw(cls, seed: int, seconds: float = 60.0) -> Scenario:
        """A scenario of which nothing is known beforehand: some of everything, how much and when by chance."""
        chance = random.Random(f"scenario {seed}")
        release = chance.choice(("miles", "zones", "window", "good"))
        return _some_of_all(
            replace(cls(name=f"drawn {seed}", seed=seed, seconds=seconds), hour=chance.randrange(24)), chance, release
        )

    @classmethod
    def named(cls, name: str, seed: int = 7, seconds: float = 60.0) -> Scenario:
        """One of SCENARIOS, with its events at the same fractions of `seconds` whatever their number.

        Raises ValueError for another name.
        """
        if name not in SCENARIOS:
            raise ValueError(f"name must be one of {', '.join(SCENARIOS)}, not {name!r}")
        return SCENARIOS[name](cls(name=name, seed=seed, seconds=seconds))

    def market(self) -> Market:
        """What happens in the city."""
        return Market.simulate(self.seed, self.seconds, self.hour, self.bursts)

    def arrivals(self) -> list[tuple[float, Event]]:
        """(second of arrival, event) of all events, in order of arrival; duplicates stand there twice."""
        chance = random.Random(f"arrivals {self.seed}")
        found = []
        for event in self.market().events:
            for _ in range(2 if chance.random() < self.duplicated else 1):
                delay = chance.expovariate(1 / self.delay_s) if self.delay_s and event.t > 0 else 0.0
                if event.t > 0 and chance.random() < self.late:
                    delay += chance.uniform(0.3, 1.7) * self.late_s
                found.append((event.t + delay, event))
        return sorted(found)

    def connected(self, t: float, zone: int) -> bool:
        """Whether the phones in `zone` have a network at second `t`."""
        return not any(o.zone == zone and o.begin <= t < o.end for o in self.outages)

    def running(self, t: float, service: Service) -> bool:
        """Whether `service` is not down at second `t`."""
        return not any(c.service == service and c.at <= t < c.at + c.seconds for c in self.crashes)

    @property
    def conditions(self) -> network.Conditions:
        """The phones' network, without outages."""
        return replace(network.PROFILES[self.profile], outages=())


def _rush_hour(calm: Scenario) -> Scenario:
    s = calm.seconds
    return replace(calm, late=0.05, duplicated=0.03, bursts=((0.3 * s, 0.45 * s, 3.0), (0.7 * s, 0.8 * s, 4.0)))


def _tunnel(calm: Scenario) -> Scenario:
    s = calm.seconds
    return replace(
        calm,
        outages=(
            Outage(0, 0.15 * s, 0.25 * s),
            Outage(1, 0.3 * s, 0.5 * s),
            *(Outage(z, 0.65 * s, 0.75 * s) for z in range(ZONES)),
        ),
    )


def _crash(calm: Scenario) -> Scenario:
    s = calm.seconds
    return replace(calm, crashes=(Crash("features", 0.4 * s, 0.05 * s), Crash("prices", 0.7 * s, 0.05 * s)))


def _bad_release(calm: Scenario) -> Scenario:
    return replace(calm, release=Release(0.2 * calm.seconds, "miles"))


def _everything(calm: Scenario) -> Scenario:
    chance = random.Random(f"everything {calm.seed}")
    return _some_of_all(calm, chance, chance.choice(("miles", "zones", "window")))


def _some_of_all(calm: Scenario, chance: random.Random, version: Version) -> Scenario:
    s = calm.seconds
    outages = []
    for zone in range(ZONES):
        begin = chance.uniform(0.1, 0.7) * s
        outages.append(Outage(zone, begin, begin + chance.uniform(0.06, 0.14) * s))
    crashes = [Crash("features", chance.uniform(0.2, 0.8) * s, chance.uniform(0.03, 0.06) * s)]
    crashes.append(Crash("prices", chance.uniform(0.2, 0.8) * s, chance.uniform(0.02, 0.04) * s))
    burst = chance.uniform(0.2, 0.8) * s
    return replace(
        calm,
        profile=chance.choice(("4g", "4g", "fibre")),
        late=chance.uniform(0.03, 0.1),
        duplicated=chance.uniform(0.02, 0.08),
        outages=tuple(outages),
        crashes=tuple(sorted(crashes, key=lambda crash: crash.at)),
        release=Release(chance.uniform(0.1, 0.3) * s, version),
        bursts=((burst, burst + 0.15 * s, chance.uniform(3.0, 5.0)),),
    )


SCENARIOS: dict[str, Callable[[Scenario], Scenario]] = {
    "calm": lambda calm: calm,
    "rush_hour": _rush_hour,
    "tunnel": _tunnel,
    "crash": _crash,
    "bad_release": _bad_release,
    "everything": _everything,
}
