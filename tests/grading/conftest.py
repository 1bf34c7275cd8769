"""Shared by the grading tests: one kernel parent with nothing heavy in it, small notebooks, waiting."""

import time

import pytest
from nbformat.v4 import new_code_cell, new_notebook


@pytest.fixture(scope="session")
def light_kernels():
    from mlprod.grading.kernels import forked_kernels

    with forked_kernels(modules=["numpy"]) as name:
        yield name


@pytest.fixture
def notebook_of():
    return lambda *sources: new_notebook(cells=[new_code_cell(source) for source in sources])


@pytest.fixture
def wait_until():
    def wait(condition, timeout=15.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "not within the time allowed"
            time.sleep(0.02)

    return wait
