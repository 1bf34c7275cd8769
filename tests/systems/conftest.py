"""No test of the systems may leave a process of its own behind."""

import sys
import time

import psutil
import pytest


def course_processes() -> list[psutil.Process]:
    """The children of this process that `processes.start` made."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "mlprod.systems.child" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_left():
    before = course_processes()  # those of fixtures that several tests share
    yield
    deadline = time.monotonic() + 3
    while (left := [p for p in course_processes() if p not in before]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        process.kill()
    assert not left


@pytest.fixture(params=["es", "en"])
def reader(request, monkeypatch):
    """The reader's language."""
    monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", None)
    monkeypatch.setenv("LANG_COURSE", request.param)
    return request.param
