"""What a worker of `mlprod grade` does: grade one submission with nbgrader's own steps, far from the gradebook.

A worker is a process that stays: nbgrader is imported once. It grades in a clone of the gradebook (`clone`), writes to
a folder of its own, and hands back what the gradebook has to know; the process that asked records it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import shutil
import threading
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod.course import notebook
from mlprod.environment import skip_slow_imports
from mlprod.grading import configuration
from mlprod.grading.work import STEPS

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI

    from mlprod.grading.clone import Clone, Rows

OWN_PAGE = "mlprod.grading.feedback.FeedbackExporter"
RAISED = re.compile(r"[\w.]+(Error|Exception)\b(:|$)")


@dataclass(frozen=True)
class Setup:
    """What the workers of one run need to know.

    `work` is the folder of the run, inside `root`, which workers on other machines must see too. `kernel_name` is that
    of kernels that exist already; None: the worker starts its own. `round`: whose submissions, which is all that
    changes while a worker stays.
    """

    root: Path
    assignment: str
    work: Path
    sandboxed: bool
    kernel_name: str | None
    modules: tuple[str, ...]
    round: int = field(default=0, compare=False)

    @property
    def seed(self) -> Path:
        """The gradebook's part about this round's submissions."""
        return self.work / f"seed-{self.round}.db"

    def folder(self, step: str) -> Path:
        """Where workers leave the results of "autograded" or "feedback": STUDENT/ASSIGNMENT in it."""
        return self.work / step


@dataclass(frozen=True)
class Graded:
    """One submission: `state` is "graded", "skipped" (it was graded before) or "failed", and then `log` tells why.

    `score` and `most` are in points; `by_hand`: something in it waits for a person; `seconds`, those of its worker.
    """

    student: str
    state: str
    score: float | None = None
    most: float | None = None
    by_hand: bool = False
    seconds: float = 0.0
    log: str = ""
    incidents: tuple[dict[str, Any], ...] = ()
    """What happened to it while it was graded (`mlprod.grading.incidents`)."""

    @property
    def reason(self) -> str:
        """The line of the log that says what went wrong: the exception, else the last complaint."""
        lines = [line.strip() for line in self.log.split("\n") if line.strip()] or [""]
        raised = [line for line in lines if RAISED.match(line) and "NbGraderException" not in line]
        said = [line for line in lines if line.startswith("[ERROR]") and "Please see the" not in line]
        return (raised or said or lines)[-1].removeprefix("[ERROR] ")


@dataclass(frozen=True)
class Outcome:
    """What a worker hands back: the submission, the gradebook's rows about it, and which results it wrote.

    `ended`: the worker did, and handed back nothing.
    """

    graded: Graded
    rows: Rows = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    ended: bool = False


def grade_one(setup: Setup, student: str, feedback_only: bool = False) -> Outcome:
    """Grade a submission, or with `feedback_only` write the feedback of one that was graded before."""
    with _one_at_a_time:
        worker = _worker(setup)
        worker.begin(setup.round)
        return worker.grade(student, feedback_only)


def rehearse(setup: Setup) -> None:
    """Grade the exercise as it is handed out, for nobody: what a worker's first submission needs is there then."""
    with _one_at_a_time:
        _worker(setup).rehearse()


