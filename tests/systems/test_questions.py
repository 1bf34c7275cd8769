"""The day of questions: Zipf, the daily shape, only flights that can be asked about, and the same day for a seed."""

import numpy as np
import pytest

from mlprod.systems import questions

DEPARTS = np.linspace(5, 23.9, 300)
DELAYS = np.arange(300.0)


def a_day(how_many=1500, seed=4, own_numbers=0.1, popularity=None):
    popularity = questions.zipf(300, 1.0) if popularity is None else popularity
    return questions.day(DEPARTS, DELAYS, popularity, how_many, own_numbers, seed)


@pytest.mark.parametrize(("skew", "percent"), [(1.0, 62), (0.8, 34)])
def test_zipf_head(skew, percent):  # the figures of the syllabus: top 1 % of some sizes
    shares = questions.zipf(10**6, skew)
    assert shares.sum() == pytest.approx(1)
    assert np.all(np.diff(shares) < 0)
    assert 100 * shares[: 10**4].sum() == pytest.approx(percent, abs=8)


def test_the_same_seed_gives_the_same_day():
    assert a_day() == a_day()
    assert a_day() != a_day(seed=5)


def test_only_flights_that_have_not_left_and_leave_soon():
    day = a_day()
    assert [each.asked_at for each in day] == sorted(each.asked_at for each in day)
    for each in day:
        assert questions.FIRST_HOUR <= each.asked_at <= questions.LAST_HOUR
        assert 0 < DEPARTS[each.flight] - each.asked_at <= questions.AHEAD_HOURS


def test_own_numbers_are_the_flights_delay():
    day = a_day(own_numbers=0.3)
    own = [each for each in day if each.announced is not None]
    assert 0.25 < len(own) / len(day) < 0.35
    assert all(each.announced == DELAYS[each.flight] for each in own)


def test_the_popular_are_asked_about_more():
    popularity = np.ones(300)
    popularity[150] = 1000
    day = a_day(popularity=popularity)
    asked = [each.flight for each in day]
    assert asked.count(150) == max(asked.count(n) for n in set(asked))


def test_the_daily_shape_has_mean_one_and_rush_hours():
    hours = np.linspace(questions.FIRST_HOUR, questions.LAST_HOUR, 5000)
    shape = questions.daily_shape(hours)
    assert shape.mean() == pytest.approx(1, rel=1e-3)
    assert 16 < hours[shape.argmax()] < 18 and shape.min() > 0


def test_nothing_to_ask_about():
    with pytest.raises(ValueError):
        questions.day(np.array([]), np.array([]), np.array([]), 10)
