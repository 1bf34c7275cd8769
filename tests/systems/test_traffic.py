"""The traffic repeats with its seed, has rush hours, and its deviations fade."""

import numpy as np
import pytest

from mlprod.systems.traffic import DAY, Traffic


def test_it_is_seeded_and_never_faster_than_empty_roads():
    one = Traffic.simulate(seed=3, days=5).slowness
    assert len(one) == 5 * DAY
    assert np.array_equal(one, Traffic.simulate(seed=3, days=5).slowness)
    assert not np.array_equal(one, Traffic.simulate(seed=4, days=5).slowness)
    assert one.min() >= 1


def test_mornings_are_slower_than_nights_and_deviations_fade_within_hours():
    slowness = Traffic.simulate(seed=1, days=60).slowness.reshape(60, DAY)
    usual = slowness.mean(axis=0)
    assert usual[510] > 1.3 * usual[180]
    deviation = np.log(slowness / usual).ravel()

    def correlation(minutes):
        return np.corrcoef(deviation[:-minutes], deviation[minutes:])[0, 1]

    assert correlation(5) > 0.8 > 0.6 > correlation(60) > correlation(300)
    assert abs(correlation(600)) < 0.15


def test_a_trip_takes_its_empty_minutes_times_the_slowness():
    traffic = Traffic.simulate(seed=1, days=1)
    trips = traffic.trips(seed=2, begin=100, end=200, count=50)
    assert trips == traffic.trips(seed=2, begin=100, end=200, count=50)
    assert [m for m, *_ in trips] == sorted(m for m, *_ in trips)
    for minute, empty, took in trips:
        assert 100 <= minute < 200
        assert took == pytest.approx(empty * traffic.slowness[minute])


def test_no_days_are_refused():
    with pytest.raises(ValueError, match="days"):
        Traffic.simulate(days=0)
