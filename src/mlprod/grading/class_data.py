"""What is known of a class and one assignment: the gradebook's grades, and what the graded notebooks hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry

from mlprod.errors import CourseError
from mlprod.grading import configuration, incidents, intake
from mlprod.grading.student_view import is_test, language_of, visible_message
from mlprod.language import Language, tr


@dataclass(frozen=True)
class Item:
    """One graded cell: `task` is what it grades, `essay` whether a person grades it."""

    grade_id: str
    task: str
    points: float
    essay: bool = False


@dataclass
class Graded:
    """One student's submission. `scores` by grade id (None: waits for a person), `late_s` in seconds (0: in time),
    `messages` of the tests that failed and `code` of the answers as they were handed in, `by_hand` what waits and
    `incidents` what was noted while it was graded.
    """

    student: str
    score: float
    most: float
    late_s: float = 0.0
    penalty: float = 0.0
    scores: dict[str, float | None] = field(default_factory=dict)
    by_hand: list[str] = field(default_factory=list)
    lang: Language = "es"
    messages: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""

    def task_score(self, items: list[Item], task: str) -> float | None:
        """What the task earned, None while any of it waits for a person."""
        scores = [self.scores.get(item.grade_id, 0.0) for item in items if item.task == task]
        return None if None in scores else float(sum(scores))  # type: ignore[arg-type]


@dataclass
class Class:
    """An assignment's items, its graded submissions, and who handed in something that is not (`ungraded`: and why)."""

    assignment: str
    items: list[Item]
    graded: list[Graded]
    ungraded: dict[str, str]
    due: bool

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(item.task for item in self.items))


def assignments(root: Path) -> list[str]:
    """The assignments in the gradebook that somebody's submission has been graded of."""
    with _gradebook(root) as gradebook:
        return sorted(a.name for a in gradebook.assignments if a.num_submissions)


def read(root: Path, assignment: str) -> Class:
    """All of it, students in the order of their names. Raises CourseError when nothing of it has been graded."""
    with _gradebook(root) as gradebook:
        try:
            found = gradebook.find_assignment(assignment)
        except MissingEntry:
            found = None
        submissions = gradebook.assignment_submissions(assignment) if found else []
        if not submissions:
            raise CourseError(
                tr(
                    es=f"No hay nada calificado de {assignment}: empieza por mlprod grade {assignment}",
                    en=f"Nothing of {assignment} has been graded: begin with mlprod grade {assignment}",
                )
            )
        items = _items(found)
        graded = sorted((_graded(s) for s in submissions), key=lambda g: g.student)
        due = found.duedate is not None
    for one in graded:
        _read_notebook(one, root / "grading" / "autograded" / one.student / assignment / f"{assignment}.ipynb")
    folders = {p.parent.name: p for p in (root / "grading" / "submitted").glob(f"*/{assignment}") if p.is_dir()}
    left = sorted(folders.keys() - {one.student for one in graded})
    return Class(assignment, items, graded, {name: _why_not(folders[name], assignment) for name in left}, due)


def _why_not(folder: Path, assignment: str) -> str:
    """Why the submission in `folder` has no grade."""
    not_tried = tr(es="falta pasar mlprod grade", en="mlprod grade has not been run on it")
    return intake.look(folder, assignment).problem or not_tried


def _gradebook(root: Path) -> Gradebook:
    url = configuration.load(root).CourseDirectory.db_url
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.is_file():
        raise CourseError(
            tr(
                es="No hay libro de notas todavía: empieza por mlprod grade ASIGNACIÓN",
                en="There is no gradebook yet: begin with mlprod grade ASSIGNMENT",
            )
        )
    return Gradebook(url)


def _items(assignment: Any) -> list[Item]:
    """In the order of the notebook, as its cells were recorded."""
    notebook = assignment.notebooks[0]
    answers = [cell.name for cell in notebook.solution_cells]
    order = {cell.name: number for number, cell in enumerate(notebook.source_cells)}
    cells = sorted(notebook.grade_cells, key=lambda cell: order.get(cell.name, len(order)))
    return [
        Item(cell.name, task_of(cell.name, answers), cell.max_score, cell.cell_type == "markdown") for cell in cells
    ]


def task_of(grade_id: str, tasks: list[str]) -> str:
    """The task that a cell grades: itself (an essay), else the longest TASK of test_TASK or test_TASK_PART."""
    rest = grade_id.removeprefix("test_")
    fitting = [task for task in tasks if grade_id == task or rest == task or rest.startswith(task + "_")]
    return max(fitting, key=len, default=rest)


def _graded(submission: Any) -> Graded:
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    student = submission.student
    return Graded(
        student.id,
        submission.score,
        submission.max_score,
        submission.total_seconds_late,
        submission.late_submission_penalty,
        {grade.name: None if grade.needs_manual_grade else grade.score for grade in grades},
        [grade.name for grade in grades if grade.needs_manual_grade],
        first_name=student.first_name or "",
        last_name=student.last_name or "",
        email=student.email or "",
        lms_id=student.lms_user_id or "",
    )


def _read_notebook(one: Graded, path: Path) -> None:
    try:
        nb: NotebookNode = nbformat.v4.reads(path.read_text(encoding="utf-8"))  # nbgrader wrote it: no need to validate
    except (OSError, ValueError, KeyError):
        return  # its grades are in the gradebook all the same
    one.lang, one.incidents = language_of(nb), incidents.of(nb)
    for grade_id, cell in _marked(nb):
        if is_test(cell):
            if message := visible_message(cell, one.lang):
                one.messages[grade_id] = message
        elif cell.cell_type == "code" and cell.metadata.nbgrader.get("solution"):
            one.code[grade_id] = cell.source


def _marked(nb: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    for cell in nb.cells:
        if grade_id := cell.metadata.get("nbgrader", {}).get("grade_id"):
            yield grade_id, cell
