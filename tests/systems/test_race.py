"""A race: everybody runs in each round, ratios are of one round, and the interval holds what it says."""

import gc
import time

import numpy as np
import pytest

from mlprod.systems import race as races
from mlprod.systems.race import Race, median_interval, race


def test_everybody_runs_once_a_round_and_the_order_changes():
    seen = []
    run = race(
        {name: lambda name=name: seen.append(name) for name in "abc"}, rounds=12, warmup=0, min_seconds=0, seed=1
    )
    calls = seen[3:]  # one call each to see how long it takes
    turns = [tuple(calls[i : i + 3]) for i in range(0, len(calls), 3)]
    assert len(turns) == 12 and all(sorted(turn) == ["a", "b", "c"] for turn in turns)
    assert len(set(turns)) > 2
    assert {name: len(times) for name, times in run.seconds.items()} == {"a": 12, "b": 12, "c": 12}


def test_a_fast_one_is_repeated_until_it_can_be_measured(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(races, "perf_counter", lambda: now[0])

    def takes(seconds):
        def run():
            now[0] += seconds

        return run

    run = race({"slow": takes(0.5), "fast": takes(0.001)}, rounds=6, warmup=3, min_seconds=0.02)
    assert run.seconds["fast"] == pytest.approx(np.full(6, 0.001))
    assert run.ratio("slow", "fast") == pytest.approx((500, 500, 500))
    assert run.faster("fast", "slow") == pytest.approx((500, 500, 500))


def test_cpu_time_does_not_count_waiting():
    def wait():
        time.sleep(0.01)

    on_the_wall = race({"wait": wait}, rounds=6, warmup=0, min_seconds=0)
    computing = race({"wait": wait}, rounds=6, warmup=0, min_seconds=0, cpu=True)
    assert on_the_wall.median("wait") >= 0.01
    assert computing.median("wait") < 0.005  # what sleep itself computes is microseconds


def test_ratios_are_taken_within_a_round():
    # the machine slows down a hundredfold half-way; inside a round, b always takes twice what a takes
    drift = np.array([1.0] * 5 + [100.0] * 6)
    run = Race({"a": drift, "b": 2 * drift})
    assert run.ratio("b", "a") == (2, 2, 2)


@pytest.mark.parametrize(("n", "left_out"), [(6, 0), (9, 1), (15, 3), (25, 7)])
def test_the_interval_is_that_of_the_binomial(n, left_out):
    found = median_interval(np.arange(n)[::-1])
    assert found == ((n - 1) / 2, left_out, n - 1 - left_out)


def test_the_interval_covers_the_median():
    chance = np.random.default_rng(0)
    inside = [low <= 1.0 <= high for _, low, high in (median_interval(chance.lognormal(size=15)) for _ in range(2000))]
    assert 0.95 <= np.mean(inside) <= 0.98  # exactly 0.965


def test_five_values_have_no_interval():
    assert median_interval([1, 2, 3, 4, 5]) == (3, -np.inf, np.inf)
    with pytest.raises(ValueError, match="at least 6"):
        race({"a": int}, rounds=5)


def test_threads_are_pinned_and_given_back_also_after_an_error():
    torch = pytest.importorskip("torch")
    before, inside = torch.get_num_threads(), []
    race({"a": lambda: inside.append((torch.get_num_threads(), gc.isenabled()))}, rounds=6, min_seconds=0)
    assert set(inside) == {(1, False)}
    assert torch.get_num_threads() == before and gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        race({"a": lambda: 1 / 0}, rounds=6)
    assert torch.get_num_threads() == before and gc.isenabled()


def test_the_table_has_a_row_each_and_no_interval_for_the_base():
    run = Race({"a": np.full(7, 2e-6), "b": np.full(7, 1e-6)})
    rows = [list(row.values()) for row in run.table("a")]
    assert rows[0][0] == "a" and rows[0][1:] == [pytest.approx(2), 1, None, None]
    assert rows[1][0] == "b" and rows[1][1:] == pytest.approx([1, 2, 2, 2])


def test_who_did_not_take_part():
    with pytest.raises(KeyError, match="did not take part"):
        Race({"a": np.ones(6)}).ratio("a", "b")


@pytest.mark.parametrize("bad", [{"threads": 0}, {"warmup": -1}, {"min_seconds": -1}])
def test_refusals(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        race({"a": int}, **bad)
    with pytest.raises(ValueError, match="none"):
        race({})
