"""The company live: the simulation's design, scenario and functions in real processes and real time, in one call.

    with live.start(design, scenario) as company:
        result = company.watch()      # draws what happens until the scenario ends
    result.score                      # as `simulate` gives it
    result.proof.show()               # every event counted once, every quote accounted for, nothing left running

City and phones act by the clock; the feature service, the price service and the observer react; the phones of each
zone reach the price service through a network of their own. The scenario's crashes are kill -9. Kafka is embedded, or
the one that KAFKA_BOOTSTRAP names. Everything ends with the block, also when what is inside raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import psutil

from mlprod.errors import CourseError
from mlprod.systems import kafka, network, processes, services
from mlprod.systems.company.accounts import Accounts, Answer
from mlprod.systems.company.design import COSTS, Costs, Design
from mlprod.systems.company.functions import FUNCTIONS, Functions
from mlprod.systems.company.live_chaos import Chaos, Downtime
from mlprod.systems.company.live_city import city
from mlprod.systems.company.live_features import feature_service
from mlprod.systems.company.live_log import Reader, Topic
from mlprod.systems.company.live_observer import observer
from mlprod.systems.company.live_phones import answer_of, phones
from mlprod.systems.company.live_picture import Picture
from mlprod.systems.company.live_prices import price_service
from mlprod.systems.company.live_result import Proof, Result, as_it_was, bill, proof_of
from mlprod.systems.company.live_wiring import Models, Wiring
from mlprod.systems.company.market import ZONES
from mlprod.systems.company.model import model
from mlprod.systems.company.scenario import Scenario
from mlprod.systems.startline import StartLine
from mlprod.systems.workspace import workspace

__all__ = ["Company", "Downtime", "Proof", "Result", "start"]

START_SECONDS = 60.0  # a busy machine may take long to start its processes
LOOK_S = 0.25  # the notebook reads what is new so often
DRAW_S = 1.5  # and draws it so often: drawing takes processor time from what is being drawn
_NOWHERE = "http://127.0.0.1:9"


class Company:
    """A running company. Made by `start`."""

    def __init__(self, wiring: Wiring, group: processes.Group, links: list[network.Link], before: set[int]):
        self.design, self.scenario, self.costs = wiring.design, wiring.scenario, wiring.costs
        self.answers: list[tuple[Answer, float]] = []
        """What became of each quote so far, and the euros that it lost against the oracle (without the bill)."""
        self._wiring, self._group, self._links = wiring, group, links
        self._arrivals = self.scenario.arrivals()
        self._accounts = Accounts(self.scenario.market(), self.costs)
        self._running: dict[str, processes.Process] = {}
        self._before = before
        self._chaos = Chaos(self.scenario.crashes, self.kill, self.restart)

    @property
    def now(self) -> float:
        """Second of the replay."""
        return self._wiring.now()

    @property
    def downtimes(self) -> list[Downtime]:
        """When which service was not there, of those that are back."""
        return list(self._chaos.downtimes)

    def kill(self, service: str) -> None:
        """End a service ("features", "prices" or "observer") by SIGKILL: it gets no chance to save anything."""
        self._running[service].kill()

    def restart(self, service: str) -> None:
        """Start a service that was killed; returns when it is ready. It finds what it had left on disk and in Kafka."""
        function: Callable = {"features": feature_service, "prices": price_service, "observer": observer}[service]
        self._running[service] = self._group.start(function, self._wiring, name=service, ready_timeout=START_SECONDS)
        if service == "prices":  # it has another port: whoever looks for it must be told
            for link in self._links:
                link.point_to(self._running[service].address)

    def metrics(self) -> dict[str, str]:
        """What Prometheus would read now of each service that has /metrics, {name: text}."""
        pages = {}
        for name in ("prices", "observer"):
            if self._running[name].alive:
                with services.http_client(self._running[name].address) as client:
                    pages[name] = client.get("/metrics").raise_for_status().text
        return pages

    def watch(self, draw: bool = True) -> Result:
        """Follow the company until the scenario ends and all is accounted for; draw its picture meanwhile.

        Raises ChildFailed (or what a function of yours raised) as soon as a process fails by itself.
        """
        picture = Picture(self.scenario, self.design, self.costs) if draw else None
        reader, drawn = Reader(self._wiring.answers), 0.0
        while self._running["phones"].alive or self._running["city"].alive:
            self._take(reader.read(LOOK_S))
            self._raise_failures()
            if picture and self.now - drawn >= DRAW_S:
                picture.draw(self.answers, self.downtimes, self._accounts.score(self.design, self.scenario.name))
                drawn = self.now
        self._chaos.finish()
        syncs, metrics = self._running["phones"].result()["syncs"], self.metrics()
        self._running["city"].result()
        self._take(reader.read_to_the_end())
        reader.close()
        for name in ("features", "observer"):
            self._running[name].terminate()
        kept = self._running["features"].result()
        self._running["observer"].result()
        result = self._close(kept, syncs, metrics)
        if picture:
            picture.draw(self.answers, self.downtimes, result.score)
        return result

    def _begin(self) -> None:
        """Start everything, most of it at once, and begin the replay."""
        wiring = self._wiring
        with ThreadPoolExecutor() as pool:
            for started in [pool.submit(self.restart, name) for name in ("features", "prices", "observer")]:
                started.result()
        addresses = [link.address for link in self._links]
        self._running["phones"] = self._group.start(phones, wiring, addresses)
        self._running["city"] = self._group.start(city, wiring, self._arrivals)
        began = self._wait_for_the_start()
        for zone, link in enumerate(self._links):
            late = time.monotonic() - began
            outages = [(o.begin - late, o.end - late) for o in self.scenario.outages if o.zone == zone]
            outages = tuple((max(0.0, begin), end) for begin, end in sorted(outages) if end > max(0.0, begin))
            link.change(_conditions(self.scenario).with_outages(outages))
        self._chaos.begin(began)

    def _wait_for_the_start(self) -> float:
        """When the replay begins, in monotonic seconds; raises what keeps a process from being ready."""
        for _ in range(int(START_SECONDS / LOOK_S)):
            self._raise_failures()
            with suppress(CourseError):
                return self._wiring.line.started(LOOK_S)
        return self._wiring.line.started(LOOK_S)

    def _raise_failures(self) -> None:
        for process in self._group.processes:
            if process.unseen_failure:
                process.result()

    def _take(self, records: list) -> None:
        for answer, _ in map(answer_of, records):
            before = sum(self._accounts.causes.values())
            self._accounts.add(answer)
            self.answers.append((answer, sum(self._accounts.causes.values()) - before))

    def _close(self, kept: dict, syncs: int, metrics: dict[str, str]) -> Result:
        verdicts = [(t, verdict) for t, _, _, verdict in _all(self._wiring.releases) if verdict]
        pids = (_children() - self._before) | {process.pid for process in self._group.processes}
        answers = tuple(answer for answer, _ in self.answers)
        proof = proof_of(self._arrivals, kept["states"], kept["handled"], list(answers), sorted(pids))
        accounts = self._accounts
        accounts.counters["events"] = len(self._arrivals)
        accounts.count(proof.uncounted, proof.repeated)
        bill(accounts, self.design, self.costs, self.scenario.seconds, syncs)
        score = accounts.score(self.design, self.scenario.name, tuple(verdicts))
        was = as_it_was(self.scenario, self.downtimes)
        return Result(score, proof, answers, tuple(self.downtimes), was, metrics)


@contextmanager
def start(
    design: Design,
    scenario: Scenario,
    functions: Functions = FUNCTIONS,
    costs: Costs = COSTS,
) -> Iterator[Company]:
    """Start the company with this design, in this scenario; its replay begins at once and lasts `scenario.seconds`.

    A second of replay takes a second, and stands for a minute of the city. Starting takes a few seconds more, and the
    first call trains the models. Raises CourseError when KAFKA_BOOTSTRAP does not answer, ChildFailed when a process
    does not start.
    """
    folder = workspace() / f"company-{uuid4().hex[:8]}"
    folder.mkdir()
    with ExitStack() as stack:
        before = _children()
        cluster = stack.enter_context(kafka.cluster())
        topics = {
            name: Topic.create(cluster, name, ZONES if name != "releases" else 1)
            for name in ("events", "features", "releases", "answers")
        }
        line, models = StartLine(parties=2), _models(design, scenario)
        wiring = Wiring(design, scenario, functions, costs, line, models, folder, **topics)
        group = stack.enter_context(processes.group())
        with ThreadPoolExecutor() as pool:
            opened = [pool.submit(_link, stack, scenario, zone) for zone in range(ZONES)]
            links = [link.result() for link in opened]
        company = Company(wiring, group, links, before)
        stack.callback(company._chaos.abandon, group.stop)
        company._begin()
        yield company


def _link(stack: ExitStack, scenario: Scenario, zone: int) -> network.Link:
    return stack.enter_context(network.link(_NOWHERE, _conditions(scenario), seed=scenario.seed + zone))


def _conditions(scenario: Scenario) -> network.Conditions:
    """As the scenario says, and as a phone sees it: without coverage, nothing comes back and nothing is refused."""
    return replace(scenario.conditions, silent=True)


def _models(design: Design, scenario: Scenario) -> Models:
    versions = {"first", scenario.release.version} if scenario.release else {"first"}
    return {
        (size, version): model(size, version).onnx().SerializeToString()
        for size in {design.model, "small"}
        for version in versions
    }


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _all(topic: Topic) -> list:
    reader = Reader(topic)
    try:
        return reader.read_to_the_end()
    finally:
        reader.close()
