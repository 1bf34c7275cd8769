"""What a run of the company earned and lost against the oracle, by cause: for the simulation and for the live system.

The causes telescope: the oracle's price, then the best price with the model's willingness, then with that of the
version in service, then the price really given. So they add up to the loss exactly, whatever a price was.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from mlprod.systems.company.design import Costs, Design
from mlprod.systems.company.functions import FIRM_S
from mlprod.systems.company.market import Event, Market, best_price, profit, willingness
from mlprod.systems.company.model import Size, Version, model

CAUSES = ("stale", "offline", "model", "version", "unanswered", "ledger", "promises", "bill")
"""Where money goes: old features in the cloud; old features on the phone (and the riders' doubt about an estimate); the
model's error; a bad version; no price in time; quotes lost or counted twice; promises that had to be paid; the bill."""
SOURCES = ("online", "table", "phone", "unanswered")


@dataclass(frozen=True)
class Answer:
    """What became of one quote. `t` is the second at which the rider sees it; `price` None when there was none in time.

    as_of: event time of the newest data that the price knew. version and size: of the model that made it.
    """

    quote: Event
    t: float
    source: str  # one of SOURCES
    price: float | None = None
    estimate: bool = False
    as_of: float = 0.0
    size: Size = "small"
    version: Version = "first"


@dataclass(frozen=True)
class Score:
    """The result of a run. Euros in `oracle` (what knowing everything would have earned) and in `causes` (what of it is
    lost, by cause, in the order of CAUSES).

    counters: quotes, the four SOURCES, bad_version (quotes priced by a bad version), promises, lost and repeated
    (quotes not counted, counted twice), events. p50_ms, p99_ms: from question to price, of those answered. staleness_s:
    mean age of a price's data. error_eur: mean difference from the oracle's price. verdicts: (second, verdict).
    """

    design: Design
    scenario: str
    oracle: float
    causes: dict[str, float]
    counters: dict[str, int]
    p50_ms: float
    p99_ms: float
    staleness_s: float
    error_eur: float
    verdicts: tuple[tuple[float, str], ...] = ()

    @property
    def loss(self) -> float:
        """Euros lost against the oracle."""
        return math.fsum(self.causes.values())

    @property
    def percent(self) -> float:
        """Of each 100 euros that the oracle earns, how many are lost."""
        return 100 * self.loss / self.oracle

    @property
    def worst(self) -> str:
        """The cause that loses most."""
        return max(self.causes, key=self.causes.__getitem__)


@dataclass
class Accounts:
    """Adds up answers; `score` closes them."""

    market: Market
    costs: Costs = Costs()
    oracle: float = 0.0
    causes: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0.0))
    counters: Counter = field(default_factory=Counter)
    _milliseconds: list[float] = field(default_factory=list)
    _ages: list[float] = field(default_factory=list)
    _errors: list[float] = field(default_factory=list)

    def add(self, answer: Answer) -> float:
        """Account for one quote; the euros that it earned, on average, for each rider who waits."""
        quote = answer.quote
        self.counters["quotes"] += 1
        self.counters[answer.source] += 1
        t = quote.t if answer.price is None else answer.t
        waiting, drivers, _, _ = self.market.truth(t, quote.zone)
        ride = self.market.ride(t, quote.zone, quote.level)
        most = willingness(ride)
        best = best_price(waiting, drivers, most)
        perfect = profit(best, waiting, drivers, most)
        self.oracle += perfect
        if answer.price is None:
            self.causes["unanswered"] += perfect
            return 0.0
        bad = answer.version not in ("first", "good")
        honest = model(answer.size, "good" if bad else answer.version)(ride)
        learned = profit(best_price(waiting, drivers, honest), waiting, drivers, most)
        served = learned
        if bad:
            self.counters["bad_version"] += 1
            slipped = model(answer.size, answer.version)(ride)
            served = profit(best_price(waiting, drivers, slipped), waiting, drivers, most)
        earned = profit(answer.price, waiting, drivers, most)
        if answer.estimate:
            earned -= self.costs.doubt * max(earned, 0.0)
        self.causes["model"] += perfect - learned
        self.causes["version"] += learned - served
        self.causes["offline" if answer.source == "phone" else "stale"] += served - earned
        if answer.source == "phone" and not answer.estimate and answer.t - answer.as_of > FIRM_S:
            self.counters["promises"] += 1
            self.causes["promises"] += self.costs.promise_eur
        self._milliseconds.append(1000 * (answer.t - quote.t))
        self._ages.append(answer.t - answer.as_of)
        self._errors.append(abs(answer.price - best))
        return earned

    def count(self, lost: int, repeated: int) -> None:
        """Quotes of which the events were never counted (their ride is never charged), or were counted twice."""
        self.counters["lost"] += lost
        self.counters["repeated"] += repeated
        mean = self.oracle / max(1, self.counters["quotes"])
        self.causes["ledger"] += lost * mean + repeated * self.costs.refund_eur

    def pay(self, euros: float) -> None:
        """Add to the bill."""
        self.causes["bill"] += euros

    def score(self, design: Design, scenario: str, verdicts: tuple[tuple[float, str], ...] = ()) -> Score:
        """The score of all that has been added."""
        counters = {name: self.counters[name] for name in ("quotes", *SOURCES, "bad_version", "promises")}
        counters |= {name: self.counters[name] for name in ("lost", "repeated", "events")}
        times = sorted(self._milliseconds)
        p50, p99 = (times[min(len(times) - 1, int(q * len(times)))] if times else math.nan for q in (0.5, 0.99))
        age, error = (math.fsum(v) / len(v) if v else math.nan for v in (self._ages, self._errors))
        return Score(design, scenario, self.oracle, self.causes, counters, p50, p99, age, error, verdicts)
