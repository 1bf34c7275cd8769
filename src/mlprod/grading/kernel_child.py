"""How a process just forked from the kernel parent becomes an IPython kernel, and how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlprod.environment import variables
from mlprod.grading import isolation, wire

OUTPUT_LIMIT = 2 * 2**20  # characters; the grader keeps 1 MiB of a cell and says that it was cut

_prepared: list[Any] = []  # in a parent of light kernels: the application that each child goes on with
_exit_codes: list[int] = []  # empty in the parent; a child's own code, for its last exit handler


def run(request: dict[str, Any], descriptors: list[int]) -> None:
    """The whole life of a forked child: a kernel, then the exit handlers, then an immediate end.

    Taking the interpreter apart would write to, and so copy, nearly every page shared with the parent (0.2 s).
    """
    code = 0
    try:
        become_kernel(request, descriptors)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    _exit_codes.append(code)


def leave() -> None:
    """The exit handler that is called last; in the parent it does nothing."""
    for code in _exit_codes:
        for stream in (sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def prepare(options: list[str]) -> None:
    """In the parent: do, once, what is the same in the start of every sandboxed light kernel with these options."""
    from mlprod.grading.wire_kernel import WireApp

    # to the application it is one of the children: their home, their configuration
    with variables(**isolation.OWN):
        app = WireApp.instance(parent_handle=0)
        limit_output()
        app.prepare(options)
    assert threading.active_count() == 1, threading.enumerate()
    ignore_exit(app)
    folders = [folder for folder, _, _ in os.walk(isolation.OWN["IPYTHONDIR"])]
    _prepared[:] = [app, options, folders]


def become_kernel(request: dict[str, Any], descriptors: list[int]) -> None:
    """In a forked child: look like a process just started with `request`, then be an IPython kernel until it ends."""
    os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, 5 if request.get("sandbox") else max(0, os.getpriority(os.PRIO_PROCESS, 0)))
    for number in signal.valid_signals():
        if signal.getsignal(number) not in (signal.SIG_DFL, signal.SIG_IGN, None, signal.default_int_handler):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())

    nothing = os.open(os.devnull, os.O_RDWR)
    stdout, stderr = descriptors if len(descriptors) == 2 else (2, 2)
    for source, target in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
    for descriptor in (nothing, *descriptors):
        os.close(descriptor)

    if sandboxed := request.get("sandbox"):
        folder, user = Path(sandboxed["folder"]), (sandboxed["uid"], sandboxed["gid"])
        seal = isolation.enter(folder, *user, there=sandboxed["there"])
        environment = isolation.environment()
        forget_the_log()
    else:
        os.chdir(request["cwd"])
        environment = request["env"]
    os.environ.clear()
    os.environ.update(environment)
    extra = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path not in sys.path]
    sys.path[:0] = extra
    sys.argv = ["ipykernel_launcher", *request["argv"]]
    freshen_libraries()

    if _prepared:
        begin_prepared(request["argv"], seal)
        return
    light = wire.FLAG in request["argv"]
    if light:
        from mlprod.grading.wire_kernel import WireApp as App
    else:
        from ipykernel.kernelapp import IPKernelApp as App

    # it ends itself when this process's parent is gone (in a sandbox the system sees to that)
    app = App.instance(parent_handle=0 if sandboxed else os.getppid())
    limit_output()  # first: start-up code of IPython's keeps its own reference to the streams' `write`
    app.initialize([argument for argument in request["argv"] if argument != wire.FLAG])
    if sandboxed:
        ignore_exit(app)
        seal()
    app.start()
    if light:
        return
    # ipykernel 7.4's exit handlers stop the thread that carries the output and then wait for the control thread, which
    # may just be flushing its output through it: every seventh kernel hung until it was killed
    app.control_thread.stop()
    app.control_thread.join()


def begin_prepared(argv: list[str], seal: Callable[[], None]) -> None:
    """Be the kernel that was prepared. Its profile's folders are made in this process's own /tmp."""
    app, options, folders = _prepared
    asked = [argument for argument in argv[2:] if argument != wire.FLAG]
    if asked != options or wire.FLAG not in argv:
        raise SystemExit(f"prepared for light kernels with {options}, not for {argv}")
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
    app.begin(argv[1])
    seal()
    app.start()


def ignore_exit(app: Any) -> None:
    """`exit()` would end the notebook a moment later, in the middle of another cell."""
    app.shell.ask_exit = lambda: None


def forget_the_log() -> None:
    """What a submission writes past its notebook goes nowhere: the parent's log is one file for all."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


def limit_output() -> None:
    """Of what one cell writes to stdout or stderr send the first `OUTPUT_LIMIT` characters, and nothing after them.

    For code that runs away: whoever means to flood the grader is stopped there (`mlprod.grading.execute`).
    """
    from ipykernel.iostream import OutStream

    write = OutStream.write
    written: dict[str, int] = {}

    def limited(self: OutStream, string: str) -> int | None:
        cell = self.parent_header.get("msg_id", "")
        already = written.get(cell, 0)
        if isinstance(string, str):
            if cell not in written:
                written.clear()
            written[cell] = already + len(string)
            if already + len(string) > OUTPUT_LIMIT:
                write(self, string[: max(0, OUTPUT_LIMIT - already)])
                return len(string)
        return write(self, string)

    OutStream.write = limited


def freshen_libraries() -> None:
    """Undo what preloaded libraries took from the parent: NumPy's random state, Matplotlib's choice of backend."""
    if random := sys.modules.get("numpy.random"):  # which numpy imports when it is first asked for it
        random.seed()  # else every fork would draw the same "random" numbers
    if matplotlib := sys.modules.get("matplotlib"):
        # Matplotlib reads MPLBACKEND when it is first imported, which is before ipykernel can set it
        backend = os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        if dict.get(matplotlib.rcParams, "backend") != backend:  # setting it looks through all installed packages
            matplotlib.rcParams["backend"] = backend
