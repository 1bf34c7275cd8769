"""Tells a Prometheus where the services of a lesson are: their ports are free ones, chosen when they start.

Where PROMETHEUS_TARGETS names a folder (docker/compose.yaml does), each service with a `/metrics` leaves a file there
while it runs, as `file_sd_configs` wants it: https://prometheus.io/docs/guides/file-sd/. Elsewhere, nothing happens.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

VARIABLE = "PROMETHEUS_TARGETS"


@contextlib.contextmanager
def announced(app: Any, address: str) -> Iterator[None]:
    """While the context lasts, Prometheus scrapes the ASGI application `app` at `address` ("http://127.0.0.1:PORT").

    Its series carry `service`, the name that `processes.start` was given.
    """
    folder = os.environ.get(VARIABLE)
    if not folder or not any(getattr(route, "path", None) == "/metrics" for route in getattr(app, "routes", ())):
        yield
        return
    place = urlsplit(address).netloc
    file = Path(folder, f"{os.getpid()}-{place.rpartition(':')[2]}.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(file.parent)
    group = {"targets": [place], "labels": {"service": multiprocessing.current_process().name}}
    unfinished = file.with_suffix(".part")  # Prometheus reads a file as soon as it is there
    unfinished.write_text(json.dumps([group]), encoding="utf-8")
    unfinished.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _forget_the_dead(folder: Path) -> None:
    """Remove the files of services that were killed, which could not do it themselves."""
    for file in folder.glob("*.json"):
        try:
            os.kill(int(file.stem.partition("-")[0]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except (ValueError, PermissionError):  # not ours, or alive and another user's
            continue
