"""The company on a simulated clock: a design in a scenario, with the engineers' three functions; the same every time.

Discrete events in a heap, no threads and no wall clock. What is simplified: one server answers quotes, first come first
served, and drops those whose rider has gone; tables are rebuilt at no cost of its time; a network that is cut says
nothing (phones wait for their timeout) while a dead service refuses at once; a phone's cache is that of its zone.
HTTP and the logs take no time of their own unless `costs` says so (way_ms, log_ms), as lesson 08 measures it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from typing import Any

from mlprod.systems.company.accounts import Accounts, Answer, Score
from mlprod.systems.company.design import COSTS, Costs, Design
from mlprod.systems.company.functions import FUNCTIONS, USUAL, Functions, checked_offer, checked_verdict
from mlprod.systems.company.market import DESTINATIONS, KM, ZONES, Event, Ride, best_price
from mlprod.systems.company.model import Version, model
from mlprod.systems.company.parts import FeatureService, Releases, View
from mlprod.systems.company.scenario import Scenario

TICK_S = 1.0  # `promote` is asked so often

__all__ = ["TICK_S", "USUAL", "Score", "simulate"]


def simulate(
    design: Design,
    scenario: Scenario,
    functions: Functions = FUNCTIONS,
    costs: Costs = COSTS,
    watch: Callable[[Answer, float], None] | None = None,
) -> Score:
    """Run `design` through `scenario`; `watch` is called with each answer and the euros that it earned.

    Raises CourseError when one of the functions gives something impossible.
    """
    run = _Run(design, scenario, functions, costs)
    run.watch = watch
    run.everything()
    return run.accounts.score(design, scenario.name, tuple(run.release.verdicts))


class _Run:
    def __init__(self, design: Design, scenario: Scenario, functions: Functions, costs: Costs):
        self.design, self.scenario, self.functions, self.costs = design, scenario, functions, costs
        self.market = scenario.market()
        self.accounts = Accounts(self.market, costs)
        self.service = FeatureService(design, functions)
        self.release = Releases()
        self.cache = [self.service.view(zone, 0.0) for zone in range(ZONES)]
        self.table: list[View] = list(self.cache)
        self.free_at = 0.0
        self.watch: Callable[[Answer, float], None] | None = None
        self._heap: list[tuple[float, int, Callable, tuple]] = []
        self._order = itertools.count()
        chance = random.Random(f"quotes {scenario.seed}")
        conditions = scenario.conditions
        self.luck = {q: (conditions.draw_rtt(chance) / 1000, chance.random()) for q in self.market.quotes}

    def at(self, t: float, do: Callable, *arguments: Any) -> None:
        heapq.heappush(self._heap, (t, next(self._order), do, arguments))

    def everything(self) -> None:
        scenario, design, costs = self.scenario, self.design, self.costs
        for t, event in scenario.arrivals():
            self.at(t + costs.log_ms / 1000, self.arrive, event)
        for crash in scenario.crashes:
            self.at(crash.at, self.crashed, crash.service)
            self.at(crash.at + crash.seconds, self.restarted, crash.service)
        if scenario.release:
            self.at(scenario.release.at, self.released, scenario.release.version)
        self.every(costs.snapshot_s if design.features == "stream" else design.refresh_s, self.refresh)
        if design.placement != "cloud":
            self.every(costs.sync_s, self.sync)
        if design.placement != "edge" and design.prediction != "online":
            self.every(design.ttl_s, self.tabulate)
        for quote in self.market.quotes:
            self.at(quote.t, self.ask, quote)
        while self._heap:
            t, _, do, arguments = heapq.heappop(self._heap)
            do(t, *arguments)
        self.close()

    def every(self, period: float, do: Callable) -> None:
        for number in range(math.ceil(self.scenario.seconds / period)):
            self.at(number * period, do)

    # the stream of events

    def arrive(self, t: float, event: Event) -> None:
        self.service.log.append(event)
        self.accounts.counters["events"] += 1
        if self.design.features == "stream" and self.service.up:
            self.service.consume()

    def refresh(self, t: float) -> None:
        """Stream: save a snapshot. Batch: a job begins."""
        if self.design.features == "batch":
            self.accounts.pay(self.costs.job_eur)
            if self.service.up:
                self.service.consume()
                self.at(t + self.costs.job_s, self.publish, t)
        elif self.service.up:
            self.service.save()

    def publish(self, t: float, began: float) -> None:
        if self.service.up:
            self.service.save()
            self.service.freeze(began)

    def crashed(self, t: float, service: str) -> None:
        if service == "features":
            self.service.crash(t)

    def restarted(self, t: float, service: str) -> None:
        if service == "features":
            self.service.restart()
        else:
            self.free_at = t
            self.tabulate(t)

    # the model's versions

    def released(self, t: float, version: Version) -> None:
        if self.design.rollout == "all":
            self.promoted(t, version)
        else:
            self.release.canary = version
            self.at(t + TICK_S, self.decide)

    def promoted(self, t: float, version: Version) -> None:
        self.release.stable, self.release.canary = version, None
        if version != "good":  # in the end somebody notices
            self.at(t + self.costs.alarm_s, self.alarmed)

    def alarmed(self, t: float) -> None:
        self.release.stable = "first"

    def decide(self, t: float) -> None:
        verdict = checked_verdict(
            self.functions.promote(self.release.metrics("canary"), self.release.metrics("stable"))
        )
        self.release.verdicts.append((t, verdict))
        if verdict == "promote":
            self.promoted(t, self.release.canary)
        elif verdict == "rollback":
            self.release.canary = None
        elif t + TICK_S < self.scenario.seconds:
            self.at(t + TICK_S, self.decide)

    # quotes

    def sync(self, t: float) -> None:
        for zone in range(ZONES):
            if self.scenario.connected(t, zone) and self.scenario.running(t, "prices"):
                self.cache[zone] = self.service.view(zone, t)
                self.accounts.pay(self.costs.sync_eur)

    def tabulate(self, t: float) -> None:
        if self.scenario.running(t, "prices"):
            self.table = [self.service.view(zone, t) for zone in range(ZONES)]

    def ask(self, t: float, quote: Event) -> None:
        rtt, luck = self.luck[quote]
        rtt += self.costs.way_ms / 1000
        version = self.release.canary if self.release.canary and luck < self.design.fraction else self.release.stable
        if self.design.placement == "edge":
            self.phone(t, quote, version)
        elif self.scenario.connected(t, quote.zone) and rtt / 2 <= self.limit:
            self.at(t + rtt / 2, self.serve, quote, version, rtt)
        else:
            self.failed(t + self.limit, quote, version)

    @property
    def limit(self) -> float:
        """Seconds after which nobody waits for the cloud any more."""
        return self.costs.patience_s if self.design.placement == "cloud" else self.design.timeout_s

    def serve(self, t: float, quote: Event, version: Version, rtt: float) -> None:
        """A quote reaches the server."""
        mode = self.design.prediction
        ready = mode == "batch" or (mode == "hybrid" and quote.level < self.design.head)
        seconds = (self.costs.table_ms if ready else self.costs.predict_ms(self.design.model)) / 1000
        start = max(t, self.free_at)
        if not (self.scenario.running(t, "prices") and self.scenario.running(start + seconds, "prices")):
            self.failed(t + rtt / 2, quote, version)
        elif start > quote.t + self.limit:  # its rider has gone
            self.failed(quote.t + self.limit, quote, version)
        else:
            self.free_at = start + seconds
            self.at(start, self.compute, quote, version, rtt, ready, start + seconds)

    def compute(self, t: float, quote: Event, version: Version, rtt: float, ready: bool, done: float) -> None:
        if not ready:
            self.accounts.pay(self.costs.predict_eur(self.design.model))
        if done + rtt / 2 > quote.t + self.limit:
            self.failed(quote.t + self.limit, quote, version)
            return
        view = self.table[quote.zone] if ready else self.service.view(quote.zone, t)
        _, _, rain, pressure = view.features  # what the model was asked with
        if self.design.prediction == "hybrid":
            view = self.service.view(quote.zone, t)
        waiting, drivers, _, _ = view.features
        most = model(self.design.model, version)(Ride(quote.zone, KM[quote.level], self.market.hour, rain, pressure))
        price, source = best_price(waiting, drivers, most), "table" if ready else "online"
        self.answered(Answer(quote, done + rtt / 2, source, price, False, view.as_of, self.design.model, version))

    def failed(self, t: float, quote: Event, version: Version) -> None:
        """The cloud has not answered, and at second `t` the phone knows."""
        if self.design.placement == "cloud":
            self.answered(Answer(quote, t, "unanswered"))
        else:
            self.at(t, self.phone, quote, version)

    def phone(self, t: float, quote: Event, version: Version) -> None:
        t += self.costs.phone_ms / 1000
        view = self.cache[quote.zone]
        _, _, rain, pressure = view.features
        most = model("small", version)(Ride(quote.zone, KM[quote.level], self.market.hour, rain, pressure))
        offer = checked_offer(self.functions.fallback(view.features, t - view.as_of, most, USUAL))
        if offer is None or t - quote.t > self.costs.patience_s:
            self.answered(Answer(quote, t, "unanswered"))
        else:
            self.answered(Answer(quote, t, "phone", *offer, view.as_of, "small", version))

    def answered(self, answer: Answer) -> None:
        earned = self.accounts.add(answer)
        if self.watch:
            self.watch(answer, earned)
        if self.release.canary and answer.price is not None and answer.quote.t >= self.scenario.release.at:
            self.release.earned["canary" if answer.version == self.release.canary else "stable"].append(earned)

    def close(self) -> None:
        """Read what is left, count what was counted, and pay for what was always on."""
        if self.design.features == "batch" or not self.service.up:
            self.service.up = True
            self.service.consume()
        self.accounts.count(*self.service.books(self.market.quotes))
        seconds, design = self.scenario.seconds, self.design
        always_on = (design.placement != "edge") + (design.features == "stream")
        self.accounts.pay(self.costs.server_eur * seconds * always_on)
        if design.placement != "edge" and design.prediction != "online":
            prices = ZONES * (design.head if design.prediction == "hybrid" else DESTINATIONS)
            each = self.costs.batch_discount * self.costs.predict_eur(design.model)
            self.accounts.pay(each * prices * math.ceil(seconds / design.ttl_s))
