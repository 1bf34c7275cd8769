"""Shared by tests of several folders."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_figure_left_open():
    """A figure that a test leaves open is found by every later test of the same process that counts them."""
    before = _open_figures()
    yield
    left = _open_figures() - before
    if left:
        sys.modules["matplotlib.pyplot"].close("all")
    assert not left, f"figures left open: {sorted(left)}"


def _open_figures() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")  # imported by none but the tests that draw
    return set(pyplot.get_fignums()) if pyplot else set()


@pytest.fixture(scope="module")
def session():
    """A Spark session of this machine's, whatever cluster the environment names; one JVM for a whole test process."""
    from mlprod.systems import spark

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPARK_MASTER", raising=False)
        patch.delenv("SPARK_REMOTE", raising=False)
        yield spark.session()
