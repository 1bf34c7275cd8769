"""Whatever ends a lesson (interrupt, kill -9), no process, port or folder stays."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

LESSON = """
import json, multiprocessing, os, time
import psutil
from mlprod.systems import kafka, postgres, processes, services
from mlprod.systems.workspace import workspace

def service(ready, stopping):
    from fastapi import FastAPI
    services.serve_http(FastAPI(), ready, stopping)

def stubborn(ready):
    ready()
    time.sleep(300)

with processes.group() as group, kafka.cluster() as cluster, postgres.database() as db:
    cluster.create_topic("demand")
    members = [group.start(service), group.start(service), group.start(stubborn)]
    ports = [int(a.rpartition(":")[2]) for a in (members[0].address, members[1].address, cluster.bootstrap)]
    # a fork without exec inherits every pipe: it must not keep the cleaning from starting
    fork = multiprocessing.get_context("fork").Process(target=time.sleep, args=(8,), daemon=True)
    fork.start()
    family = [p.pid for p in psutil.Process().children(recursive=True) if p.pid != fork.pid]
    print(json.dumps({"ports": ports, "pids": family, "workspace": str(workspace())}), flush=True)
    time.sleep(300)
"""


def _running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left(order):
    lesson = subprocess.Popen(
        [sys.executable, "-c", LESSON],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = lesson.stdout.readline()
        assert line, lesson.stderr.read()
        told = json.loads(line)
        folder = Path(told["workspace"])
        assert len(told["pids"]) >= 6 and all(map(_running, told["pids"]))  # 3, kafka, postgres (several), the janitor
        assert all(map(_listening, told["ports"])) and folder.is_dir()

        os.kill(lesson.pid, order)
        lesson.wait(timeout=15)
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline and (any(map(_running, told["pids"])) or folder.exists()):
            time.sleep(0.05)
        assert [pid for pid in told["pids"] if _running(pid)] == []
        assert [port for port in told["ports"] if _listening(port)] == []
        assert not folder.exists()
        if order == signal.SIGINT:
            assert "KeyboardInterrupt" in lesson.stderr.read()
    finally:
        lesson.kill()
        lesson.wait()
        lesson.stdout.close()
        lesson.stderr.close()


def test_in_a_kernel_an_interrupted_cell_stops_its_group_and_errors_name_cells(tmp_path):
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:

        def run(code: str, interrupt: bool = False) -> str:
            text = []

            def show(message: dict) -> None:
                content = message["content"]
                text.append(content.get("text", "") + "\n".join(content.get("traceback", [])))
                if interrupt and "running" in content.get("text", ""):
                    manager.interrupt_kernel()

            client.execute_interactive(code, output_hook=show, timeout=30)
            return "".join(text)

        run("import time\nfrom mlprod.systems import processes\nfrom mlprod.systems.workspace import workspace")
        run("def nap(ready, stopping):\n    ready(); stopping.wait(60); return 'ended'")
        shown = run(
            "with processes.group() as group:\n    p = group.start(nap); print('running', flush=True); time.sleep(60)",
            interrupt=True,
        )
        assert "KeyboardInterrupt" in shown
        assert "False ended" in run("print(p.alive, p.result())")
        run("def fail():\n    raise ValueError('no rides')")
        shown = run("try: processes.start(fail).result()\nexcept processes.ChildFailed as e: print(e)")
        assert 'File "Cell In[' in shown and "raise ValueError('no rides')" in shown
        pid, folder = run("p = processes.start(time.sleep, 300); print(p.pid, workspace())").split()
        manager.shutdown_kernel(now=True)  # kill -9
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline and (_running(int(pid)) or Path(folder).exists()):
            time.sleep(0.05)
        assert not _running(int(pid)) and not Path(folder).exists()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
