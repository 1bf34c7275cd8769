"""Processes that wait at one start line get the same start; latecomers get it too."""

import time

import pytest

from mlprod.errors import CourseError
from mlprod.systems import processes
from mlprod.systems.startline import StartLine


def test_all_get_the_same_start_and_latecomers_too():
    def arrive(line, after):
        time.sleep(after)
        return line.wait(), time.monotonic()

    line = StartLine(parties=2)
    with processes.group() as group:
        first, second = (group.start(arrive, line, after, name=f"runner-{after}") for after in (0.0, 0.3))
        starts = [p.result(timeout=20) for p in (first, second)]
        late = group.start(arrive, line, 0.0, name="late").result(timeout=20)
    assert {began for began, _ in starts} == {line.started(timeout=1)} == {late[0]}
    assert starts[1][0] > starts[0][0] - 1e-9
    assert late[0] < late[1]


def test_who_does_not_come_is_reported():
    line = StartLine(parties=2)
    with pytest.raises(CourseError, match="1 (of|de) 2"):
        line.wait(timeout=0.2)


def test_parties_must_be_positive():
    with pytest.raises(ValueError, match="parties"):
        StartLine(parties=0)
