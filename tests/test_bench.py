"""The benchmark's notebook: nothing without a file, JSON of everything with one."""

import json

import numpy as np
import pandas as pd
import pytest

from mlprod import bench
from mlprod.systems.race import Race


def test_without_a_file_it_only_returns_the_rows(monkeypatch, tmp_path):
    monkeypatch.delenv(bench.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    rows = [{"a": 1}]
    assert bench.record("06a/x", rows) is rows
    assert not list(tmp_path.iterdir())


def test_with_a_file_it_keeps_names_facts_and_rows(monkeypatch, tmp_path):
    path = tmp_path / "bench.jsonl"
    monkeypatch.setenv(bench.VARIABLE, str(path))
    bench.record("06a/x", [{"bytes": np.int64(3), "share": np.float32(0.5), "none": np.nan, "yes": True}], seeds=5)
    bench.record("06b/y", pd.DataFrame({"k": [1, 2]}, index=pd.Index(["a", "b"], name="who")))
    found = bench.read(path)
    assert found["06a/x"] == {"facts": {"seeds": 5}, "rows": [{"bytes": 3, "share": 0.5, "none": None, "yes": True}]}
    assert found["06b/y"]["rows"] == [{"who": "a", "k": 1}, {"who": "b", "k": 2}]


def test_a_race_is_kept_with_its_ratios_and_intervals(monkeypatch, tmp_path):
    path = tmp_path / "bench.jsonl"
    monkeypatch.setenv(bench.VARIABLE, str(path))
    bench.record("06a/race", Race({"a": np.full(7, 2.0), "b": np.full(7, 1.0)}))
    rows = bench.read(path)["06a/race"]["rows"]
    assert rows[1] == {"name": "b", "median_s": 1.0, "base": "a", "ratio": [0.5, 0.5, 0.5], "rounds": 7}


def test_a_name_that_comes_twice_or_has_no_unit(monkeypatch, tmp_path):
    path = tmp_path / "bench.jsonl"
    monkeypatch.setenv(bench.VARIABLE, str(path))
    bench.record("06a/x", [])
    bench.record("06a/x", [])
    with pytest.raises(ValueError, match="twice"):
        bench.read(path)
    with pytest.raises(ValueError, match="unit/what"):
        bench.record("families", [])


def test_nothing_recorded_is_an_empty_report(tmp_path):
    assert bench.read(tmp_path / "missing") == {}
    assert json.dumps(bench.plain({1: (np.inf, np.arange(2), None)})) == '{"1": [null, [0, 1], null]}'
