"""What came of a live run: its score, by the same accounts as the simulation's, and the proof that nothing got lost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import psutil

from mlprod import tables
from mlprod.language import tr
from mlprod.systems.company.accounts import Accounts, Answer, Score
from mlprod.systems.company.design import Costs, Design
from mlprod.systems.company.live_chaos import Downtime
from mlprod.systems.company.market import DESTINATIONS, ZONES, Event
from mlprod.systems.company.scenario import Crash, Scenario
from mlprod.systems.history import History, check

__all__ = ["Proof", "Result", "bill", "bill_rate", "proof_of"]


@dataclass(frozen=True)
class Proof:
    """What the logs and the last snapshot say of every event and of every quote.

    events: what was told to Kafka against what is in the feature service's states (repetitions on the way are no
    anomaly). uncounted, repeated: quotes that the states have not counted, or more than once. quotes: what riders asked
    against what was reported. processes: process numbers of all that the run has started, the killed ones too.
    """

    events: History
    uncounted: int
    repeated: int
    quotes: History
    processes: tuple[int, ...]

    @property
    def ok(self) -> bool:
        """Nothing lost, counted twice, unanswered without being counted, or left running."""
        return self.events.ok and self.quotes.ok and not (self.uncounted or self.repeated or self.left)

    @property
    def left(self) -> tuple[int, ...]:
        """The processes that are still there now; while the `with` block is open, they are."""
        return tuple(pid for pid in self.processes if psutil.pid_exists(pid))

    def show(self) -> None:
        """Display it as a table."""
        delivered = self.events.received
        lines = {
            tr(es="eventos de la ciudad enviados a Kafka", en="events of the city sent to Kafka"): self.events.sent,
            tr(
                es="entregas atendidas (con las repetidas en camino)", en="deliveries handled (repeated on the way too)"
            ): delivered,
            tr(es="eventos perdidos", en="events lost"): len(self.events.lost),
            tr(es="peticiones de precio sin contar en el estado", en="quotes not counted in the state"): self.uncounted,
            tr(es="peticiones contadas de más", en="quotes counted more than once"): self.repeated,
            tr(es="peticiones de los viajeros", en="quotes that riders asked"): self.quotes.sent,
            tr(es="peticiones de las que nadie sabe qué fue", en="quotes of which nobody knows what became"): len(
                self.quotes.lost
            ),
            tr(es="peticiones respondidas dos veces", en="quotes answered twice"): len(self.quotes.duplicated),
            tr(es="procesos que han vivido", en="processes that have lived"): len(self.processes),
            tr(es="procesos que quedan", en="processes left"): len(self.left),
        }
        caption = tr(es="La prueba", en="The proof")
        number = tr(es="cuántos", en="how many")
        tables.show([{"": name, number: value} for name, value in lines.items()], caption=caption)


@dataclass(frozen=True)
class Result:
    """A live run that has ended."""

    score: Score
    proof: Proof
    answers: tuple[Answer, ...]
    downtimes: tuple[Downtime, ...]
    scenario: Scenario
    """The scenario with the crashes as they really were: a process takes its time to start."""
    metrics: dict[str, str]
    """The last page that Prometheus would have read of each service, {name: text}."""


def proof_of(
    arrivals: Iterable[tuple[float, Event]], states: list, handled: list, answers: list[Answer], pids: Iterable[int]
) -> Proof:
    """Compare what was sent with what is known at the end."""
    sent = [(event.zone, (event.kind, event.seq)) for _, event in arrivals]
    counted = [(zone, (kind, seq)) for zone, kind, seq in handled]
    asked = {(zone, seq) for zone, (kind, seq) in sent if kind == "quote"}
    true = [sum(zone == z for zone, _ in asked) for z in range(ZONES)]
    more = [state["quotes"] - n for state, n in zip(states, true, strict=True)]
    return Proof(
        events=check(sent, counted, order=False, allow_duplicates=True),
        uncounted=sum(max(0, -each) for each in more),
        repeated=sum(max(0, each) for each in more),
        quotes=check(sorted(asked), [(a.quote.zone, a.quote.seq) for a in answers], order=False),
        processes=tuple(pids),
    )


def bill(accounts: Accounts, design: Design, costs: Costs, seconds: float, syncs: int) -> None:
    """Pay for what was always on, for the jobs, the predictions and the phones' synchronisation, as the simulation."""
    cloud, stream = design.placement != "edge", design.features == "stream"
    accounts.pay(costs.server_eur * seconds * (cloud + stream))
    accounts.pay(costs.sync_eur * syncs)
    accounts.pay(costs.predict_eur(design.model) * accounts.counters["online"])
    if not stream:
        accounts.pay(costs.job_eur * math.ceil(seconds / design.refresh_s))
    if cloud and design.prediction != "online":
        each = costs.batch_discount * costs.predict_eur(design.model)
        rows = ZONES * (design.head if design.prediction == "hybrid" else DESTINATIONS)
        accounts.pay(each * rows * math.ceil(seconds / design.ttl_s))


def bill_rate(design: Design, costs: Costs) -> float:
    """Euros a second of what `bill` charges whatever is asked: all but the predictions that are made when asked."""
    cloud, stream = design.placement != "edge", design.features == "stream"
    euros = costs.server_eur * (cloud + stream) + (0 if stream else costs.job_eur / design.refresh_s)
    if design.placement != "cloud":
        euros += costs.sync_eur * ZONES / costs.sync_s
    if cloud and design.prediction != "online":
        rows = ZONES * (design.head if design.prediction == "hybrid" else DESTINATIONS)
        euros += costs.batch_discount * costs.predict_eur(design.model) * rows / design.ttl_s
    return euros


def as_it_was(scenario: Scenario, downtimes: Iterable[Downtime]) -> Scenario:
    """`scenario` with these crashes."""
    crashes = tuple(sorted((Crash(d.service, d.begin, d.end - d.begin) for d in downtimes), key=lambda c: c.at))
    return replace(scenario, crashes=crashes)
