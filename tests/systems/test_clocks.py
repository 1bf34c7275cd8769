"""Simulated time passes only in sleeps, and runs what was scheduled in order."""

import pytest

from mlprod.systems.clocks import SimulatedClock


def test_events_run_in_order_while_the_clock_advances():
    clock, seen = SimulatedClock(), []

    def note(name):
        seen.append((name, clock.now()))

    clock.at(2, lambda: note("second"))
    clock.at(1, lambda: (note("first"), clock.at(1.5, lambda: note("between"))))
    clock.at(9, lambda: note("later"))
    clock.sleep(3)
    assert seen == [("first", 1), ("between", 1.5), ("second", 2)]
    assert clock.now() == 3 and clock.slept == [3]


def test_time_does_not_go_back():
    clock = SimulatedClock(start=5)
    with pytest.raises(ValueError):
        clock.sleep(-1)
    with pytest.raises(ValueError):
        clock.at(4, print)
