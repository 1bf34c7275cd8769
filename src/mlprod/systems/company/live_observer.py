"""The observer of a live run: it reads what became of every quote, tells Prometheus, and decides on new versions.

All that it knows comes from the log, so it may be killed and started again like the others.
"""

# no `from __future__ import annotations`: FastAPI reads the annotations of the functions inside functions
import math
import threading
from collections.abc import Callable

from mlprod.systems.company.functions import checked_verdict
from mlprod.systems.company.live_log import Reader, Writer
from mlprod.systems.company.live_phones import answer_of
from mlprod.systems.company.live_serving import serve_beside
from mlprod.systems.company.live_wiring import Wiring
from mlprod.systems.company.parts import Releases
from mlprod.systems.company.simulation import TICK_S

READ_S = 0.05


class Controller:
    """The new version of a scenario, from the moment it is offered: who gets it, and what becomes of it."""

    def __init__(self, wiring: Wiring, tell: Callable[[list], None]):
        self.release, self.design, self.costs = wiring.scenario.release, wiring.design, wiring.costs
        self.promote, self.tell, self.known = wiring.functions.promote, tell, Releases()
        self._offered, self._decide_at, self._alarm_at = False, math.inf, math.inf

    def observe(self, asked_at: float, version: str, earned: float) -> None:
        """What a quote earned that got a price."""
        known = self.known
        if known.canary and asked_at >= self.release.at:
            known.earned["canary" if version == known.canary else "stable"].append(earned)

    def tick(self, t: float) -> None:
        """Do what is due at second `t`. Raises CourseError when `promote` gives none of its three answers."""
        known = self.known
        if self.release and not self._offered and t >= self.release.at:
            self._offered = True
            if self.design.rollout == "all":
                self._put_in_service(t, self.release.version)
            else:
                known.canary, self._decide_at = self.release.version, t + TICK_S
                self._say(t)
        if known.canary and t >= self._decide_at:
            self._decide_at = t + TICK_S
            verdict = checked_verdict(self.promote(known.metrics("canary"), known.metrics("stable")))
            if verdict == "promote":
                self._put_in_service(t, known.canary, verdict)
            else:
                known.canary = None if verdict == "rollback" else known.canary
                self._say(t, verdict)
        if t >= self._alarm_at:  # in the end somebody notices a bad version that serves everybody
            known.stable, self._alarm_at = "first", math.inf
            self._say(t)

    def _put_in_service(self, t: float, version: str, verdict: str | None = None) -> None:
        self.known.stable, self.known.canary = version, None
        if version != "good":
            self._alarm_at = t + self.costs.alarm_s
        self._say(t, verdict)

    def _say(self, t: float, verdict: str | None = None) -> None:
        self.tell([t, self.known.stable, self.known.canary, verdict])


def observer(wiring: Wiring, ready: Callable[[str], None], stopping: threading.Event) -> None:
    """GET /metrics: quotes by source and version, seconds to a price, age of its data, euros. And the releases."""
    from fastapi import FastAPI, Response
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

    registry = CollectorRegistry()
    quotes = Counter("company_quotes", "quotes by where their price came from", ["source"], registry=registry)
    versions = Counter("company_prices", "prices by version of the model", ["version"], registry=registry)
    euros = Counter("company_earned_eur", "euros earned, per waiting rider", registry=registry)
    seconds = Histogram("company_price_seconds", "from the question to the price", registry=registry)
    age = Histogram("company_data_age_seconds", "age of the data of a price", registry=registry)

    reader, writer = Reader(wiring.answers), Writer(wiring.releases)
    controller = Controller(wiring, writer.write)

    def see(record: list) -> None:
        answer, earned = answer_of(record)
        quotes.labels(answer.source).inc()
        if answer.price is None:
            return
        versions.labels(answer.version).inc()
        seconds.observe(answer.t - answer.quote.t)
        age.observe(max(0.0, answer.t - answer.as_of))
        euros.inc(max(0.0, earned))
        controller.observe(answer.quote.t, answer.version, earned)

    def step() -> None:
        for record in reader.read(READ_S):
            see(record)
        controller.tick(wiring.now())

    app = FastAPI(openapi_url=None)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    serve_beside(app, ready, stopping, step)
    writer.flush()
