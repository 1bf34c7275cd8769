"""Namespaces that serve one kernel after another, and only as long as nobody has done anything in them."""

import os
import threading

import pytest
from nbclient import NotebookClient

from mlprod.grading import sandbox
from mlprod.grading.kernels import forked_kernels

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason="there is no sandbox")

# the number of a namespace serves again; its cookie (socket(7): SO_NETNS_COOKIE) does not
WHERE = "import socket; print(socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8).hex())"
LISTENS = "import socket; socket.create_server(('127.0.0.1', 0)).close()"
HEARS_ITSELF = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
"""
SENDS_IN_VAIN = """
import socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53))
except OSError:
    pass
"""
LEAVES_MEMORY = "import ctypes; assert ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0"
HAD_MEMORY = LEAVES_MEMORY + "; assert ctypes.CDLL(None).shmctl(ctypes.CDLL(None).shmget(0, 1, 0o1600), 0, None) == 0"
NO_QUEUES = """
import ctypes, ctypes.util
assert ctypes.CDLL(ctypes.util.find_library("rt") or None).mq_open(b"/q", 0o102, 0o600, None) == -1
"""


@pytest.fixture
def places(notebook_of, tmp_path, monkeypatch):
    """The network namespaces that kernels executing these cells were in, one after another."""
    monkeypatch.chdir(tmp_path)
    with forked_kernels([], sandboxed=True) as name:

        def run(*cells):
            found = []
            for code in cells:
                nb = notebook_of(WHERE, code)
                NotebookClient(nb, kernel_name=name, resources={"metadata": {"path": str(tmp_path)}}).execute()
                found.append(nb.cells[0].outputs[0].text)
            return found

        yield run


def test_a_place_where_nothing_happened_serves_again(places):
    assert len(set(places("1 + 1", LISTENS, NO_QUEUES, "1"))) == 1


@pytest.mark.parametrize(
    "does",
    [HEARS_ITSELF, SENDS_IN_VAIN, LEAVES_MEMORY, HAD_MEMORY],
    ids=["sends", "sends in vain", "leaves shared memory", "had shared memory"],
)
def test_one_where_something_happened_serves_nobody_else(places, does):
    if does in (LEAVES_MEMORY, HAD_MEMORY) and os.getuid() != 0:
        pytest.skip("an ordinary user's kernels have one for System V each")
    before, then, after, again = places("1", does, "1", "1")
    assert before == then != after == again


def test_two_at_once_are_not_in_the_same(places):
    found = []
    threads = [threading.Thread(target=lambda: found.extend(places("import time; time.sleep(2)"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 2
