"""The phones of a live run: each quote asks the price service through the network of its zone, or answers by itself.

One process for all riders, asyncio inside: nobody waits for anybody (an open loop). It is also the world in which the
company earns: it reports what each quote earned on average, which the company could not know without the ride.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

from mlprod.systems.company.accounts import Answer
from mlprod.systems.company.functions import USUAL, Features, checked_offer
from mlprod.systems.company.live_log import Reader, Writer
from mlprod.systems.company.live_wiring import INITIAL, Versions, Willingness, Wiring
from mlprod.systems.company.market import KM, ZONES, Event, Ride
from mlprod.systems.company.parts import View
from mlprod.systems.replay import Connection, pack

SYNC_TIMEOUT_S = 2.0
OPEN = 10  # connections that the phones of a zone have open from the start: an app that is open has one


def record(answer: Answer, earned: float) -> list:
    """An answer as it travels in the topic `answers`."""
    _, t, source, price, estimate, as_of, size, version = vars(answer).values()
    return [answer.quote, t, source, price, estimate, as_of, size, version, earned]


def answer_of(record: Sequence) -> tuple[Answer, float]:
    """(answer, euros that it earned) of a `record`."""
    quote, *rest, earned = record
    return Answer(Event(*quote), *rest), earned


def phones(wiring: Wiring, addresses: list[str]) -> dict[str, int]:
    """Ask every quote of the scenario at its second; {"syncs": how often a zone's phones heard its features}.

    addresses: of the price service, seen through the network of each zone.
    """
    return asyncio.run(_Phones(wiring, addresses).run())


class _Phones:
    def __init__(self, wiring: Wiring, addresses: list[str]):
        self.wiring, self.addresses = wiring, addresses
        self.design, self.costs = wiring.design, wiring.costs
        self.market = wiring.scenario.market()
        self.cache: list[View] = [INITIAL] * ZONES
        self.versions = Versions(wiring.design.fraction)
        self.models = {v: Willingness(s, v, onnx) for (s, v), onnx in wiring.models.items() if s == "small"}
        self.free: list[list[Connection]] = [[] for _ in range(ZONES)]
        self.writer, self.syncs = Writer(wiring.answers), 0
        self.stopping = threading.Event()

    async def run(self) -> dict[str, int]:
        threading.Thread(target=self._listen, daemon=True).start()
        if self.design.placement != "edge":
            zones = [zone for zone in range(ZONES) for _ in range(OPEN)]
            await asyncio.gather(*(self.post(zone, "/features", {"zone": zone}, SYNC_TIMEOUT_S) for zone in zones))
        began = await asyncio.to_thread(self.wiring.line.wait)
        loops = [asyncio.create_task(self.keep_in_sync(zone)) for zone in range(ZONES)]
        tasks = []
        for quote in self.market.quotes:
            await asyncio.sleep(max(0.0, began + quote.t - time.monotonic()))
            tasks.append(asyncio.create_task(self.ask(quote)))
        await asyncio.gather(*tasks)
        for task in loops:
            task.cancel()
        self.stopping.set()
        self.writer.flush()
        return {"syncs": self.syncs}

    async def ask(self, quote: Event) -> None:
        """One rider: from the question to what becomes of it."""
        if self.design.placement == "edge":
            return await self.answer_by_itself(quote)
        limit = self.costs.patience_s if self.design.placement == "cloud" else self.design.timeout_s
        question = {"zone": quote.zone, "destination": quote.level, "seq": quote.seq, "deadline": quote.t + limit}
        left = quote.t + limit - self.wiring.now()
        status, body = await self.post(quote.zone, "/price", question, left) if left > 0 else (0, None)
        if status == 200:
            source, version = body["source"], body["version"]
            now = self.wiring.now()
            answer = Answer(quote, now, source, body["price"], False, body["as_of"], self.design.model, version)
            return self.report(answer)
        if self.design.placement == "cloud":
            return self.report(Answer(quote, self.wiring.now(), "unanswered"))
        await self.answer_by_itself(quote)

    async def answer_by_itself(self, quote: Event) -> None:
        """The phone's own model, on what the phone last heard."""
        begin, view, version = time.monotonic(), self.cache[quote.zone], self.versions.of(quote.zone, quote.seq)
        _, _, rain, pressure = view.features
        (most,) = self.models[version]([Ride(quote.zone, KM[quote.level], self.wiring.scenario.hour, rain, pressure)])
        await asyncio.sleep(max(0.0, begin + self.costs.phone_ms / 1000 - time.monotonic()))
        now = self.wiring.now()
        offer = checked_offer(self.wiring.functions.fallback(view.features, now - view.as_of, most, USUAL))
        if offer is None or now - quote.t > self.costs.patience_s:
            return self.report(Answer(quote, now, "unanswered"))
        self.report(Answer(quote, now, "phone", offer.price, offer.estimate, view.as_of, "small", version))

    def report(self, answer: Answer) -> None:
        """Tell the company what became of a quote. (A real phone would keep it in an outbox until it has a network.)"""
        earned = 0.0
        if answer.price is not None:
            earned = self.market.earned(answer.price, answer.t, answer.quote.zone, answer.quote.level)
            if answer.estimate:
                earned -= self.costs.doubt * max(earned, 0.0)
        self.writer.write(record(answer, earned), answer.quote.zone)

    async def keep_in_sync(self, zone: int) -> None:
        """Hear the features of the zone each `sync_s` seconds, if there is a network and a service."""
        while self.design.placement != "cloud":
            due = self.wiring.now() + self.costs.sync_s
            status, body = await self.post(zone, "/features", {"zone": zone}, SYNC_TIMEOUT_S)
            if status == 200:
                self.cache[zone] = View(Features(*body["features"]), body["as_of"])
                self.syncs += 1
            await asyncio.sleep(max(0.0, due - self.wiring.now()))

    async def post(self, zone: int, path: str, body: Any, timeout: float) -> tuple[int, Any]:
        """(status, answer), 0 for none; over a connection of the zone that is free, or another one."""
        connection = self.free[zone].pop() if self.free[zone] else Connection(self.addresses[zone])
        try:
            return await connection.ask(pack(self.addresses[zone], path, body), timeout)
        finally:
            self.free[zone].append(connection)

    def _listen(self) -> None:
        """Follow the releases: phones get new versions over the air."""
        reader = Reader(self.wiring.releases)
        while not self.stopping.is_set():
            self.versions.take(reader.read(0.1))
