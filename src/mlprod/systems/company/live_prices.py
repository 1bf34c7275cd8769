"""The price service of a live run: features from Kafka, a model in ONNX Runtime, a table computed beforehand, HTTP."""

# no `from __future__ import annotations`: FastAPI reads the annotations of the functions inside functions
import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from mlprod.systems.company.functions import Features
from mlprod.systems.company.live_log import Reader
from mlprod.systems.company.live_serving import serve_beside
from mlprod.systems.company.live_wiring import INITIAL, Versions, Willingness, Wiring
from mlprod.systems.company.market import DESTINATIONS, KM, ZONES, Ride, best_price
from mlprod.systems.company.parts import View

LISTEN_S = 0.01


@dataclass
class Table:
    """What was computed beforehand: `rows[version][zone][destination]` euros, from what was known then."""

    views: list[View]
    rows: dict[str, list[list[float]]] = field(default_factory=dict)


class Prices:
    """What the service knows, and how it makes a price of it. One thread calls `step`, another one asks."""

    def __init__(self, wiring: Wiring):
        self.wiring, design = wiring, wiring.design
        self.views, self.versions = [INITIAL] * ZONES, Versions(design.fraction)
        self.head = {"batch": DESTINATIONS, "hybrid": design.head, "online": 0}[design.prediction]
        self._models: dict[str, Willingness] = {}
        for version in {version for _, version in wiring.models}:
            self._model(version)
        self._features, self._releases = Reader(wiring.features), Reader(wiring.releases)
        for reader in (self._features, self._releases):  # a service that comes back needs only what is known now
            reader.skip_to_the_last()
        self.listen(0.1)
        self.tabulate()

    def step(self) -> None:
        """Listen, and compute the table anew when it is time."""
        self.listen()
        if self.head and (self.wiring.now() >= self._due or self._of_nothing()):
            self.tabulate()

    def listen(self, timeout: float = LISTEN_S) -> None:
        """Take what is new in the topics."""
        for zone, known, as_of in self._features.read(timeout):
            self.views[zone] = View(Features(*known), as_of)
        self.versions.take(self._releases.read(0))

    def tabulate(self) -> None:
        """Compute the table anew: as good as what is known now, until the next time."""
        table = Table(list(self.views))
        if self.head:
            for version in filter(None, (self.versions.stable, self.versions.canary)):
                self._rows(table, version)
        self._table, self._due = table, self.wiring.now() + self.wiring.design.ttl_s  # in one stroke, whoever reads

    def _of_nothing(self) -> bool:
        """Whether the table was made before anything was known of a zone of which something is known now."""
        pairs = zip(self._table.views, self.views, strict=True)
        return any(before is INITIAL and now is not INITIAL for before, now in pairs)

    def tabulated(self, zone: int, destination: int, version: str) -> tuple[float, float]:
        """(price, as_of) with what the table says of the riders' willingness.

        Hybrid: the price is finished now, with the riders and drivers of this moment. Batch: nothing is done now.
        """
        table = self._table
        most = self._rows(table, version)[zone][destination]
        view = (self.views if self.wiring.design.prediction == "hybrid" else table.views)[zone]
        return best_price(view.features.waiting, view.features.drivers, most), view.as_of

    def online(self, zone: int, destination: int, version: str) -> tuple[float, float]:
        """(price, as_of) computed now."""
        view = self.views[zone]
        (most,) = self._most(zone, view, [destination], version)
        return best_price(view.features.waiting, view.features.drivers, most), view.as_of

    def _rows(self, table: "Table", version: str) -> list[list[float]]:
        if version not in table.rows:  # a version that has just come
            head = range(self.head)
            table.rows[version] = [self._most(zone, view, head, version) for zone, view in enumerate(table.views)]
        return table.rows[version]

    def _most(self, zone: int, view: View, destinations, version: str) -> list[float]:
        """What the model says of these rides, in one call."""
        _, _, rain, pressure = view.features
        hour = self.wiring.scenario.hour
        return self._model(version)([Ride(zone, KM[each], hour, rain, pressure) for each in destinations])

    def _model(self, version: str) -> Willingness:
        if version not in self._models:
            size = self.wiring.design.model
            self._models[version] = Willingness(size, version, self.wiring.models[size, version])
        return self._models[version]


def price_service(wiring: Wiring, ready: Callable[[str], None], stopping: threading.Event) -> None:
    """POST /price {"zone", "destination", "seq", "deadline"}, POST /features {"zone"}, GET /metrics.

    A price is {"price", "as_of", "version", "source"}. 504 for a quote that reaches its turn after `deadline`, a second
    of the replay: its rider has gone. One quote at a time, and each takes what `costs` says, or longer if it does.
    """
    from fastapi import FastAPI, Request, Response
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

    registry = CollectorRegistry()
    # the names that unit 04 uses, and its dashboard in docker/grafana
    requests = Counter("predict_requests", "requests by status", ["status"], registry=registry)
    versions = Counter("predict_answers", "answers by version of the model", ["version"], registry=registry)
    buckets = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    seconds = Histogram("predict_seconds", "from request to answer", registry=registry, buckets=buckets)
    prices, costs, design = Prices(wiring), wiring.costs, wiring.design
    # the feature service has no page of its own: whoever uses what it says notices, also when it is dead
    age = Gauge("features_age_seconds", "age of what was last heard of a zone", ["zone"], registry=registry)
    for zone in range(ZONES):
        age.labels(zone).set_function(lambda zone=zone: max(0.0, wiring.now() - prices.views[zone].as_of))

    app, server = FastAPI(openapi_url=None), asyncio.Lock()

    @app.post("/price")
    async def price(request: Request) -> Response:
        began = perf_counter()
        asked = json.loads(await request.body())
        zone, destination = asked["zone"], asked["destination"]
        async with server:
            if wiring.now() > asked["deadline"]:
                requests.labels("504").inc()
                return Response('{"gone": true}', 504, media_type="application/json")
            turn = perf_counter()
            version = prices.versions.of(zone, asked["seq"])
            known = destination < prices.head
            found, as_of = (prices.tabulated if known else prices.online)(zone, destination, version)
            least = (costs.table_ms if known else costs.predict_ms(design.model)) / 1000
            if (left := turn + least - perf_counter()) > 0.0005:  # the loop wakes a sleeper late by up to 1 ms
                await asyncio.sleep(left)
        requests.labels("200").inc()
        versions.labels(version).inc()
        seconds.observe(perf_counter() - began)
        answer = {"price": found, "as_of": as_of, "version": version, "source": "table" if known else "online"}
        return Response(json.dumps(answer), media_type="application/json")

    @app.post("/features")
    async def known(request: Request) -> dict:
        view = prices.views[json.loads(await request.body())["zone"]]
        return {"features": view.features, "as_of": view.as_of}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    serve_beside(app, ready, stopping, prices.step)
