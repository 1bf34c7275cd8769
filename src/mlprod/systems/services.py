"""Serve REST and gRPC from a child process and call them, past the usual traps: ports, Nagle, proxies, set-up costs.

def price_service(ready, stopping):
    app = FastAPI()
    ...
    services.serve_http(app, ready, stopping)

price = processes.start(price_service)
with services.http_client(price.address) as client:
    client.get("/price/3")
"""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlprod.systems import scrape
from mlprod.systems.protos import compile_proto

if TYPE_CHECKING:
    import grpc
    import httpx

__all__ = ["compile_proto", "grpc_channel", "http_client", "serve_grpc", "serve_http"]

HOST = "127.0.0.1"
GRACE_SECONDS = 2
"""Time that requests in flight have to finish once a service is asked to stop."""


def serve_http(app: Any, ready: Callable[[str], None], stopping: threading.Event | None = None, **config: Any) -> None:
    """Serve an ASGI application (FastAPI) on a free port; blocks until `stopping` is set or SIGTERM arrives.

    Calls `ready("http://127.0.0.1:PORT")` once it accepts connections; each of them has TCP_NODELAY.
    `config` goes to uvicorn.Config.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(address)

        def capture_signals(self) -> contextlib.AbstractContextManager[None]:
            # uvicorn's own raises SIGTERM again at the end: the process would be killed instead of returning
            return contextlib.nullcontext()

    # asyncio sets TCP_NODELAY only where the protocol number is explicit; without it each answer would take 44 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        quiet = {"log_level": "warning", "access_log": False, "ws": "none"}
        server = Server(uvicorn.Config(app, timeout_graceful_shutdown=GRACE_SECONDS, **(quiet | config)))
        stop_by(stopping, lambda: setattr(server, "should_exit", True))
        with scrape.announced(app, address):
            server.run(sockets=[listener])


def serve_grpc(server: grpc.Server, ready: Callable[[str], None], stopping: threading.Event | None = None) -> None:
    """Serve a `grpc.server(...)` that has its servicers and no port; blocks until `stopping` is set or SIGTERM arrives.

    Calls `ready("127.0.0.1:PORT")` once it accepts connections; gRPC sets TCP_NODELAY by itself.
    """
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    stop_by(stopping, lambda: server.stop(GRACE_SECONDS))
    ready(f"{HOST}:{port}")
    server.wait_for_termination()


def stop_by(stopping: threading.Event | None, stop: Callable[[], Any]) -> None:
    """Call `stop()` in a thread of its own when `stopping` is set; without an event, when SIGTERM arrives."""
    if stopping is None:
        reader, writer = socket.socketpair()  # a handler may write to a socket; it must not touch locks
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: writer.send(b"."))
        wait: Callable[[], Any] = lambda: reader.recv(1)  # noqa: E731
    else:
        wait = stopping.wait
    threading.Thread(target=lambda: (wait(), stop()), daemon=True).start()


def http_client(address: str = "", timeout: float = 5.0, **options: Any) -> httpx.Client:
    """An httpx.Client for local services: create one and reuse it, a client per call costs more than the call.

    Ignores proxies of the environment and loads no certificates (which takes 17 ms): it speaks http only.
    `timeout` in seconds, for each of connecting, writing and reading.
    """
    import httpx

    no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(base_url=address, timeout=timeout, trust_env=False, verify=no_certificates, **options)


def grpc_channel(address: str) -> grpc.Channel:
    """An insecure channel to a local gRPC service, past any proxy of the environment. Create one and reuse it."""
    import grpc

    return grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
