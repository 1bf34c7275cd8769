"""A light kernel says what ipykernel's own says, to whoever executes a notebook with nbclient."""

import json
import re
import socket
from types import SimpleNamespace

import pytest
from IPython.core import inputtransformer2
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from mlprod.grading import sandbox, wire, wire_kernel
from mlprod.grading.kernels import forked_kernels
from mlprod.grading.wire_client import WireClient, WireKernelManager

needs_sandbox = pytest.mark.skipif(bool(sandbox.problem()), reason=f"no sandbox here: {sandbox.problem()}")

CELLS = [
    "1 + 1",
    "import sys\nprint('señal')\nprint('y', file=sys.stderr)",
    "from IPython.display import HTML, clear_output, display\n"
    "h = display(HTML('<b>x</b>'), display_id='h')\nassert 1 == 2, 'ñ'",
    "display(HTML('<i>y</i>'), display_id='h', update=True)",
    "print('gone'); clear_output(); print('stays')",
    "import asyncio\nasync def later(): print('later')\ntask = asyncio.ensure_future(later())",
    "await asyncio.sleep(0.01)\n5",
    "input()",
    "%config InlineBackend",
    "x = 1\nraise SystemExit(3)",
    "x",
    "def broken(:",
    "import warnings; warnings.warn('careful')",
    "import threading\nt = threading.Thread(target=print, args=('from a thread',)); t.start(); t.join()",
    "class Silent:\n    def __repr__(self): raise ValueError('no')\nSilent()",
    "print('a' * 200_000)",
]


def execute(kernel_name, cells, light, **options):
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    kind = {"kernel_manager_class": WireKernelManager} if light else {}
    options = {"timeout": 60, "allow_errors": True} | options
    NotebookClient(notebook, kernel_name=kernel_name, **kind, **options).execute()
    return notebook


def said(notebook):
    """The outputs, with what a stream said in one piece: how it was cut is a matter of timing."""
    found = []
    for cell in notebook.cells:
        joined: dict[str, str] = {}
        rest = []
        for output in cell.outputs:
            if output.output_type == "stream":
                text = re.sub(r"ipykernel_\d+", "ipykernel_N", output.text)  # each kernel's own number
                joined[output.name] = joined.get(output.name, "") + text
            else:
                rest.append(json.loads(json.dumps(output)))
        found.append((cell.source, cell.execution_count, joined, rest))
    return found


def test_it_says_what_the_ordinary_kernel_says(light_kernels):
    light, ordinary = (execute(light_kernels, CELLS, light) for light in (True, False))
    for mine, theirs in zip(said(light), said(ordinary), strict=True):
        assert mine == theirs
    assert light.metadata == ordinary.metadata


def test_what_kernel_it_is_is_asked_once(light_kernels):
    WireKernelManager.known.pop(light_kernels, None)
    first, second = (execute(light_kernels, ["1"], True) for _ in range(2))
    info = WireKernelManager.known[light_kernels]["info"]
    assert first.metadata == second.metadata and dict(first.metadata.language_info) == info["language_info"]
    second.metadata.language_info["name"] = "changed"
    assert info["language_info"]["name"] == "python"


def test_that_is_believed_of_a_kernel_that_has_executed_nothing():
    manager = SimpleNamespace(kernel_name="forked", known={}, session=Session())
    client = WireClient(manager)
    client.writer = SimpleNamespace(write=lambda data: None)
    assert client.kernel_info() == client._asked != ""
    client.execute("forge()")
    assert client._asked == "", "what comes now may be anybody's"
    manager.known["forked"] = {"info": {"language_info": {"name": "python"}}}
    asked = client.kernel_info()
    reply = client.shell_channel.messages.get_nowait()
    assert reply["parent_header"]["msg_id"] == asked and reply["content"]["language_info"] == {"name": "python"}
    assert client._asked == ""


