"""A lesson that is interrupted in the middle, and then killed, leaves no process, no port and no folder behind."""

import time
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import start_new_kernel

from mlprod import course

QUICK = "seconds = 0.6\npoll_intervals = [0.05]"


class Reader:
    """Runs the cells of a built lesson in a kernel of its own."""

    def __init__(self, path: Path):
        self.cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        self.manager, self.client = start_new_kernel(kernel_name="python3", cwd=str(path.parent))
        self.kernel = psutil.Process(self.manager.provisioner.pid)

    def run(self, code: str, interrupt_at: str = "", timeout: float = 90) -> str:
        """What a cell says; interrupted as soon as the kernel has a child named `interrupt_at`."""
        text = []
        request = self.client.execute(code, store_history=True)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if interrupt_at and interrupt_at in self.children():
                self.manager.interrupt_kernel()
                interrupt_at = ""
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except Exception:  # queue.Empty
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            text.append(content.get("text", "") + content.get("ename", ""))
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(text)
        raise AssertionError(f"a cell did not end in {timeout} s:\n{code[:300]}")

    def children(self) -> list[str]:
        """The names of the course's processes below the kernel."""
        names = []
        for process in self.kernel.children(recursive=True):
            try:
                names.append(process.cmdline()[-1])
            except (psutil.Error, IndexError):
                continue
        return names


def gone(processes, ports, folder) -> str:
    """What is still there, in words; empty when nothing is."""
    alive = [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    open_ports = ports & {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    return " ".join(map(str, [*alive, *open_ports, *([folder] if folder.exists() else [])]))


@pytest.mark.slow
def test_lesson_01():
    reader = Reader(course.notebook("lessons", "01_data_passing", "es"))  # the code is the same in both languages
    try:
        for cell in reader.cells:
            code = QUICK if "parameters" in cell.metadata.get("tags", []) else cell.source
            if "crashed[name] = " in code:  # PostgreSQL and the broker are up; now the company is running too
                said = reader.run(code, interrupt_at="PriceOptimisation")
                assert "KeyboardInterrupt" in said
                break
            assert "Error" not in reader.run(code)
        else:
            raise AssertionError("the lesson has no experiment with a crash any more")
        services = {"DriverManagement", "RideManagement", "PriceOptimisation"}
        deadline = time.monotonic() + 5  # a process that has been killed is listed until it is reaped
        while (still := services & set(reader.children())) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not still

        folder = Path(reader.run("print(workspace())").strip())
        assert folder.is_dir()
        processes = reader.kernel.children(recursive=True)
        listening = {
            connection.laddr.port
            for process in processes
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert processes and listening, "the broker and the database should be up"
        reader.manager.shutdown_kernel(now=True)  # kill -9: no cell, no atexit
        deadline = time.monotonic() + 10
        while (left := gone(processes, listening, folder)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left
    finally:
        reader.client.stop_channels()
        reader.manager.shutdown_kernel(now=True)
