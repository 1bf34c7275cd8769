"""Namespaces that serve one kernel after another, and only as long as nobody has left anything in them."""

import os
import threading

import pytest
from nbclient import NotebookClient

from mlprod.grading import sandbox
from mlprod.grading.kernels import forked_kernels

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason="there is no sandbox")

WHERE = "import os; print(*(os.readlink(f'/proc/self/ns/{kind}') for kind in ('net', 'ipc')))"
HEARS_ITSELF = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
"""
LISTENS = "import socket; socket.create_server(('127.0.0.1', 0)).close()"
LEAVES_MEMORY = "import ctypes; assert ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0"
NO_QUEUES = """
import ctypes, ctypes.util
assert ctypes.CDLL(ctypes.util.find_library("rt") or None).mq_open(b"/q", 0o102, 0o600, None) == -1
"""


@pytest.fixture
def places(notebook_of, tmp_path, monkeypatch):
    """The namespaces that kernels executing these cells were in, one after another."""
    monkeypatch.chdir(tmp_path)
    with forked_kernels([], sandboxed=True) as name:

        def run(*cells):
            found = []
            for code in cells:
                nb = notebook_of(WHERE, code)
                NotebookClient(nb, kernel_name=name, resources={"metadata": {"path": str(tmp_path)}}).execute()
                found.append(tuple(nb.cells[0].outputs[0].text.split()))
            return found

        yield run


def test_a_namespace_in_which_nothing_happened_serves_again(places):
    first, second, third = places("1 + 1", LISTENS, NO_QUEUES)
    assert first[0] == second[0] == third[0] != os.readlink("/proc/self/ns/net")
    if os.getuid() == 0:
        assert first[1] == second[1] == third[1] != os.readlink("/proc/self/ns/ipc")


@pytest.mark.parametrize("does", [HEARS_ITSELF, LEAVES_MEMORY], ids=["sends", "leaves shared memory"])
def test_one_in_which_something_was_sent_or_left_serves_nobody_else(places, does):
    if does == LEAVES_MEMORY and os.getuid() != 0:
        pytest.skip("an ordinary user's kernels have one each")
    before, _, after = places("1", does, "1")
    assert before[0] != after[0] and places("1")[0] == after


def test_two_at_once_are_not_in_the_same(places):
    found = []
    threads = [threading.Thread(target=lambda: found.append(places("import time; time.sleep(2)"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0][0][0] != found[1][0][0]
