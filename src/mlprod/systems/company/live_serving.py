"""A service that answers over HTTP and follows Kafka at once: a server, and a thread beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from mlprod.systems import services


def serve_beside(app: Any, ready: Callable[[str], None], stopping: threading.Event, step: Callable[[], None]) -> None:
    """Serve `app` until `stopping`, while a thread calls `step()` again and again.

    What `step` raises ends the service, and is raised: one that has stopped listening must not go on answering.
    """
    ending, failures = threading.Event(), []

    def work() -> None:
        try:
            while not stopping.is_set():
                step()
        except BaseException as failure:
            failures.append(failure)
        finally:
            ending.set()

    worker = threading.Thread(target=work)
    worker.start()
    services.serve_http(app, ready, ending)
    worker.join()
    if failures:
        raise failures[0]
