"""The dataset is what its card says, and its stream of events is the real one, on a simulated way to the processor."""

import hashlib
import re
import sys

import numpy as np
import pandas as pd
import pytest

from mlprod import course
from mlprod.errors import CourseError
from mlprod.systems import flights

WEEK = ("2013-07-01", "2013-07-08")
CARD = (course.root() / "datasets" / "flights" / "README.md").read_text(encoding="utf-8")


def test_the_files_are_those_of_the_card():
    told = re.findall(r"`([0-9a-f]{64})`[^|]*\|?", CARD)
    names = ["airports.csv", "carriers.csv", "flights.parquet", "weather.parquet"]
    assert [hashlib.sha256((flights.folder() / name).read_bytes()).hexdigest() for name in names] == told
    assert sum((flights.folder() / name).stat().st_size for name in names) < 6e6


def test_the_card_names_every_column():
    for table in (flights.table(days=WEEK), flights.weather().drop(columns="known_at")):
        assert [column for column in table.columns if f"`{column}`" not in CARD] == []


def test_a_flight_s_times_agree_with_each_other():
    table = flights.table()
    assert len(table) == 336_776 and table.flight_id.is_unique and table.sched_dep.is_monotonic_increasing
    minutes = lambda later, earlier: (later - earlier).dt.total_seconds() / 60  # noqa: E731
    left = table[table.dep.notna()]
    assert (minutes(left.dep, left.sched_dep) == left.dep_delay).all()
    came = table[table.arr.notna()]
    assert (minutes(came.arr, came.sched_arr) == came.arr_delay).all()
    assert (minutes(came.arr, came.dep) > came.air_time).all(), "air time and taxiing fit between departure and arrival"
    local = table.sched_dep.dt.tz_convert(flights.NEW_YORK).dt.tz_localize(None)
    assert (local == table.sched_dep_local).all()
    offsets = minutes(table.sched_dep.dt.tz_localize(None), table.sched_dep_local).unique()
    assert sorted(offsets) == [240, 300], "New York's summer and winter time"


def test_cancelled_and_diverted_flights_have_no_times():
    table = flights.table()
    assert (table.dep.isna() == table.dep_delay.isna()).all() and table.dep.isna().sum() == 8255
    assert (table.arr.isna() == table.arr_delay.isna()).all() and table.arr.isna().sum() == 9430
    assert not (table.dep.isna() & table.arr.notna()).any()


def test_days_are_new_york_s_and_the_last_is_not_included():
    week = flights.table(days=WEEK)
    days = week.sched_dep_local.dt.date.astype(str)
    assert (days.min(), days.max()) == ("2013-07-01", "2013-07-07")
    whole = flights.table(columns=["flight_id", "sched_dep_local"])
    inside = whole[(whole.sched_dep_local >= WEEK[0]) & (whole.sched_dep_local < WEEK[1])]
    assert week.flight_id.tolist() == inside.flight_id.tolist()
    assert list(flights.table(days=WEEK, columns=["dest", "origin"]).columns) == ["dest", "origin"]
    with pytest.raises(CourseError):
        flights.table(days=("2013-07-08", "2013-07-01"))


def test_weather_is_known_after_it_was_observed():
    weather = flights.weather()
    assert not weather.duplicated(["origin", "hour"]).any() and set(weather.origin) == set(flights.ORIGINS)
    assert (weather.known_at - weather.hour == pd.Timedelta(hours=1)).all()
    assert weather.temperature.between(-20, 41).all() or weather.temperature.isna().sum() == 1
    assert set(flights.weather(["JFK"]).origin) == {"JFK"}


def test_events_are_the_departures_and_arrivals_that_happened():
    week, events = flights.table(days=WEEK), flights.events(days=WEEK)
    for kind, time, delay in (("departure", "dep", "dep_delay"), ("arrival", "arr", "arr_delay")):
        real = week[week[time].notna()].sort_values("flight_id")
        found = events[events.kind == kind].sort_values("flight_id")
        assert found.flight_id.tolist() == real.flight_id.tolist()
        assert (found.event_time.to_numpy() == real[time].to_numpy()).all()
        assert (found.delay.to_numpy() == real[delay].to_numpy()).all()
    assert events.event_id.is_unique and events.received_at.is_monotonic_increasing


def test_the_way_to_the_processor_delays_and_reorders():
    events = flights.events(days=WEEK, late=0.02)
    lag = (events.received_at - events.event_time).dt.total_seconds()
    assert lag.min() > 0 and 10 < lag.median() < 40
    assert (
        0.01 < (lag >= flights.LATE_MINUTES[0] * 60).mean() < 0.04 and lag.max() <= flights.LATE_MINUTES[1] * 60 + 2400
    )
    assert (events.event_time < events.event_time.cummax()).mean() > 0.02
    punctual = flights.events(days=WEEK, late=0.0)
    assert (punctual.received_at - punctual.event_time).max() < pd.Timedelta(minutes=flights.HELD_MINUTES[1] + 15)


def test_the_fate_of_an_event_depends_on_the_seed_and_not_on_what_else_is_asked_for():
    whole = flights.events(days=WEEK, duplicates=0.05)
    part = flights.events(days=("2013-07-03", "2013-07-04"), kinds=["arrival"], origins=["LGA"], duplicates=0.05)
    day = flights.table(days=("2013-07-03", "2013-07-04"))
    same = whole[whole.flight_id.isin(day.flight_id) & (whole.kind == "arrival") & (whole.origin == "LGA")]
    pd.testing.assert_frame_equal(part, same.reset_index(drop=True))
    other = flights.events(days=WEEK, duplicates=0.05, seed=2)
    assert not np.array_equal(other.received_at[:100], whole.received_at[:100])


def test_duplicates_repeat_an_event_later():
    events = flights.events(days=WEEK, duplicates=0.1)
    again = events[events.duplicated("event_id")]
    first = events.drop_duplicates("event_id").set_index("event_id")
    assert 0.07 < len(again) / len(first) < 0.13
    assert (again.received_at.to_numpy() > first.loc[again.event_id].received_at.to_numpy()).all()
    assert (again.event_time.to_numpy() == first.loc[again.event_id].event_time.to_numpy()).all()


def test_nothing_to_send_is_said(reader):
    with pytest.raises(CourseError, match="departure"):
        flights.events(days=WEEK, kinds=["landing"])


def test_a_missing_file_says_how_to_get_it_back(tmp_path, monkeypatch, reader):
    monkeypatch.setattr(sys.modules["mlprod.systems.flights"], "folder", lambda: tmp_path)
    with pytest.raises(CourseError, match="git checkout"):
        flights.table()
