"""Forked kernels: as separate, as mortal and as obedient as ordinary ones."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import AsyncKernelManager, KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from mlprod.grading import kernels
from mlprod.grading.runtime import runtime_folder

pytestmark = pytest.mark.skipif(not kernels._can_fork(), reason="kernels are not forked on this system")


def run(notebook, kernel_name, **options):
    return NotebookClient(notebook, kernel_name=kernel_name, timeout=30, **options).execute()


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream").strip()


@pytest.fixture
def kernel(light_kernels):
    manager = KernelManager(kernel_name=light_kernels)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_state_does_not_leak_from_one_fork_to_the_next(light_kernels, notebook_of, tmp_path):
    code = """
import json, os, sys, numpy
fresh = [n for n in ("secret", "poison") if n in globals() or hasattr(numpy, n)]
secret, numpy.poison, os.environ["LEAK"] = 1, 1, "1"
print(json.dumps([os.getpid(), os.getsid(0), fresh, float(numpy.random.rand()), os.getcwd()]))
"""
    seen = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        notebook = run(notebook_of(code), light_kernels, resources={"metadata": {"path": str(tmp_path / folder)}})
        seen.append(json.loads(printed(notebook.cells[0])))
    (pid, session, fresh, drawn, cwd), (pid2, session2, fresh2, drawn2, cwd2) = seen
    assert pid != pid2 and session == pid and session2 == pid2, "each kernel leads its own session"
    assert fresh == fresh2 == []
    assert drawn != drawn2, "NumPy's random state is not the parent's"
    assert (cwd, cwd2) == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert "LEAK" not in os.environ


def test_environment_arguments_and_path_are_those_of_an_ordinary_kernel(notebook_of, light_kernels, monkeypatch):
    monkeypatch.setenv("MLPROD_TEST_VARIABLE", "mañana")
    code = """
