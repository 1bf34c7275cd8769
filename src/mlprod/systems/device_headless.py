"""A Chromium without a window that opens one page: for numbers from a browser when the reader has none open."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator

from mlprod.lab import machine
from mlprod.systems import workspace

FLAGS = [
    *("--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--disable-dev-shm-usage", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
]


def find() -> str | None:
    """Path of a Chromium or Chrome of this machine, or None."""
    return machine.chromium()


@contextlib.contextmanager
def visiting(browser: str, url: str) -> Iterator[None]:
    """While the block runs, `browser` shows `url` to nobody; afterwards it and its profile are gone."""
    profile = tempfile.mkdtemp(prefix="browser-", dir=workspace.workspace())
    # killed as it is, what it keeps in the temporary folder would stay; but a path of a socket has at most 107 bytes
    environment = {**os.environ, **({"TMPDIR": profile} if len(profile) <= 60 else {})}
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses to run as root
    process = subprocess.Popen(
        [browser, *FLAGS, *sandbox, f"--user-data-dir={profile}", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    janitor = workspace.janitor()
    janitor.watch(process.pid)  # ends the whole session if this process dies first
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        janitor.forget(process.pid)
        shutil.rmtree(profile, ignore_errors=True)