def test_what_programs_write_belongs_to_their_cell(light_kernels, monkeypatch):
    """ipykernel's own kernel loses it now and then: it does not wait for the file descriptor it watches."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # ipykernel watches none where it is set
    count = "import subprocess; subprocess.run(['sh', '-c', 'for n in 1 2 3; do echo $n; done'])"
    mixed = "import os\nprint('first', flush=True)\n_ = os.system('echo program; echo complaint >&2')"
    found = said(execute(light_kernels, [count, mixed, "1"], True))
    assert [streams for _, _, streams, _ in found] == [
        {"stdout": "1\n2\n3\n"},
        {"stdout": "first\nprogram\n", "stderr": "complaint\n"},
        {},
    ]


def test_a_cell_that_takes_too_long_is_interrupted_and_the_next_one_goes_on(light_kernels):
    notebook = execute(
        light_kernels,
        ["while True: pass", "1 + 1", "import time\nwhile True: time.sleep(1)", "2 + 2"],
        True,
        timeout=1,
        interrupt_on_timeout=True,
        error_on_timeout={"ename": "TooLong", "evalue": "", "traceback": []},
    )
    names = [[output.get("ename") or output.data["text/plain"] for output in cell.outputs] for cell in notebook.cells]
    assert names[0] == names[2] == ["KeyboardInterrupt"] and names[1] == ["2"] and names[3] == ["4"]


@pytest.mark.parametrize("end", ["import os; os._exit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_kernel_that_ends_is_noticed(light_kernels, end):
    with pytest.raises(DeadKernelError):
        execute(light_kernels, ["1", end, "2"], True)


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch):
    """A sandboxed kernel gets a copy of what is beside the notebook."""
    monkeypatch.chdir(tmp_path)


ARGUMENTS = ["--InteractiveShellApp.exec_lines=from math import tau"]
PREPARED = [
    "import asyncio, os, random, tempfile, threading, uuid",
    "[os.getcwd(), str(_dh[0]), get_ipython().starting_dir, len(In), tau]",
    "get_ipython().db['x'] = 1\n%alias_magic t timeit\nos.path.isdir(get_ipython().profile_dir.location)",
    "await asyncio.sleep(0.01)\nthreading.active_count()",
    "import matplotlib\nmatplotlib.get_backend()",
]


@needs_sandbox
def test_a_prepared_kernel_is_what_it_would_be_if_it_had_started_alone(in_a_folder):
    """What is done once, before the fork, must not show: neither another place, nor another kernel's state."""

    def outputs(**options):
        with forked_kernels(["numpy"], sandboxed=True, **options) as name:
            twice = [execute(name, [*PREPARED, *CELLS], True, extra_arguments=ARGUMENTS) for _ in range(2)]
        return twice

    prepared, again = outputs(light=ARGUMENTS)
    alone, _ = outputs()
    assert said(prepared) == said(again) == said(alone)
    places = prepared.cells[1].outputs[0].data["text/plain"].split()[:3]
    assert {place.strip("[',") for place in places} == {"/home/submission"}


@needs_sandbox
def test_prepared_kernels_draw_different_numbers(in_a_folder):
    cell = "import random, uuid, numpy\n[random.random(), uuid.uuid4().hex, numpy.random.random()]"
    with forked_kernels(["numpy", "numpy.random"], sandboxed=True, light=[]) as name:
        drawn = [execute(name, [cell], True).cells[0].outputs[0].data["text/plain"] for _ in range(3)]
        assert len({tuple(numbers.split(",")) for numbers in drawn}) == 3
        assert all(len(set(column)) == 3 for column in zip(*(numbers.split(",") for numbers in drawn), strict=True))


@needs_sandbox
def test_a_parent_of_prepared_kernels_makes_no_others(in_a_folder):
    with forked_kernels([], sandboxed=True, light=[]) as name:
        with pytest.raises(Exception, match="[Dd]ied"):
            execute(name, ["1"], True, extra_arguments=ARGUMENTS)
        assert execute(name, ["1"], True).cells[0].outputs[0].data["text/plain"] == "1"


@pytest.mark.parametrize(
    "cell",
    [
        "a = 1 % 2\nb != a",
        "%time 1",
        "x = !ls",
        "?len",
        "len??",
        ",f a b",
        "  /f 1",
        ";f a",
        "def f():\n    return 1\n\nf()",
    ],
)
def test_cells_become_python_as_in_ipython(cell, monkeypatch):
    stock = TransformerManager().transform_cell(cell)
    monkeypatch.setattr(TransformerManager, "do_one_token_transform", wire_kernel._transform_once)
    monkeypatch.setattr(inputtransformer2, "make_tokens_by_line", wire_kernel._tokens_by_line)
    assert TransformerManager().transform_cell(cell) == TransformerManager().transform_cell(cell) == stock


def test_what_is_held_goes_before_what_follows():
    ours, theirs = socket.socketpair()
    session = wire_kernel.WireSession()
    session.connect(ours)
    session.send("iopub", "status", {"execution_state": "busy"})
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    session.send("iopub", "execute_input", {"code": "1"})
    session.send("shell", "execute_reply", {"status": "ok"})
    session.send("iopub", "status", {"execution_state": "idle"})
    data, kinds = theirs.recv(100_000), []
    while data:
        length = wire.LENGTH.unpack(data[: wire.LENGTH.size])[0]
        kinds.append(wire.message(data[wire.LENGTH.size :][:length])[1]["msg_type"])
        data = data[wire.LENGTH.size + length :]
    assert kinds == ["status", "execute_input", "execute_reply", "status"]
    for end in (ours, theirs):
        end.close()


def test_frames_come_back_as_they_were_sent():
    message = {"header": {"msg_type": "stream", "msg_id": "1"}, "parent_header": {}, "content": {"text": "ñ"}}
    data = wire.frame("iopub", message, [b"\x00\xff"])
    length = wire.LENGTH.unpack(data[:4])[0]
    assert length == len(data) - 4
    channel, back = wire.message(data[4:])
    assert channel == "iopub" and back["content"] == {"text": "ñ"} and bytes(back["buffers"][0]) == b"\x00\xff"
    assert (back["msg_type"], back["msg_id"]) == ("stream", "1")


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b'{"channel": "shell"}', b'"x"', b"[" * 100_000])
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ValueError):
        wire.message(data)
