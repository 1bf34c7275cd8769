"""The two parts of the simulation that remember something: the feature service, and which version is in service."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mlprod.systems.company.design import Design
from mlprod.systems.company.functions import Features, Functions, features, initial
from mlprod.systems.company.market import ZONES, Event
from mlprod.systems.company.model import Version


@dataclass(frozen=True)
class View:
    """Features of a zone as somebody knows them, and the event time of the newest thing that they know."""

    features: Features
    as_of: float


class FeatureService:
    """Folds the log into one state per zone; a snapshot and an offset survive a crash."""

    def __init__(self, design: Design, functions: Functions):
        self.design, self.update = design, functions.update
        self.log: list[Event] = []
        self.states, self.offset = [initial() for _ in range(ZONES)], 0
        self.saved, self.committed = list(self.states), 0
        self.frozen: list[View] | None = None  # what is published, where it is not the state as it is now
        if design.features == "batch":
            self.freeze(0.0)
        self.up = True

    def consume(self) -> None:
        """Fold what the log has that was not read yet."""
        for event in self.log[self.offset :]:
            self.states[event.zone] = self.update(self.states[event.zone], event)
        self.offset = len(self.log)

    def save(self) -> None:
        self.saved, self.committed = list(self.states), self.offset

    def crash(self, t: float) -> None:
        if self.design.features == "stream":
            self.freeze(t)
        self.up = False

    def restart(self) -> None:
        """Go on from the snapshot. Offsets that were committed before are not read again, whatever became of them."""
        resume = self.offset if self.design.commit == "before" else self.committed
        self.states, self.offset, self.up = list(self.saved), resume, True
        if self.design.features == "stream":
            self.frozen = None
            self.consume()

    def freeze(self, t: float) -> None:
        """What is published from now on, until something newer is."""
        now = t if self.design.features == "batch" else None
        self.frozen = [View(features(s, t), s["newest"] if now is None else now) for s in self.states]

    def books(self, quotes: Iterable[Event]) -> tuple[int, int]:
        """(how many of these quotes were not counted, how many were counted twice), zone by zone."""
        true = Counter(quote.zone for quote in quotes)
        off = [true[zone] - state["quotes"] for zone, state in enumerate(self.states)]
        return sum(max(0, n) for n in off), sum(max(0, -n) for n in off)

    def view(self, zone: int, t: float) -> View:
        if self.frozen is not None:
            return self.frozen[zone]
        return View(features(self.states[zone], t), self.states[zone]["newest"])


@dataclass
class Releases:
    """Which version prices a quote, and what each version has earned since the new one came."""

    stable: Version = "first"
    canary: Version | None = None
    earned: dict[str, list[float]] = field(default_factory=lambda: {"canary": [], "stable": []})
    verdicts: list[tuple[float, str]] = field(default_factory=list)

    def metrics(self, group: str) -> dict[str, float]:
        values = self.earned[group]
        n = len(values)
        mean = math.fsum(values) / n if n else 0.0
        std = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else 0.0
        return {"quotes": n, "mean": mean, "std": std}
