"""Kernels forked from a parent that has already imported the heavy libraries: half a second instead of three.

    with forked_kernels() as kernel_name:
        papermill.execute_notebook(source, target, kernel_name=kernel_name)
        subprocess.run(["nbgrader", "autograde", "…", f"--Execute.kernel_name={kernel_name}"])

Any jupyter_client of this process and of its subprocesses can use `kernel_name` while the block lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool, Unicode

from mlprod import course
from mlprod.environment import variables
from mlprod.errors import CourseError
from mlprod.grading import sandbox
from mlprod.language import tr

# Not among them: grpc, confluent_kafka (both keep threads and locks that do not survive a fork), pyspark (a JVM).
HEAVY_MODULES = ("numpy", "pandas", "sklearn", "matplotlib.pyplot", "torch")
OPTIONS = ["--HistoryManager.hist_file=:memory:"]
# tracebacks as Python writes them: IPython's own take longer than the cell that failed
SANDBOXED_OPTIONS = ["--InteractiveShell.xmode=Plain"]
START_TIMEOUT_S = 120
REPLY_TIMEOUT_S = 30


class ForkedKernelProvisioner(LocalProvisioner):
    """Asks `kernel_parent` for a forked kernel and holds its leash: when this end closes, the kernel is killed."""

    runtime = Unicode(help="The kernel parent's folder, with its socket parent.sock").tag(config=True)
    sandboxed = Bool(help="Whether each kernel gets a sandbox of its own").tag(config=True)

    why = ""  # the kernel parent ended the kernel: "memory"

    _leash: socket.socket | None = None
    _received = b""
    _exit_code: int | None = None
    _folder: Path | None = None

    @property
    def has_process(self) -> bool:
        return self._leash is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        manager = self.parent
        if manager is not None and self._folder is None:
            # Unix sockets in a folder of its own: no port to race for, nothing left outside the runtime folder
            self._folder = Path(self.runtime, uuid.uuid4().hex[:8])
            self._folder.mkdir(mode=0o700)
            manager.cache_ports = False
            manager.transport = "ipc"
            manager.ip = str(self._folder / "k")
            manager.connection_file = str(self._folder / "kernel.json")
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork a kernel that behaves as if `cmd` had just been started. Raises CourseError when the parent is gone."""
        request = {
            "argv": cmd[cmd.index("ipykernel_launcher") + 1 :],
            "cwd": os.path.abspath(kwargs.get("cwd") or os.getcwd()),
            "env": dict(kwargs.get("env") or os.environ),
        }
        if self.sandboxed:
            user = sandbox.prepare(self._folder, Path(self.parent.connection_file), Path(request["cwd"]))
            request["sandbox"] = {"folder": str(self._folder), **user}
        self.cwd = request["cwd"]
        self._exit_code, self._received = None, b""
        leash = socket.socket(socket.AF_UNIX)
        leash.settimeout(REPLY_TIMEOUT_S)
        try:
            leash.connect(str(Path(self.runtime, "parent.sock")))
            message = json.dumps(request).encode() + b"\n"
            sent = socket.send_fds(leash, [message], _descriptors(kwargs))
            leash.sendall(message[sent:])
            while b"\n" not in self._received:
                chunk = leash.recv(4096)
                if not chunk:
                    raise ConnectionError("closed by the kernel parent")
                self._received += chunk
        except OSError as error:
            leash.close()
            raise CourseError(
                tr(
                    es=f"El proceso del que salen los kernels no responde ({error}): repite la orden.",
                    en=f"The process that forks the kernels does not answer ({error}): run the command again.",
                )
            ) from error
        line, self._received = self._received.split(b"\n", 1)
        self.pid = self.pgid = json.loads(line)["pid"]
        leash.setblocking(False)
        self._leash = leash
        return self.connection_info

    async def poll(self) -> int | None:
        if self._leash is not None and self._exit_code is None:
            with contextlib.suppress(BlockingIOError):
                self._received += self._leash.recv(4096) or b'{"exit": -9}\n'  # the parent died, its kernels with it
            if b"\n" in self._received:
                ended = json.loads(self._received.split(b"\n", 1)[0])
                self._exit_code, self.why = ended["exit"], ended.get("why", "")
        return self._exit_code if self._leash is not None else 0

    async def wait(self) -> int | None:
        while (code := await self.poll()) is None:
            await asyncio.sleep(0.01)
        self._let_go()
        return code

    async def send_signal(self, signum: int) -> None:
        if self._leash is not None:
            with contextlib.suppress(OSError):
                self._leash.send(json.dumps({"signal": int(signum)}).encode() + b"\n")

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGTERM)

    async def cleanup(self, restart: bool = False) -> None:
        if not restart:
            self._let_go()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _let_go(self) -> None:
        if self._leash is not None:
            self._leash.close()
            self._leash = None


