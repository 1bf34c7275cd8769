"""Keeps the workers of a pool busy with submissions, and goes on when one of them ends with what it was at."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from types import TracebackType

from mlprod.grading.executors import Pool
from mlprod.grading.workers import Graded, Outcome, Setup, grade_one
from mlprod.language import tr


@dataclass(frozen=True)
class Task:
    """A submission to be graded, or with `feedback_only` one whose feedback is to be written."""

    setup: Setup
    student: str
    feedback_only: bool = False


class Together:
    """Hands tasks to workers, twice as many at once as there are workers: what they leave does not pile up.

    A worker that ends takes its whole pool with it. Those that it may have been at then go to new workers, one by one;
    the one with which they end again has failed.
    """

    def __init__(self, open_pool: Callable[[], contextlib.AbstractContextManager[Pool]]) -> None:
        self._open_pool = open_pool
        self._opened = contextlib.ExitStack()
        self._pool: Pool | None = None
        self._waiting: deque[Task] = deque()
        self._suspects: deque[Task] = deque()
        self._running: dict[Future[Outcome], Task] = {}
        self._alone = False  # a suspect is running

    def __enter__(self) -> Together:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        if error is None and self._running:  # nobody waits for what they are at
            kind, error = GeneratorExit, GeneratorExit()
        self._opened.__exit__(kind, error, place)

    @property
    def pool(self) -> Pool:
        """The workers, which start when they are first asked for."""
        if self._pool is None:
            self._pool = self._opened.enter_context(self._open_pool())
        return self._pool

    @property
    def students(self) -> set[str]:
        """Those with a task that is not done."""
        return {task.student for task in (*self._waiting, *self._suspects, *self._running.values())}

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._suspects or self._running)

    def add(self, tasks: Iterable[Task]) -> None:
        self._waiting.extend(tasks)

    def outcomes(self, timeout: float | None = None) -> Iterator[tuple[Task, Outcome]]:
        """What is done within `timeout` seconds; without that, at least one when there is a task left."""
        if not self.busy:
            time.sleep(timeout or 0)
            return
        workers = self.pool.workers  # outside: where none can be started that is an error, and not one more to replace
        try:
            self._hand_out(2 * workers)
            for future in wait(self._running, timeout, return_when=FIRST_COMPLETED).done:
                outcome = self._outcome(future)
                self._alone = False
                yield self._running.pop(future), outcome
        except BrokenExecutor:
            yield from self._after_the_end()

    def _hand_out(self, at_once: int) -> None:
        queue = self._suspects or self._waiting
        at_once = 1 if self._suspects or self._alone else at_once
        while queue and len(self._running) < at_once:
            self._alone = queue is self._suspects
            self._running[self._submit(queue[0])] = queue[0]
            queue.popleft()

    def _submit(self, task: Task) -> Future[Outcome]:
        return self.pool.executor.submit(grade_one, task.setup, task.student, task.feedback_only)

    def _outcome(self, future: Future[Outcome]) -> Outcome:
        try:
            return future.result()
        except BrokenExecutor:
            raise
        except Exception as error:  # a cluster's: the worker died, the message could not be sent
            log = "".join(traceback.format_exception(error))
            return Outcome(Graded(self._running[future].student, "failed", log=log))

    def _after_the_end(self) -> Iterator[tuple[Task, Outcome]]:
        """The pool is broken: tell of what it had done, and put the rest among the suspects."""
        wait(self._running)
        for future, task in self._running.items():
            if not isinstance(future.exception(), BrokenExecutor):
                yield task, self._outcome(future)
            elif self._alone:
                log = tr(es="El proceso que la calificaba terminó.", en="The process that was grading it ended.")
                yield task, Outcome(Graded(task.student, "failed", log=log), ended=True)
            else:
                self._suspects.append(task)
        self._running, self._alone = {}, False
        self._opened.close()
        self._pool = None
