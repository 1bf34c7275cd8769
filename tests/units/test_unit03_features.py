"""Lesson 03: its two pipelines agree on whatever events come, and so does its one definition in batch and in stream."""

import ast
import os
from collections import defaultdict, deque
from datetime import datetime
from zoneinfo import ZoneInfo

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mlprod import course

LESSON = course.root() / "lessons" / "en" / "03_batch_vs_stream.ipynb"
MINUTE, HOUR = 60, 3600
START = 1_373_443_200


def from_lesson(*names, **others):
    """Functions of the lesson by name, as its reader has them."""
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    found = {}
    for source in cells:
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                found[node.name] = node
    assert set(found) == set(names), f"the lesson has no {set(names) - set(found)}"
    space = dict(others)
    exec(compile(ast.Module([found[name] for name in names], []), str(LESSON), "exec"), space)
    return [space[name] for name in names]


# times that fall on the edges of windows as often as anywhere else; waits that are nothing, usual, at the limit, late
moments = st.one_of(st.integers(0, 4 * HOUR), st.integers(0, 24).map(lambda tens: tens * 10 * MINUTE))
waits = st.one_of(st.just(0), st.just(10 * MINUTE), st.integers(0, 20 * MINUTE))
departures = st.lists(st.tuples(st.sampled_from("AB"), moments, waits, st.integers(-20, 200)), max_size=40)
requests = st.lists(st.tuples(st.sampled_from("AB"), moments), min_size=1, max_size=8)


def frame_of(events):
    rows = [(origin, START + at, START + at + wait, delay) for origin, at, wait, delay in events]
    return pd.DataFrame(rows, columns=["origin", "at", "received", "delay"]).astype(
        {"at": "int64", "received": "int64", "delay": "int64"}
    )


def pipelines():
    return from_lesson(
        "last_hour",
        "serve",
        WINDOW=HOUR,
        HOUR=HOUR,
        MINUTE=MINUTE,
        NEW_YORK=ZoneInfo("America/New_York"),
        ZoneInfo=ZoneInfo,
        asked_before_min=30,
        datetime=datetime,
        defaultdict=defaultdict,
        deque=deque,
        np=np,
        pd=pd,
    )


LAST_HOUR, SERVE = pipelines()


@settings(max_examples=150, deadline=None)
@given(departures, requests)
def test_both_pipelines_agree(events, asked):
    events = frame_of(events)
    asked = pd.DataFrame([(origin, START + at) for origin, at in asked], columns=["origin", "asked"])
    batch, served = LAST_HOUR(asked, events), SERVE(asked, events)
    for column in ("mean_60", "count_60"):
        np.testing.assert_allclose(batch[column].astype(float), served[column].astype(float))


@pytest.mark.parametrize(
    ("skew", "at", "delay"),
    [("null fill", None, None), ("window edge", -20, 5), ("time zone", None, None), ("rounding", -1, 7)],
)
def test_each_skew_shows(skew, at, delay):
    asked = pd.DataFrame({"origin": ["A"], "asked": [START + HOUR + 10 * MINUTE]})
    events = frame_of([] if at is None else [("A", HOUR + (10 + at) * MINUTE, 0, delay)])
    right, wrong = SERVE(asked, events), SERVE(asked, events, (skew,))
    assert not np.allclose(right.astype(float), wrong.astype(float), equal_nan=True)


@pytest.mark.slow
@settings(
    max_examples=3,
    deadline=None,
    database=None,
    # every example is a Spark query: a failure is told by airport, which is small enough without shrinking
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(departures, min_size=10, max_size=30))
def test_one_definition_in_batch_and_in_stream(session, tmp_path_factory, sets):
    from pyspark.sql import functions as F

    (features,) = from_lesson("features", F=F)
    # each random set is an airport of its own pair, so that one stream tries them all
    together = [(f"{origin}{number}", *rest) for number, events in enumerate(sets) for origin, *rest in events]
    last = [("end", 3 * 24 * HOUR, 0, 0)]  # closes every window
    events = pd.concat([frame_of(together).sort_values("received"), frame_of(last)], ignore_index=True)
    events["event_time"] = pd.to_datetime(events["at"], unit="s", utc=True)
    events["received_at"] = pd.to_datetime(events.received, unit="s", utc=True)
    events = events[["origin", "event_time", "received_at", "delay"]]
    schema = "origin STRING, event_time TIMESTAMP, received_at TIMESTAMP, delay BIGINT"

    folder = tmp_path_factory.mktemp("feed")
    for number, part in enumerate(np.array_split(np.arange(len(events)), 3)):
        path = folder / f"{number}.parquet"
        events.iloc[part].to_parquet(path, index=False, coerce_timestamps="us")
        os.utime(path, (number, number))  # Spark takes files by age: in the order of arrival, one a micro-batch
    rows, batches = [], []

    def take(frame, batch):
        rows.extend(map(tuple, frame.collect()))
        batches.append(batch)

    stream = session.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(folder))
    query = (
        features(stream)
        .writeStream.outputMode("append")
        .foreachBatch(take)
        .option("checkpointLocation", str(tmp_path_factory.mktemp("checkpoint")))
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
    finally:
        query.stop()
    batch = {tuple(row) for row in features(session.createDataFrame(events, schema)).collect() if row.origin != "end"}
    assert len(batches) >= 3
    assert len(rows) == len(set(rows)), "a row came twice"
    different = set(rows) ^ batch
    airport = min(different, default=[None])[0]
    assert not different, [row for row in events.itertuples(index=False, name=None) if row[0] == airport]
