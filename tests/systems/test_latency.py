"""Latencies: percentiles to three digits, merged as histograms, carried between processes."""

import math
import pickle
import random

import pytest

from mlprod.systems.latency import LatencyRecorder


def test_percentiles_agree_with_the_sorted_values_to_three_digits():
    draw = random.Random(3)
    values = sorted(draw.lognormvariate(-7, 1.5) for _ in range(20_000))
    recorder = LatencyRecorder(values)
    for percent in (1, 50, 90, 99, 99.9, 100):
        rank = round(percent / 100 * len(values)) - 1  # a neighbour will do: definitions differ by one
        below, above = values[max(0, rank - 1)], values[min(rank + 1, len(values) - 1)]
        assert below * 0.999 <= recorder.percentile(percent) <= above * 1.001
    assert recorder.mean == pytest.approx(sum(values) / len(values))
    assert recorder.count == len(values)
    assert recorder.percentile(100) <= recorder.max == pytest.approx(values[-1], rel=1e-6)
    assert recorder.min == pytest.approx(values[0], abs=1e-9)


def test_merging_is_recording_all_and_not_averaging():
    quick, slow = LatencyRecorder([0.001] * 99), LatencyRecorder([1.0])
    merged = LatencyRecorder().merge(quick).merge(slow)
    assert merged.summary() == LatencyRecorder([0.001] * 99 + [1.0]).summary()
    assert merged.percentile(99) < 0.002 and merged.max == 1.0


def test_it_travels():
    recorder = LatencyRecorder([0.002, 0.004])
    copy = pickle.loads(pickle.dumps(recorder))
    assert copy.summary() == recorder.summary()
    copy.record(1)
    assert (copy.count, recorder.count) == (3, 2)


def test_empty_and_extreme():
    empty = LatencyRecorder()
    assert empty.count == 0 and math.isnan(empty.percentile(99)) and math.isnan(empty.mean)
    assert pickle.loads(pickle.dumps(empty)).count == 0
    assert LatencyRecorder([0.0, 1e9]).count == 2
    with pytest.raises(ValueError, match="clock"):
        empty.record(-0.1)
    with pytest.raises(ValueError, match="100"):
        empty.percentile(101)


def test_timing_a_block():
    recorder = LatencyRecorder()
    with recorder.timing():
        pass
    with pytest.raises(KeyError), recorder.timing():
        raise KeyError
    assert recorder.count == 1 and 0 < recorder.max < 1