import json, os, sys
whole = sys.modules["__main__"].__dict__ is globals()
print(json.dumps([os.environ["MLPROD_TEST_VARIABLE"], sys.path, str(sys.flags), __name__, whole, sys.warnoptions]))
"""
    forked, ordinary = (
        json.loads(printed(run(notebook_of(code), name).cells[0])) for name in (light_kernels, "python3")
    )
    assert forked[0] == "mañana"
    assert forked == ordinary


def test_figures_are_shown(notebook_of):
    with kernels.forked_kernels(modules=["matplotlib.pyplot"]) as name:
        cell = run(notebook_of("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"), name).cells[0]
    assert ["image/png" in output.get("data", {}) for output in cell.outputs] == [True]


def test_exit_code_and_death_are_noticed(light_kernels, notebook_of):
    async def exit_code(code):
        manager = AsyncKernelManager(kernel_name=light_kernels)
        await manager.start_kernel()
        provisioner = manager.provisioner
        assert await provisioner.poll() is None and psutil.pid_exists(provisioner.pid)
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=30)
        client.execute(code)
        result = await asyncio.wait_for(provisioner.wait(), 10)
        client.stop_channels()
        await manager.cleanup_resources()
        assert not provisioner.has_process
        return result

    assert asyncio.run(exit_code("import os; os._exit(7)")) == 7
    assert asyncio.run(exit_code("import os; os.kill(os.getpid(), 9)")) == -9
    assert asyncio.run(exit_code("exit()")) == 0
    with pytest.raises(DeadKernelError):
        run(notebook_of("import os; os._exit(3)", "1"), light_kernels)


def test_interrupt_ends_the_cell_and_not_the_kernel(kernel):
    manager, client = kernel
    # without stop_on_error the next request could still be aborted
    request = client.execute("import time\nwhile True: time.sleep(0.01)", stop_on_error=False)
    time.sleep(0.3)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=10)
    assert reply["parent_header"]["msg_id"] == request
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert client.execute("1", reply=True, timeout=10)["content"]["status"] == "ok"


def test_kill_takes_the_kernel_and_its_children(kernel, wait_until):
    manager, client = kernel
    child = "import subprocess; child = subprocess.Popen(['sleep', '60'], start_new_session=True); child.pid"
    reply = client.execute(child, user_expressions={"pid": "child.pid"}, reply=True, timeout=10)
    child_pid = int(reply["content"]["user_expressions"]["pid"]["data"]["text/plain"])
    pid = manager.provisioner.pid
    manager.shutdown_kernel(now=True)
    wait_until(lambda: not psutil.pid_exists(pid) and not psutil.pid_exists(child_pid))
    assert not manager.is_alive()


def test_a_killed_kernel_leaves_no_workspace(kernel, wait_until):
    manager, client = kernel
    said = []
    client.execute_interactive(
        "from mlprod.systems.workspace import workspace\nprint(workspace())",
        output_hook=lambda message: said.append(message["content"].get("text", "")),
        timeout=30,
    )
    folder = Path("".join(said).strip())
    assert folder.is_dir()
    manager.shutdown_kernel(now=True)
    wait_until(lambda: not folder.exists())


def test_restart_gives_a_fresh_kernel(kernel):
    manager, client = kernel
    client.execute("leftover = 1", reply=True, timeout=10)
    first = manager.provisioner.pid
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=30)
    assert manager.provisioner.pid != first
    assert client.execute("leftover", reply=True, timeout=10)["content"]["ename"] == "NameError"


def test_kernels_end_cleanly_and_at_once(light_kernels, notebook_of, tmp_path):
    """Exit handlers run, and none of many kernels has to be killed (ipykernel's own shutdown hangs now and then)."""
    notebook = notebook_of(f"import atexit; atexit.register(open, {str(tmp_path / 'left')!r}, 'w')")
    longest = 0.0
    for _ in range(12):
        client = NotebookClient(notebook, kernel_name=light_kernels, timeout=30)
        with client.setup_kernel():
            client.execute_cell(notebook.cells[0], 0)
            started = time.monotonic()
        longest = max(longest, time.monotonic() - started)
        (tmp_path / "left").unlink()
    assert longest < 2.4, "a kernel had to be terminated"


def test_two_blocks_and_subprocesses(light_kernels, notebook_of):
    with kernels.forked_kernels(modules=[]) as other:
        code = "import sys; print('numpy' in sys.modules)"
        assert printed(run(notebook_of(code), light_kernels).cells[0]) == "True"
        assert printed(run(notebook_of(code), other).cells[0]) == "False"
        listed = subprocess.run(
            [sys.executable, "-m", "jupyter_client.kernelspecapp", "list"], capture_output=True, text=True, timeout=60
        )
        assert light_kernels in listed.stdout and other in listed.stdout
    assert other not in os.environ.get("JUPYTER_PATH", "")


def owner_script(action):
    return f"""
import os, sys, time
from jupyter_client.manager import KernelManager
from mlprod.grading.kernels import forked_kernels
with forked_kernels(modules=[]) as name:
    manager = KernelManager(kernel_name=name)
    manager.start_kernel()
    print(manager.provisioner.runtime, manager.provisioner.pid, os.getppid() and manager.connection_file, flush=True)
    {action}
"""


@pytest.mark.parametrize("action", ["time.sleep(60)", "raise SystemExit(0)"], ids=["kill -9", "end without stopping"])
def test_nothing_is_left_when_the_owner_ends(action, wait_until):
    owner = subprocess.Popen([sys.executable, "-c", owner_script(action)], stdout=subprocess.PIPE, text=True)
    runtime, pid, connection_file = owner.stdout.readline().split()
    parents = [p for p in psutil.process_iter(["cmdline"]) if runtime in (p.info["cmdline"] or [])]
    assert len(parents) >= 1
    owner.send_signal(signal.SIGKILL) if "sleep" in action else None
    owner.wait(timeout=20)
    owner.stdout.close()
    wait_until(lambda: not psutil.pid_exists(int(pid)) and not Path(runtime).exists())
    assert connection_file.startswith(runtime)
    wait_until(lambda: not any(p.is_running() for p in parents))


def test_kernels_end_when_their_parent_is_killed(notebook_of, wait_until):
    with kernels.forked_kernels(modules=[]) as name:
        manager = KernelManager(kernel_name=name)
        manager.start_kernel()
        kernel = psutil.Process(manager.provisioner.pid)
        kernel.parent().kill()
        wait_until(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)
        assert not manager.is_alive()
        manager.cleanup_resources()


def test_ordinary_kernels_where_forking_is_not_possible(monkeypatch, capsys):
    monkeypatch.delattr(os, "fork")
    monkeypatch.setenv("LANG_COURSE", "es")
    with kernels.forked_kernels() as name:
        assert name == "python3"
    assert "más despacio" in capsys.readouterr().err


def test_a_module_that_cannot_be_imported_is_named(capsys):
    with kernels.forked_kernels(modules=["no_such_module"]):
        pass
    assert "no_such_module" in capsys.readouterr().err


@pytest.mark.slow
def test_time_saved(notebook_of, capsys):
    code = "import torch, sklearn, pandas"
    with kernels.forked_kernels() as name:
        times = {}
        for kernel_name in (name, "python3"):
            started = time.monotonic()
            run(notebook_of(code), kernel_name)
            times[kernel_name] = time.monotonic() - started
    with capsys.disabled():
        print(f"\ntorch, scikit-learn, pandas: {times[name]:.2f} s forked, {times['python3']:.2f} s not")


def test_the_folder_of_a_killed_command_is_removed_by_the_next(tmp_path, monkeypatch):
    code = "import time\nfrom mlprod.grading.runtime import runtime_folder\n"
    code += "with runtime_folder() as folder:\n    print(folder, flush=True)\n    time.sleep(99)"
    environment = {**os.environ, "TMPDIR": str(tmp_path)} if len(str(tmp_path)) <= 60 else dict(os.environ)
    owner = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    theirs = Path(owner.stdout.readline().strip())
    monkeypatch.setattr("tempfile.tempdir", str(theirs.parent))
    with runtime_folder() as mine:
        assert theirs.is_dir(), "its command lives"
        owner.kill()
        owner.communicate()
        with runtime_folder() as another:
            assert mine.is_dir() and another.is_dir() and not theirs.exists()
    assert not mine.exists() and not another.exists()
