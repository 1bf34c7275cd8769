"""Grades what students handed in with nbgrader's own steps, many at once, none stopping the others.

What `nbgrader autograde` and `nbgrader generate_feedback` do, with the same scores. Workers grade (`workers`), each
submission on a forked kernel in a sandbox of its own; this process alone writes to the gradebook (`gradebook`).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

from mlprod.course import notebook
from mlprod.errors import CourseError
from mlprod.grading import configuration, executors
from mlprod.grading.arrivals import Arrivals
from mlprod.grading.kernels import forked_kernels
from mlprod.grading.preload import needed
from mlprod.grading.together import Task, Together
from mlprod.grading.work import work_folder
from mlprod.grading.workers import Graded, Setup, nbgrader_api, rehearse
from mlprod.language import LANGUAGES, tr
from mlprod.systems import spark_archive

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI

    from mlprod.grading.gradebook import Writer

REHEARSAL_S = 60
SPARK_ARCHIVE_FROM = 5  # submissions from which making the archive, once, pays: a start of Spark takes half as long

__all__ = ["Graded", "grade", "submissions"]


def submissions(assignment: str, root: Path, *, nobody: bool = False) -> list[str]:
    """The students who handed in `assignment`; raises CourseError when nobody did, unless `nobody` is allowed."""
    folder = root / "grading" / "submitted"
    students = sorted(path.parent.name for path in folder.glob(f"*/{assignment}") if path.is_dir())
    if not students and not nobody:
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
    waiting: Callable[[], None] | None = None,
) -> Iterator[Iterator[Graded]]:
    """Grade the submissions of `students` to `assignment` and write their feedback; gives each as it is done.

    Those graded before are skipped unless they are newer than that or `force` is set. Without `sandboxed` a submission
    is executed with the permissions of whoever grades. `workers` processes grade; or, with `scheduler`, those of the
    Dask cluster at that address. With `waiting` it does not end: it goes on with what is handed in by anybody, and
    calls that whenever there is nothing to grade. Raises CourseError when there is no sandbox on this machine, when the
    assignment cannot be recorded in the gradebook, when the cluster does not answer, or when somebody else is grading
    already.
    """
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(work_folder(root))
        kernel_name = None
        modules = needed(notebook("solutions", assignment, lang, root) for lang in LANGUAGES)
        if "pyspark.sql" in modules and (waiting or len(students) >= SPARK_ARCHIVE_FROM):
            spark_archive.make()
        with ThreadPoolExecutor(1) as helper:
            recording = helper.submit(_recorded, assignment, root)  # and imports nbgrader
            if scheduler is None:  # meanwhile; in this thread, whose end would be that of the sandbox
                light = configuration.kernel_arguments(configuration.load(root))
                kernel_name = stack.enter_context(forked_kernels(modules, sandboxed=sandboxed, light=light))
            api = recording.result()
        from mlprod.grading.gradebook import Writer

        writer = Writer(api, Setup(root, assignment, work, sandboxed, kernel_name, modules))
        stack.callback(writer.close)

        def pool() -> contextlib.AbstractContextManager[executors.Pool]:
            if scheduler:
                return executors.cluster(scheduler)
            return executors.processes(workers if waiting else min(workers, len(together.students)))

        together = stack.enter_context(Together(pool))
        grader = Grader(writer, together)
        arrivals = Arrivals(assignment, root)
        arrivals.take(students)
        skipped = grader.begin(students, force=force)
        if waiting and not together.busy:
            grader.rehearse()
        elif together.busy:
            together.pool  # noqa: B018 (before there are threads)
        yield grader.watch(skipped, arrivals, waiting) if waiting else grader.all(skipped)


class Grader:
    """Has submissions graded, and records what came of it."""

    def __init__(self, writer: Writer, together: Together) -> None:
        self.writer, self.together = writer, together
        self._left: Counter[Path] = Counter()  # tasks by their round's seed

    def begin(self, students: Collection[str], *, force: bool = False, changed: Collection[str] = ()) -> list[Graded]:
        """Hand out those of `students` that have to be graded, as those have that are `changed`; returns the others."""
        for student in changed:
            self.writer.changed(student)
        to_do = self.writer.to_do(students, force)
        left = {student: what for student, what in to_do.items() if what != "nothing"}
        if left:
            setup = self.writer.new_round(left)
            self.together.add(Task(setup, student, what == "feedback") for student, what in left.items())
            self._left[setup.seed] = len(left)
        return [self.writer.skipped(student) for student, what in to_do.items() if what == "nothing"]

    def rehearse(self) -> None:
        """Have the workers ready before there is anything to do for them; one that cannot be will say so then."""
        pool = self.together.pool
        if pool.local and "pyspark.sql" not in self.writer.setup.modules:  # whose start takes longer than it saves
            setup = self.writer.new_round(())
            if not wait([pool.executor.submit(rehearse, setup) for _ in range(pool.workers)], REHEARSAL_S).not_done:
                setup.seed.unlink()

    def done(self, timeout: float | None = None) -> Iterator[Graded]:
        """What is done within `timeout` seconds, recorded."""
        for task, outcome in self.together.outcomes(timeout):
            if not outcome.ended:
                self.writer.record(outcome)
            self._left[task.setup.seed] -= 1
            if not self._left[task.setup.seed]:
                del self._left[task.setup.seed]
                task.setup.seed.unlink(missing_ok=True)
            yield outcome.graded

    def all(self, skipped: Iterable[Graded]) -> Iterator[Graded]:
        yield from skipped
        while self.together.busy:
            yield from self.done()

    def watch(self, skipped: Iterable[Graded], arrivals: Arrivals, waiting: Callable[[], None]) -> Iterator[Graded]:
        """Without end: what has been begun, and then what arrives."""
        yield from skipped
        said = False
        while True:
            if not self.together.busy and not said:
                waiting()
            said = not self.together.busy
            yield from self.done(arrivals.pause)
            if not arrivals.pause and (found := arrivals.look(self.together.students)):
                yield from self.begin(list(found), changed=[student for student, again in found.items() if again])


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
