"""Says whether a port of this machine is free and, when it is not, who has it."""

from __future__ import annotations

import socket

from mlprod.language import tr


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """True when a server could listen on `port` of `address` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def owner(port: int) -> str:
    """The process that listens on `port`, for a message: "chromium (4711)", or "another program"."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
        pid = next((c.pid for c in connections if c.pid and c.status == "LISTEN" and c.laddr.port == port), None)
        if pid:
            return f"{psutil.Process(pid).name()} ({pid})"
    except psutil.Error:
        pass  # other users' connections may be hidden
    return tr(es="otro programa", en="another program")
