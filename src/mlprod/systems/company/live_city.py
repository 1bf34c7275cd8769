"""The city of a live run: a process that tells Kafka what happens, when the scenario lets it arrive."""

from __future__ import annotations

import time

from mlprod.systems.city import Event
from mlprod.systems.company.live_log import Writer
from mlprod.systems.company.live_wiring import Wiring


def city(wiring: Wiring, arrivals: list[tuple[float, Event]]) -> int:
    """Append each event at its second of arrival; how many. Raises CourseError if one was not acknowledged."""
    writer = Writer(wiring.events)
    began = wiring.line.wait()
    for t, event in arrivals:
        time.sleep(max(0.0, began + t - time.monotonic()))
        writer.write(event, event.zone)
    writer.flush()
    return len(arrivals)
