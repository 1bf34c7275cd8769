"""An IPython kernel with one socket and no threads for it: what a forked kernel becomes when a light one is asked for.

ipykernel's own kernel, shell, display hooks and streams; only how messages travel differs (`wire`). Without five ZeroMQ
sockets, their threads and their start a notebook of small cells costs a third. It hears one client.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ipykernel.iostream import PIPE_BUFFER_SIZE, IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core import async_helpers, inputtransformer2, interactiveshell
from jupyter_client.session import Session
from tornado.ioloop import IOLoop
from traitlets import default

from mlprod.grading import wire

DRAIN_SECONDS = 0.5


class WireSession(Session):
    """A session whose messages all go to the one client, whatever the socket they are meant for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._client: socket.socket | None = None
        self._sending = threading.Lock()
        self._held = b""  # goes with the next message, which comes at once

    def connect(self, client: socket.socket) -> None:
        self._client = client

    def send(  # type: ignore[override]
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> wire.Message:
        """Send a message whole, even while the cell is being interrupted.

        At once, but for a reply, which the kernel's being idle follows, and its being busy, which the input follows.
        """
        message = (
            msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content, parent, header, metadata)
        )
        data = wire.frame("shell" if stream == "shell" else "iopub", message, buffers or message.get("buffers"))
        hold = stream == "shell" or message["content"].get("execution_state") == "busy"
        if self._client is not None:
            masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                with self._sending:
                    data, self._held = self._held + data, b""
                    if hold:
                        self._held = data
                    else:
                        self._client.sendall(data)
            except OSError:  # nobody listens any more: this process is about to be killed
                self._client = None
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        return message


class Direct(IOPubThread):
    """Stands where ipykernel has its output thread: does at once, in the calling thread, what that would do soon."""

    def __init__(self) -> None:
        self.thread = None
        self.io_loop = self
        self.socket = None
        self._stopped = False

    def schedule(self, do: Callable[[], Any]) -> None:
        do()

    def call_later(self, seconds: float, do: Callable[[], Any]) -> None:
        timer = threading.Timer(seconds, do)
        timer.daemon = True
        timer.start()

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class Stream(OutStream):
    """ipykernel's stream; what reached its file descriptor before the end of a cell belongs to the cell."""

    def __init__(self, *arguments: Any, watchfd: bool = True, **options: Any) -> None:
        self._reading, self._flushing = threading.Lock(), threading.RLock()
        self._watched = watchfd
        super().__init__(*arguments, watchfd=False, **options)

    def begin(self) -> None:
        """In the process that will write to it: watch the file descriptor, if it is one that is watched."""
        self._master_pid = os.getpid()
        if self._watched and "PYTEST_CURRENT_TEST" not in os.environ:  # as ipykernel does
            self._should_watch = True
            self._setup_stream_redirects(self.name)

    def _watch_pipe_fd(self) -> None:
        while self._fid is not None and self._should_watch:
            select.select([self._fid], [], [])
            with self._reading:
                data = os.read(self._fid, PIPE_BUFFER_SIZE)
                if not data:
                    return
                self.write(data.decode(errors="replace"))
            os.write(self._original_stdstream_copy, data)

    def drain(self) -> None:
        """Wait until all that is in the pipe now has been read."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._fid is not None and time.monotonic() < deadline:
            with self._reading:
                waiting = struct.unpack("i", fcntl.ioctl(self._fid, termios.FIONREAD, bytes(4)))[0]
            if not waiting:
                return
            time.sleep(0.0005)

    def _flush(self) -> None:
        with self._flushing:  # else a timer's flush and a cell's could overtake each other
            super()._flush()


class WireKernel(IPythonKernel):
    """IPython's kernel, which takes its requests one after another from the client."""

    _supports_kernel_subshells = False
    _execute_sleep = 0.0  # after each cell, for output threads that are not there

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """There is no queue: the client waits for each reply."""

    async def answer(self, request: wire.Message) -> bool:
        """Do what `request` asks; returns whether the kernel goes on."""
        kind = request["header"]["msg_type"]
        self.set_parent([], request)
        self._publish_status("busy", "shell")
        if handler := self.shell_handlers.get(kind):
            self.pre_handler_hook()  # from here on it can be interrupted
            try:
                await handler("shell", [], request)
            except KeyboardInterrupt:
                self.log.error("KeyboardInterrupt caught in kernel.")
            except Exception:
                self.log.exception("Exception in message handler")
            finally:
                self.post_handler_hook()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        self._publish_status("idle", "shell")
        return kind != "shutdown_request"

    async def do_execute(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().do_execute(*arguments, **options)
        finally:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, Stream):
                    stream.drain()


