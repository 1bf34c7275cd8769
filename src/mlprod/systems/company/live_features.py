"""The feature service of a live run: events in, features out. It may be killed at any line and loses nothing.

What it knows (a state per zone) and how far it has read (an offset per partition) are saved together, in one file that
is replaced in one step. Whoever starts it again goes on from there: events after the snapshot are read once more, and
their effect on the restored state is new. Saved apart, they could disagree: commit "before" shows what that costs.
"""

from __future__ import annotations

import math
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlprod.systems.company.functions import State, features, initial
from mlprod.systems.company.live_log import Reader, Writer
from mlprod.systems.company.live_wiring import Wiring
from mlprod.systems.company.market import ZONES, Event

READ_S = 0.01  # a look for new events takes at most so long when there are none
FIRST_S = 0.1  # the first batch job waits for the levels with which the day starts
TELL_S = 0.1  # a zone in which nothing happens is told again so often: its recent quotes grow old meanwhile


@dataclass
class Snapshot:
    """What the service must not forget."""

    states: list[State] = field(default_factory=lambda: [initial() for _ in range(ZONES)])
    offsets: list[int] = field(default_factory=list)
    handled: list[tuple[int, str, int]] = field(default_factory=list)
    """(zone, kind, seq) of each event in the states, repetitions included: kept to prove that nothing is lost."""


def feature_service(wiring: Wiring, ready: Callable, stopping: threading.Event) -> dict[str, Any]:
    """Run until `stopping`, then read what is left. Returns {"states", "handled"} of its last `Snapshot`."""
    service = FeatureLoop(wiring)
    ready()
    (service.stream if wiring.design.features == "stream" else service.batch)(stopping)
    service.fold(service.reader.read_to_the_end())
    service.save()
    return {"states": service.known.states, "handled": service.known.handled}


class FeatureLoop:
    """The service: `stream` and `batch` are its two ways of life, `fold` and `save` what they have in common."""

    def __init__(self, wiring: Wiring):
        self.wiring, self.update = wiring, wiring.functions.update
        self.file, self.offsets_file = wiring.folder / "features.snapshot", wiring.folder / "features.offsets"
        self.known: Snapshot = _load(self.file) or Snapshot()
        committed = _load(self.offsets_file) if wiring.design.commit == "before" else None
        self.reader = Reader(wiring.events, committed or self.known.offsets)
        self.writer = Writer(wiring.features)

    def stream(self, stopping: threading.Event) -> None:
        """Each event when it comes."""
        saved = told = self.wiring.now()
        while not stopping.is_set():
            records = self.reader.read(READ_S)
            changed = self.fold(records)
            now = self.wiring.now()
            if now - told >= TELL_S:
                changed, told = set(range(ZONES)), now
            for zone in changed:
                state = self.known.states[zone]
                self.tell(zone, features(state, max(now, state["newest"])), state["newest"])
            if now - saved >= self.wiring.costs.snapshot_s:
                self.save()
                saved = now

    def batch(self, stopping: threading.Event) -> None:
        """All that has come, each `refresh_s` seconds; the result `job_s` later."""
        every = self.wiring.design.refresh_s
        number = math.ceil(self.wiring.now() / every)
        while not self._wait(max(number * every, FIRST_S), stopping):
            began, number = self.wiring.now(), number + 1
            self.fold(self.reader.read_to_the_end())
            if self._wait(began + self.wiring.costs.job_s, stopping):
                return
            self.save()
            for zone, state in enumerate(self.known.states):
                self.tell(zone, features(state, began), began)

    def fold(self, records: list) -> set[int]:
        """Take events into the states; the zones to which something happened."""
        if records and self.wiring.design.commit == "before":
            _replace(self.offsets_file, self.reader.offsets)  # "done" before it is: what follows may never happen
        changed = set()
        for record in records:
            event = Event(*record)
            self.known.states[event.zone] = self.update(self.known.states[event.zone], event)
            self.known.handled.append((event.zone, event.kind, event.seq))
            changed.add(event.zone)
        return changed

    def save(self) -> None:
        self.known.offsets = list(self.reader.offsets)
        _replace(self.file, self.known)

    def tell(self, zone: int, known: Any, as_of: float) -> None:
        self.writer.write([zone, known, as_of], zone)

    def _wait(self, t: float, stopping: threading.Event) -> bool:
        """Sleep until second `t`; True if the service is to stop."""
        while (left := t - self.wiring.now()) > 0:
            if stopping.wait(min(left, 0.1)):  # the replay may not have begun: its clock stands still
                return True
        return stopping.is_set()


def _replace(path: Path, value: Any) -> None:
    """Write a file in one step: whoever reads it, also after a crash, finds the old one whole or the new one whole.

    A killed process loses nothing of what it wrote; a power cut would, without an fsync (see unit 01).
    """
    part = path.with_name(path.name + ".part")
    part.write_bytes(pickle.dumps(value))
    part.replace(path)


def _load(path: Path) -> Any:
    return pickle.loads(path.read_bytes()) if path.exists() else None
