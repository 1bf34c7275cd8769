"""Where workers run: processes of this machine, or a Dask cluster; both are a `concurrent.futures.Executor`."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection

from mlprod.errors import CourseError
from mlprod.language import tr

ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Pool:
    """An executor, how many submissions it can grade at once, and whether its workers are forks of this process."""

    executor: Executor
    workers: int
    local: bool


@contextlib.contextmanager
def processes(workers: int) -> Iterator[Pool]:
    """`workers` processes of this machine, which end with this one, however it ends.

    Where processes can be forked they are, with all that is imported here: call it before threads are started.
    """
    forked = sys.platform == "linux"
    context = multiprocessing.get_context("fork" if forked else "spawn")
    hear, say = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(hear, say))
    try:
        for done in [executor.submit(os.getpid) for _ in range(workers)]:  # the first one starts all of them
            done.result()
        yield Pool(executor, workers, True)
    except BaseException:
        say.close()  # they are not to finish what they are at
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        for end in (hear, say):
            with contextlib.suppress(OSError):
                end.close()


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Pool]:
    """The workers of the Dask cluster whose scheduler is at `address` ("tcp://host:8786").

    Each needs this environment and the course's folder under the same path. Raises CourseError when it does not
    answer or has no workers.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise CourseError(
            tr(
                es=f"El planificador de Dask en {address} no responde ({error}). Arráncalo: dask scheduler",
                en=f"Dask's scheduler at {address} does not answer ({error}). Start it: dask scheduler",
            )
        ) from None
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise CourseError(
                tr(
                    es=f"El planificador de Dask en {address} no tiene a nadie que trabaje: "
                    f"dask worker {address} --nworkers 2 --nthreads 1",
                    en=f"Dask's scheduler at {address} has no workers: dask worker {address} --nworkers 2 --nthreads 1",
                )
            )
        with client.get_executor(pure=False, retries=0) as executor:
            try:
                yield Pool(executor, workers, False)
            except BaseException:
                executor.shutdown(wait=False)  # they are not to finish what they are at
                raise


def _begin(hear: Connection, say: Connection) -> None:
    """In a new worker: end as soon as whoever started it has ended, or says so; interrupts are not for it."""
    say.close()
    if hasattr(os, "setsid"):
        os.setsid()

    def wait() -> None:
        with contextlib.suppress(EOFError, OSError):
            hear.recv()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
