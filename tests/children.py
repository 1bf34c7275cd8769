"""Ends the programs that tests start: they are asked, as by Ctrl-C, and killed if they do not listen."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess


def end(process: subprocess.Popen, order: signal.Signals = signal.SIGINT, *, group: bool = False) -> None:
    """Send `order` to `process` (with `group`, to all that it started in its session) and wait until it is gone."""

    def tell(what: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            if group:
                os.killpg(process.pid, what)
            else:
                process.send_signal(what)

    tell(order)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        tell(signal.SIGKILL)
        process.wait(10)
