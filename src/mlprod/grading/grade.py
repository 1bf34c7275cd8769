"""Grades what students handed in with nbgrader's own steps, many at once, none stopping the others.

What `nbgrader autograde` and `nbgrader generate_feedback` do, with the same scores. Workers grade (`workers`), each
submission on a forked kernel in a sandbox of its own; this process alone writes to the gradebook (`gradebook`).
"""

from __future__ import annotations

import contextlib
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

from mlprod.course import notebook
from mlprod.errors import CourseError
from mlprod.grading import configuration, executors
from mlprod.grading.kernels import forked_kernels
from mlprod.grading.preload import needed
from mlprod.grading.work import work_folder
from mlprod.grading.workers import Graded, Outcome, Setup, grade_one, nbgrader_api
from mlprod.language import LANGUAGES, tr
from mlprod.systems import spark_archive

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI

    from mlprod.grading.gradebook import Writer

SPARK_ARCHIVE_FROM = 5  # submissions from which making the archive, once, pays: a start of Spark takes half as long

__all__ = ["Graded", "grade", "submissions"]


def submissions(assignment: str, root: Path) -> list[str]:
    """The students who handed in `assignment`; raises CourseError when nobody did."""
    folder = root / "grading" / "submitted"
    students = sorted(path.parent.name for path in folder.glob(f"*/{assignment}") if path.is_dir())
    if not students:
        raise CourseError(
            tr(
                es=f"No hay entregas de {assignment}: ponlas en {folder}/ESTUDIANTE/{assignment}/{assignment}.ipynb",
                en=f"Nobody handed in {assignment}: put them in {folder}/STUDENT/{assignment}/{assignment}.ipynb",
            )
        )
    return students


@contextlib.contextmanager
def grade(
    assignment: str,
    students: Sequence[str],
    root: Path,
    *,
    force: bool = False,
    sandboxed: bool = True,
    workers: int = 1,
    scheduler: str | None = None,
) -> Iterator[Iterator[Graded]]:
    """Grade the submissions of `students` to `assignment` and write their feedback; gives each as it is done.

    Those graded before are skipped unless they are newer than that or `force` is set. Without `sandboxed` a submission
    is executed with the permissions of whoever grades. `workers` processes grade; or, with `scheduler`, those of the
    Dask cluster at that address. Raises CourseError when there is no sandbox on this machine, when the assignment
    cannot be recorded in the gradebook, when the cluster does not answer, or when somebody else is grading already.
    """
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(work_folder(root))
        kernel_name = None
        modules = needed(notebook("solutions", assignment, lang, root) for lang in LANGUAGES)
        if "pyspark.sql" in modules and len(students) >= SPARK_ARCHIVE_FROM:
            spark_archive.make()
        with ThreadPoolExecutor(1) as helper:
            recording = helper.submit(_recorded, assignment, root)  # and imports nbgrader
            if scheduler is None:  # meanwhile; in this thread, whose end would be that of the sandbox
                light = configuration.kernel_arguments(configuration.load(root))
                kernel_name = stack.enter_context(forked_kernels(modules, sandboxed=sandboxed, light=light))
            api = recording.result()
        from mlprod.grading.gradebook import Writer

        setup = Setup(root, assignment, work, sandboxed, kernel_name, modules)
        writer = Writer(api, setup)
        stack.callback(writer.close)
        to_do = writer.to_do(students, force)
        left = [student for student, what in to_do.items() if what != "nothing"]
        writer.write_seed(left)

        def open_pool() -> contextlib.AbstractContextManager[executors.Pool]:
            return executors.cluster(scheduler) if scheduler else executors.processes(min(workers, max(1, len(left))))

        first = contextlib.ExitStack()
        pool = first.enter_context(open_pool()) if left else None
        yield stack.enter_context(contextlib.closing(_grade(to_do, writer, setup, first, pool, open_pool)))


def _grade(
    to_do: dict[str, str],
    writer: Writer,
    setup: Setup,
    opened: contextlib.ExitStack,
    pool: executors.Pool | None,
    open_pool: Callable[[], contextlib.AbstractContextManager[executors.Pool]],
) -> Iterator[Graded]:
    """With the pool that `opened` closes, and with new ones after a worker has ended."""
    only_feedback = {student for student, what in to_do.items() if what == "feedback"}
    left = [student for student, what in to_do.items() if what != "nothing"]

    def recorded(together: Together, students: Sequence[str]) -> Iterator[Graded]:
        for outcome in together.run(students):
            writer.record(outcome)
            yield outcome.graded

    with opened:
        for student, what in to_do.items():
            if what == "nothing":
                yield writer.skipped(student)
        if pool is None:
            return
        together = Together(pool.executor, 2 * pool.workers, setup, only_feedback)
        yield from recorded(together, left)
    while together.lost:
        # a worker ended with what it was at, and took the others with it: those it may have been go one by one
        left, suspects = together.left, together.lost
        for student in suspects:
            with open_pool() as pool:
                alone = Together(pool.executor, 1, setup, only_feedback)
                yield from recorded(alone, [student])
            if alone.lost:
                log = tr(es="El proceso que la calificaba terminó.", en="The process that was grading it ended.")
                yield Graded(student, "failed", log=log)
        with open_pool() as pool:
            together = Together(pool.executor, 2 * pool.workers, setup, only_feedback)
            yield from recorded(together, left)


class Together:
    """Keeps an executor busy with submissions, `at_once` of them; what they leave does not pile up."""

    def __init__(self, executor: Executor, at_once: int, setup: Setup, only_feedback: Collection[str]) -> None:
        self.executor, self.at_once, self.setup, self.only_feedback = executor, at_once, setup, only_feedback
        self.left: list[str] = []
        """Those that were not begun when a worker ended."""
        self.lost: list[str] = []
        """Those that were being graded then."""

    def run(self, students: Sequence[str]) -> Iterator[Outcome]:
        waiting, running = deque(students), dict[Future[Outcome], str]()
        try:
            while waiting or running:
                while waiting and len(running) < self.at_once:
                    running[self._submit(waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = self._outcome(future, running[future])
                    del running[future]
                    yield outcome
        except BrokenExecutor:
            self.left = list(waiting)
            for future, student in running.items():
                if isinstance(future.exception(), BrokenExecutor):
                    self.lost.append(student)
                else:
                    yield self._outcome(future, student)

    def _submit(self, student: str) -> Future[Outcome]:
        return self.executor.submit(grade_one, self.setup, student, student in self.only_feedback)

    def _outcome(self, future: Future[Outcome], student: str) -> Outcome:
        try:
            return future.result()
        except BrokenExecutor:
            raise
        except Exception as error:  # a cluster's: the worker died, the message could not be sent
            log = "".join(traceback.format_exception(error))
            return Outcome(Graded(student, "failed", log=log))


def _recorded(assignment: str, root: Path) -> NbGraderAPI:
    """nbgrader, with the gradebook's idea of the assignment brought up to date, without touching exercises/."""
    from nbgrader.utils import temp_attrs

    from mlprod.grading import gradebook  # noqa: F401 (imported here, where there is time for it)

    api = nbgrader_api(configuration.load(root))
    with (
        tempfile.TemporaryDirectory(prefix="mlprod-release-") as folder,
        temp_attrs(api.coursedir, release_directory=folder),
    ):
        result = api.generate_assignment(assignment)
    if not result["success"]:
        raise CourseError(
            tr(
                es=f"nbgrader no puede registrar {assignment} en el libro de notas:\n",
                en=f"nbgrader cannot record {assignment} in the gradebook:\n",
            )
            + result.get("log", "")
        )
    return api
