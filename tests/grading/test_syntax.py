"""Parsing in several threads, as an audit does."""

import sys
import threading
import time

import pytest

from mlprod.grading.syntax import parse

SECONDS = 1.5


@pytest.fixture
def hurried():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


class Cycle:
    """Rubbish whose collection, amid a parse, lets another thread go on."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        sum(range(200))


def test_threads_parse_at_once(hurried):
    source, parsed, failed = "x = [{'a': (1, 2, f(3 + y[4]))}]\n" * 300, [], []

    def work(depth):
        if depth:
            return work(depth - 1)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and not failed:
            [Cycle() for _ in range(20)]
            try:
                parsed.append(len(parse(source).body))
            except SystemError as error:
                failed.append(error)

    threads = [threading.Thread(target=work, args=(depth,)) for depth in (1, 9, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and set(parsed) == {300}


def test_what_is_not_python():
    with pytest.raises(SyntaxError):
        parse("def")
    assert parse("x = 1").body  # and the next one has its turn