class WireApp(IPKernelApp):
    """ipykernel's application, with its configuration, start-up code and settings, and without its sockets.

    Its start has two halves: `prepare` does what is the same for every kernel, and may be called before a fork;
    `begin` does what belongs to one process.
    """

    kernel_class = WireKernel

    @default("session")
    def _session(self) -> WireSession:
        return WireSession(parent=self)

    def initialize(self, argv: list[str] | None = None) -> None:
        """Both halves; `argv` begins with `-f FILE`."""
        assert argv is not None
        self.prepare(argv[2:])
        self.begin(argv[1])

    def prepare(self, options: list[str]) -> None:
        """Read the configuration and make the kernel and its shell; nothing of it is in force yet in this process."""
        before = sys.stdout, sys.stderr, sys.displayhook, sys.excepthook
        inputtransformer2.make_tokens_by_line = _tokens_by_line
        inputtransformer2.TransformerManager.do_one_token_transform = _transform_once
        interactiveshell._should_be_async = lru_cache(maxsize=1)(async_helpers._should_be_async)
        super(IPKernelApp, self).initialize(options)
        self.init_pdb()
        self.init_blackhole()
        self.iopub_thread, self.iopub_socket = Direct(), "iopub"
        self.outstream_class = f"{__name__}.Stream"
        self.init_io()
        self.init_kernel()
        self.init_shell()
        self.init_gui_pylab()
        self.init_extensions()
        self.init_code()
        self._rehearse_an_error()
        self._in_force = sys.stdout, sys.stderr, sys.displayhook, sys.excepthook
        sys.stdout, sys.stderr, sys.displayhook, sys.excepthook = before

    def _rehearse_an_error(self) -> None:
        """The first traceback imports modules and makes a style of colours."""
        try:
            raise AssertionError
        except AssertionError:
            self.shell.InteractiveTB.structured_traceback(*sys.exc_info())
        self.shell.InteractiveTB.tb = None

    def begin(self, connection_file: str) -> None:
        """Be the kernel that `connection_file` is about, in this process and its current folder."""
        self.connection_file = connection_file
        self.init_sockets(json.loads(Path(connection_file).read_text()))
        for stream in self._in_force[:2]:
            if isinstance(stream, Stream):
                stream.begin()
        sys.stdout, sys.stderr, sys.displayhook, sys.excepthook = self._in_force
        self.init_signal()
        self.init_path()
        here = Path.cwd()
        self.shell.starting_dir = str(here)
        self.shell.history_manager.dir_hist[:] = [here]

    def init_sockets(self, connection: dict[str, Any]) -> None:
        """Listen where `connection` says: the client connects as soon as it sees the socket."""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(wire.path_of(connection))
        self.listener.listen(1)

    def init_kernel(self) -> None:
        self.kernel = WireKernel.instance(
            parent=self,
            session=self.session,
            iopub_thread=self.iopub_thread,
            iopub_socket=self.iopub_socket,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        self.kernel.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count

    def start(self) -> None:
        """Hear the client until it goes, asks for the end, or a cell ends the kernel (`exit`)."""
        client, _ = self.listener.accept()
        self.listener.close()
        self.session.connect(client)
        self.io_loop = self.kernel.io_loop = IOLoop.current()
        loop = self.io_loop.asyncio_loop
        task = loop.create_task(self._hear(client))
        task.add_done_callback(lambda _: loop.stop())
        loop.run_forever()
        if task.done():
            task.result()

    async def _hear(self, client: socket.socket) -> None:
        """Between requests the event loop goes on: a cell may have left tasks there."""
        while True:
            await _readable(client)
            head = _receive(client, wire.LENGTH.size)
            if not head:
                return
            _, request = wire.message(_receive(client, *wire.LENGTH.unpack(head)))
            if not await self.kernel.answer(request):
                return


_make_tokens = inputtransformer2.make_tokens_by_line
_transform = inputtransformer2.TransformerManager.do_one_token_transform


@lru_cache(maxsize=1)
def _tokens(lines: tuple[str, ...]) -> list[list[Any]]:
    return _make_tokens(list(lines))


def _tokens_by_line(lines: list[str]) -> list[list[Any]]:
    """IPython's tokens of `lines`. For each cell ipykernel asks for them, and then IPython again."""
    return [list(line) for line in _tokens(tuple(lines))]


def _transform_once(self: inputtransformer2.TransformerManager, lines: list[str]) -> tuple[bool, list[str]]:
    """IPython's search for what is not Python, without tokens where no line has what any of it begins or ends with."""
    if any("%" in line or "!" in line or "?" in line or line.lstrip()[:1] in (",", ";", "/") for line in lines):
        return _transform(self, lines)
    return False, lines


async def _readable(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(client, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(client)


def _receive(client: socket.socket, size: int) -> bytes:
    """The next `size` bytes; b"" when the client has gone."""
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data
