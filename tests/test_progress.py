"""Waiting with a bar waits until the moment, and not at all when it has passed."""

import time

from mlprod.progress import wait_until


def test_it_waits_until_the_moment():
    moment = time.monotonic() + 0.25
    wait_until(moment, "…")
    assert time.monotonic() >= moment


def test_a_moment_that_has_passed_is_not_waited_for():
    began = time.monotonic()
    wait_until(began - 5, "…")
    assert time.monotonic() - began < 1
