"""The grader's side of a light kernel (`wire_kernel`): a kernel manager and a client as nbclient expects them."""

from __future__ import annotations

import asyncio
import contextlib
from queue import Empty
from typing import Any, ClassVar

import zmq
from jupyter_client import AsyncKernelManager

from mlprod.grading import wire
from mlprod.grading.kernels import ForkedKernelProvisioner

WAITING = 1000  # messages that are kept for whoever will read them; the kernel waits when there are more
LONGEST = 64 * 2**20  # bytes of a message, when nobody has said otherwise
MOST = 256 * 2**20  # bytes of all messages of a kernel: a flood that is for nobody is counted nowhere else


class Channel:
    """The messages of one channel, in the order in which they came."""

    def __init__(self, client: WireClient, name: str) -> None:
        self.client, self.name = client, name
        self.messages: asyncio.Queue[wire.Message] = asyncio.Queue(WAITING)

    async def get_msg(self, timeout: float | None = None) -> wire.Message:
        """The next message; raises queue.Empty when there is none within `timeout` seconds."""
        with contextlib.suppress(asyncio.QueueEmpty):
            return self.messages.get_nowait()
        try:
            return await asyncio.wait_for(self.messages.get(), timeout)
        except TimeoutError:
            raise Empty from None

    def send(self, message: wire.Message) -> None:
        self.client.writer.write(wire.frame(self.name, message, message.get("buffers")))


class WireClient:
    """What nbclient needs of a kernel client."""

    allow_stdin = False

    def __init__(self, manager: WireKernelManager) -> None:
        self.manager = manager
        self.session = manager.session
        self.shell_channel, self.iopub_channel = Channel(self, "shell"), Channel(self, "iopub")
        self.writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._asked = ""  # the question what kernel it is, as long as nothing else has been asked

    def start_channels(self) -> None: ...

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Connect. Raises RuntimeError when the kernel ends before it listens, or does not within `timeout` seconds."""
        path = wire.path_of(self.manager.get_connection_info())
        async with asyncio.timeout(timeout):
            while True:
                try:
                    reader, self.writer = await asyncio.open_unix_connection(path)
                    break
                except (FileNotFoundError, ConnectionRefusedError):
                    if not await self.manager.is_alive():
                        raise RuntimeError("Kernel died before replying to kernel_info") from None
                    await asyncio.sleep(0.002)
        self._reading = asyncio.ensure_future(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        longest = self.manager.context.sockopts.get(zmq.MAXMSGSIZE, LONGEST)
        channels = {"shell": self.shell_channel, "iopub": self.iopub_channel}
        # whoever sends what is no message, or too long a one, is not heard any more
        heard = 0
        with contextlib.suppress(asyncio.IncompleteReadError, OSError, ValueError, KeyError):
            while heard < MOST:
                length = wire.LENGTH.unpack(await reader.readexactly(wire.LENGTH.size))[0]
                if length > longest:
                    return
                heard += length
                channel, message = wire.message(await reader.readexactly(length))
                if channel == "shell" and self._asked and message["parent_header"].get("msg_id") == self._asked:
                    self.manager.known.setdefault(self.manager.kernel_name, {})["info"] = message["content"]
                await channels[channel].messages.put(message)

    async def is_alive(self) -> bool:
        return await self.manager.is_alive()

    def stop_channels(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self.writer is not None:
            self.writer.close()

    def kernel_info(self) -> str:
        """All kernels of a parent give the same answer; it is asked for once, of one that has executed nothing."""
        if (content := self.manager.known.get(self.manager.kernel_name, {}).get("info")) is None:
            self._asked = self._request("kernel_info_request", {})
            return self._asked
        parent = self.session.msg("kernel_info_request", {})["header"]
        self.shell_channel.messages.put_nowait(self.session.msg("kernel_info_reply", content, parent))
        return parent["msg_id"]

    def execute(
        self,
        code: str,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, Any] | None = None,
        allow_stdin: bool | None = None,
        stop_on_error: bool = True,
    ) -> str:
        self._asked = ""
        content = {"code": code, "silent": silent, "store_history": store_history, "stop_on_error": stop_on_error}
        content |= {"user_expressions": user_expressions or {}, "allow_stdin": False}
        return self._request("execute_request", content)

    def _request(self, kind: str, content: dict[str, Any]) -> str:
        message = self.session.msg(kind, content)
        self.shell_channel.send(message)
        return message["header"]["msg_id"]


class WireKernelManager(AsyncKernelManager):
    """Starts forked kernels as light ones; any other kernel as always."""

    _wired = False
    known: ClassVar[dict[str, dict[str, Any]]] = {}
    """What forked kernels have in common, "spec" and "info", by their name, which is their parent's alone."""

    async def _async_start_kernel(self, **options: Any) -> None:
        self._kernel_spec = self.known.get(self.kernel_name, {}).get("spec")
        provisioner = (self.kernel_spec.metadata.get("kernel_provisioner") or {}).get("provisioner_name")
        self._wired = provisioner == "mlprod-forked"
        if self._wired:
            self.known.setdefault(self.kernel_name, {})["spec"] = self.kernel_spec
            options["extra_arguments"] = [*options.get("extra_arguments", ()), wire.FLAG]
        await super()._async_start_kernel(**options)

    start_kernel = _async_start_kernel

    def _connect_control_socket(self) -> None:
        if not self._wired:
            super()._connect_control_socket()

    def client(self, **options: Any) -> Any:
        return WireClient(self) if self._wired else super().client(**options)

    async def _async_shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        # a sandbox is ended, with all that is in it; there is nothing to be asked
        sandboxed = isinstance(self.provisioner, ForkedKernelProvisioner) and self.provisioner.sandboxed
        if self._wired and not sandboxed and not now:
            await self._ask_to_end()
        await super()._async_shutdown_kernel(now=now or self._wired, restart=restart)

    shutdown_kernel = _async_shutdown_kernel

    async def _async_wait(self, pollinterval: float = 0.002) -> None:
        """Until it has ended; jupyter_client looks ten times a second, and light cells take less."""
        await super()._async_wait(pollinterval)

    async def _ask_to_end(self) -> None:
        await self.provisioner.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.provisioner.wait(), self.shutdown_wait_time)