def _descriptors(kwargs: Mapping[str, Any]) -> list[int]:
    """The caller's stdout and stderr for the kernel when it gave both, else none (the parent's log is used)."""
    streams = [kwargs.get("stdout"), kwargs.get("stderr")]
    numbers = [s if isinstance(s, int) else s.fileno() for s in streams if s is not None]
    return numbers if len(numbers) == 2 and min(numbers) >= 0 else []


@contextlib.contextmanager
def forked_kernels(
    modules: Sequence[str] = HEAVY_MODULES,
    environment: Mapping[str, str] | None = None,
    *,
    sandboxed: bool = False,
    light: Sequence[str] | None = None,
) -> Iterator[str]:
    """A kernel name whose kernels are forked from a process with `modules` imported; all gone at the end of the block.

    `environment` is added to every kernel's environment. Where forking is not possible (Windows; macOS, whose system
    libraries do not bear it) or not wanted (`MLPROD_FORKED_KERNELS=0`) the name is that of ordinary kernels, "python3".
    With `sandboxed` each kernel lives in a sandbox of its own (`mlprod.grading.sandbox`) and sees nothing of the
    course but its code and data sets; CourseError where that is not possible. With `light` as well, the arguments that
    kernels will be started with (`Execute.extra_arguments`), only light ones can be had
    (`wire_client.WireKernelManager`), and they start in a fraction of the time.
    Raises CourseError when the parent does not come up. Two blocks may be open at once.
    """
    if sandboxed and (reason := sandbox.problem() if _can_fork() else "fork"):
        raise CourseError(
            tr(es=f"Aquí no se puede aislar nada: {reason}.", en=f"Nothing can be isolated here: {reason}.")
        )
    if not _can_fork():
        print(
            tr(
                es="Aquí los kernels no se pueden crear por fork: cada notebook importará lo suyo, más despacio.",
                en="Kernels cannot be forked here: each notebook will import its own libraries, more slowly.",
            ),
            file=sys.stderr,
        )
        with variables(**(environment or {})):
            yield "python3"
        return

    from mlprod.grading.runtime import runtime_folder  # which Windows cannot import

    with runtime_folder() as runtime, contextlib.ExitStack() as stack:
        # the caller's own streams stay its own: a kernel's stray output goes to a log that an error can quote
        with open(runtime / "parent.log", "wb") as log:
            options = OPTIONS + SANDBOXED_OPTIONS if sandboxed else OPTIONS
            prepared = [f"--light={option}" for option in (*options, *light)] if sandboxed and light is not None else []
            walls = sandbox.command(runtime, course.root()) if sandboxed else []
            parent = subprocess.Popen(
                [*walls, sys.executable, "-m", "mlprod.grading.kernel_parent", *prepared, str(runtime), *modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        stack.callback(_stop, parent)
        _wait_until_ready(parent, runtime)
        name = runtime.name
        _write_kernelspec(
            runtime, name, {**(environment or {}), "IPYTHONDIR": str(runtime / "ipython")}, sandboxed, options
        )
        path = os.pathsep.join(filter(None, (str(runtime), os.environ.get("JUPYTER_PATH"))))
        with variables(JUPYTER_PATH=path):
            yield name


def _can_fork() -> bool:
    return hasattr(os, "fork") and sys.platform != "darwin" and os.environ.get("MLPROD_FORKED_KERNELS") != "0"


def _wait_until_ready(parent: subprocess.Popen[bytes], runtime: Path) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(parent.stdout, selectors.EVENT_READ)
        line = parent.stdout.readline() if selector.select(START_TIMEOUT_S) else b""
    if not line.endswith(b"\n"):
        log = (runtime / "parent.log").read_text(errors="replace")[-2000:]
        raise CourseError(
            tr(
                es="El proceso del que salen los kernels no ha arrancado. Ejecuta «mlprod doctor». Dejó escrito:\n",
                en="The process that forks the kernels did not start. Run `mlprod doctor`. It wrote:\n",
            )
            + log
        )
    for module, reason in json.loads(line)["failed"].items():
        print(
            tr(es=f"No se ha podido cargar {module}: {reason}", en=f"{module} could not be imported: {reason}"),
            file=sys.stderr,
        )


def _write_kernelspec(
    runtime: Path, name: str, environment: dict[str, str], sandboxed: bool, options: list[str]
) -> None:
    folder = runtime / "kernels" / name
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *options],
        "display_name": "Python 3 (forked)",
        "language": "python",
        "interrupt_mode": "signal",
        "env": environment,
        "metadata": {
            "kernel_provisioner": {
                "provisioner_name": "mlprod-forked",
                "config": {"runtime": str(runtime), "sandboxed": sandboxed},
            }
        },
    }
    (folder / "kernel.json").write_text(json.dumps(spec, indent=1))


def _stop(parent: subprocess.Popen[bytes]) -> None:
    parent.stdin.close()
    try:
        parent.wait(timeout=10)
    except subprocess.TimeoutExpired:
        parent.kill()
        parent.wait()
    parent.stdout.close()
