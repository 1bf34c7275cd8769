"""Grades what students handed in with nbgrader's own steps, one submission after another, none stopping the others.

What `nbgrader autograde` and `nbgrader generate_feedback` do, with the same scores, on forked kernels, each submission
in a sandbox of its own.
"""

from __future__ import annotations

import logging
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod.errors import CourseError
from mlprod.grading import configuration
from mlprod.grading.kernels import forked_kernels
from mlprod.language import tr

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI


RAISED = re.compile(r"[\w.]+(Error|Exception)\b(:|$)")


@dataclass(frozen=True)
class Graded:
    """One submission: `state` is "graded", "skipped" (it was graded before) or "failed", and then `log` tells why."""

    student: str
    state: str
    score: float | None = None
    most: float | None = None
    by_hand: bool = False
    seconds: float = 0.0
    log: str = ""

    @property
    def reason(self) -> str:
        """The line of the log that says what went wrong: the exception, else the last complaint."""
        lines = [line.strip() for line in self.log.split("\n")]
        raised = [line for line in lines if RAISED.match(line) and "NbGraderException" not in line]
        said = [line for line in lines if line.startswith("[ERROR]") and "Please see the" not in line]
        return (raised or said or lines)[-1]


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


def grade(
    assignment: str, students: list[str], root: Path, *, force: bool = False, sandboxed: bool = True
) -> Iterator[Graded]:
    """Grade the submissions of `students` to `assignment` and write their feedback; yields each as it is done.

    Those graded before are skipped unless they are newer than that or `force` is set. Without `sandboxed` a submission
    is executed with the permissions of whoever grades. Raises CourseError when there is no sandbox on this machine, or
    when the assignment cannot be recorded in the gradebook.
    """
    config = configuration.load(root)
    with forked_kernels(sandboxed=sandboxed) as kernel_name:
        config.Execute.kernel_name = kernel_name
        api = _api(config)
        _record(api, assignment)
        for student in students:
            started = time.monotonic()
            yield _grade(api, assignment, student, force, started)


def _grade(api: NbGraderAPI, assignment: str, student: str, force: bool, started: float) -> Graded:
    log = ""
    for step in (api.autograde, api.generate_feedback):
        result = step(assignment, student, force=force)
        log += result.get("log", "") + result.get("error", "")
        if not result["success"]:
            if result.get("error", "").rstrip().endswith("KeyboardInterrupt"):  # nbgrader catches that as well
                raise KeyboardInterrupt
            return Graded(student, "failed", seconds=time.monotonic() - started, log=result.get("log", "") or log)
        if step == api.autograde:
            skipped = "Skipping existing assignment" in log
            force = force or not skipped
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(assignment, student)
        state = "skipped" if skipped else "graded"
        by_hand = bool(submission.needs_manual_grade)
        return Graded(student, state, submission.score, submission.max_score, by_hand, time.monotonic() - started, log)


def _api(config: Any) -> NbGraderAPI:
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from sqlalchemy.exc import SAWarning

    warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")  # three for each new student
    log = logging.getLogger("mlprod.nbgrader")  # each step's log is in its result
    log.setLevel(logging.INFO)
    log.addHandler(logging.NullHandler())
    log.propagate = False
    return NbGraderAPI(CourseDirectory(config=config, log=log), config=config, log=log)


def _record(api: NbGraderAPI, assignment: str) -> None:
    """Bring the gradebook's idea of the assignment up to date, without touching exercises/."""
    from nbgrader.utils import temp_attrs

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
