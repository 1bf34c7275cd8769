"""The open loop keeps its schedule while the server stalls, and counts from the intended time."""

import threading
import time

import pytest

from mlprod.systems import load
from mlprod.systems.load import open_loop


def test_all_requests_are_sent_once_and_counted():
    seen = []
    result = open_loop(seen.append, rate=1000, count=200)
    assert sorted(seen) == list(range(200))
    assert result.latency.count == result.late.count == result.planned == 200
    assert not result.errors
    assert result.duration >= 199 / 1000
    assert result.throughput == pytest.approx(200 / result.duration)


def test_a_call_without_parameters_is_fine():
    calls = []
    open_loop(lambda: calls.append(1), rate=1000, seconds=0.05)
    assert len(calls) == 50


def test_a_stall_is_charged_to_every_request_that_it_delayed():
    """One stall of 0.3 s: a closed loop would count one slow request; the intended times tell the truth."""
    server = threading.Lock()

    def call(i):
        with server:
            if i == 20:
                time.sleep(0.3)

    result = open_loop(call, rate=200, count=100, workers=100)
    slow = result.latency.count - sum(
        result.latency.percentile(percent) < 0.05 for percent in range(1, 101)
    )  # 100 requests: one per percentile
    assert slow >= 30


def test_errors_are_counted_by_name_and_not_as_latencies():
    def call(i):
        if i % 4 == 0:
            raise TimeoutError(f"request {i}")

    result = open_loop(call, rate=2000, count=40)
    assert result.errors == {"TimeoutError": 10} and result.latency.count == 30
    assert isinstance(result.first_error, TimeoutError)
    assert result.summary()["errors"] == 10


def test_a_generator_that_cannot_keep_up_says_so(capsys, reader):
    result = open_loop(lambda: time.sleep(0.05), rate=200, count=40, workers=2)
    assert not result.kept_up and result.late_count > 20
    assert result.late.max > 0.3 and result.latency.max > result.late.max
    assert "workers" in capsys.readouterr().out


def test_poisson_arrivals_are_seeded_and_irregular(monkeypatch):
    schedules = []

    class Spy(load._Run):
        def run(self):
            schedules.append(self._offsets)

    monkeypatch.setattr(load, "_Run", Spy)
    for seed in (1, 1, 2):
        open_loop(lambda: None, rate=100, count=2000, poisson=True, seed=seed)
    assert schedules[0] == schedules[1] != schedules[2]
    gaps = [b - a for a, b in zip(schedules[0], schedules[0][1:], strict=False)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.01, rel=0.1) and spread == pytest.approx(mean, rel=0.15)


def test_calls_that_never_return_are_unanswered(monkeypatch):
    monkeypatch.setattr(load, "PATIENCE_SECONDS", 0.2)
    release = threading.Event()
    result = open_loop(lambda i: release.wait(20) if i == 3 else None, rate=1000, count=10)
    release.set()
    assert result.errors == {"unanswered": 1} and result.latency.count == 9


def test_either_seconds_or_count():
    with pytest.raises(ValueError, match="either"):
        open_loop(print, rate=1)
    with pytest.raises(ValueError, match="positive"):
        open_loop(print, rate=0, count=1)
    assert open_loop(print, rate=1, count=0).latency.count == 0