class Worker:
    """What a process keeps from one submission to the next."""

    def __init__(self, setup: Setup) -> None:
        skip_slow_imports()
        from mlprod.grading.clone import URL, open_clone
        from mlprod.grading.kernels import forked_kernels
        from mlprod.grading.quicker import KeptFeedbackExporter, KeptNotebookExporter, quicken_nbgrader

        self.setup = setup
        self.open = contextlib.ExitStack()
        config = configuration.load(setup.root)
        kernel_name = setup.kernel_name
        if kernel_name is None:
            light = configuration.kernel_arguments(config)
            kernels = forked_kernels(setup.modules, sandboxed=setup.sandboxed, light=light)
            kernel_name = self.open.enter_context(kernels)
        config.Execute.kernel_name = kernel_name
        config.CourseDirectory.db_url = URL
        config.Exporter.optimistic_validation = True  # once, after all its preprocessors
        config.NotebookExporter.default_preprocessors = []  # which nbgrader replaces with its own
        if config.GenerateFeedback.exporter_class == OWN_PAGE:
            config.GenerateFeedback.exporter_class = KeptFeedbackExporter
        config.Autograde.setdefault("exporter_class", KeptNotebookExporter)
        self.graded = str(config.CourseDirectory.autograded_directory)
        self.round = setup.round
        self.clone: Clone = open_clone(setup.seed.read_bytes())
        self.api = nbgrader_api(config)
        quicken_nbgrader()
        gc.collect()
        gc.freeze()  # what was imported stays, and is shared with whoever forked this process
        gc.set_threshold(50_000, 20, 20)

    def begin(self, round: int) -> None:
        """Forget the submission before, and know what the gradebook says of those of this round."""
        seed = self.clone.seed if round == self.round else replace(self.setup, round=round).seed.read_bytes()
        self.round = round
        if seed == self.clone.seed:
            self.clone.reset()
        else:
            self.clone.begin(seed)

    def rehearse(self) -> None:
        from nbgrader.utils import temp_attrs

        setup, nobody = self.setup, f"rehearsal-{os.getpid()}"
        exercise = notebook("exercises", setup.assignment, "es", setup.root)
        if not exercise.is_file():
            return
        place = setup.work / "rehearsal" / nobody / setup.assignment
        place.mkdir(parents=True)
        shutil.copy(exercise, place / f"{setup.assignment}.ipynb")
        with temp_attrs(self.api.coursedir, submitted_directory=str(place.parents[1].relative_to(setup.root))):
            self.grade(nobody, False)
        for left in (place.parent, *(setup.folder(step) / nobody for step in STEPS)):
            shutil.rmtree(left, ignore_errors=True)

    def grade(self, student: str, feedback_only: bool) -> Outcome:
        from nbgrader.utils import temp_attrs

        from mlprod.grading import incidents
        from mlprod.grading.clone import URL, submission_rows
        from mlprod.grading.intake import received

        setup, started = self.setup, time.monotonic()
        inside = setup.work.relative_to(setup.root)
        graded = self.graded if feedback_only else f"{inside}/autograded"
        with (
            temp_attrs(
                self.api.coursedir, autograded_directory=graded, feedback_directory=f"{inside}/feedback", db_url=URL
            ),
            received(self.api.coursedir, setup.assignment, student) as handed_in,
            self.clone.gradebook() as gradebook,
        ):
            steps, log, ok = [], "", handed_in.problem is None
            if not ok:
                log = f"[ERROR] {handed_in.problem}"
                gradebook.update_or_create_student(student)
                gradebook.update_or_create_submission(setup.assignment, student)
            for step, run in (("autograded", self.api.autograde), ("feedback", self.api.generate_feedback)):
                if ok and not (feedback_only and step == "autograded"):
                    result = run(setup.assignment, student, force=True)
                    log += result.get("log", "") + result.get("error", "")
                    ok = result["success"]
                    steps += [step] if ok else []
            self.clone.session.settle()
            rows = {} if feedback_only else submission_rows(gradebook, setup.assignment, [student])
            score, most, by_hand = None, None, False
            if ok:
                submission = gradebook.find_submission(setup.assignment, student)
                score, most = submission.score, submission.max_score
                by_hand = bool(submission.needs_manual_grade)
            place = self.api.coursedir.format_path(graded, student, setup.assignment)
        happened = incidents.in_file(Path(place, f"{setup.assignment}.ipynb")) if ok else []
        happened += [{"what": "file", "where": handed_in.left_out}] if handed_in.left_out else []
        state = ("skipped" if feedback_only else "graded") if ok else "failed"
        seconds = time.monotonic() - started
        told = Graded(student, state, score, most, by_hand, seconds, log, tuple(happened))
        return Outcome(told, rows, tuple(steps))

    def close(self) -> None:
        self.open.close()


_one_at_a_time = threading.RLock()  # nbgrader's converters change the process's current folder
_workers: dict[Setup, Worker] = {}


def _worker(setup: Setup) -> Worker:
    if setup not in _workers:
        for old in _workers.values():
            old.close()
        _workers.clear()
        _workers[setup] = Worker(setup)
    return _workers[setup]


def nbgrader_api(config: Any) -> NbGraderAPI:
    """nbgrader's commands as functions, configured so; what they say is in their results."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from sqlalchemy.exc import SAWarning

    warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")  # three for each new student
    log = logging.getLogger("mlprod.nbgrader")  # each step's log is in its result
    log.setLevel(logging.INFO)
    log.addHandler(logging.NullHandler())
    log.propagate = False
    return NbGraderAPI(CourseDirectory(config=config, log=log), config=config, log=log)
