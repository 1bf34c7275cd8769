"""Shared by tests of several folders."""

import pytest


@pytest.fixture(scope="module")
def session():
    """A Spark session of this machine's, whatever cluster the environment names; one JVM for a whole test process."""
    from mlprod.systems import spark

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPARK_MASTER", raising=False)
        patch.delenv("SPARK_REMOTE", raising=False)
        yield spark.session()
