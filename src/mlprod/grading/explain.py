"""A graded notebook, task by task: what came, what was expected, what may lie behind it, and where to go on reading."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from mlprod.authoring.localise import mask_magics
from mlprod.grading import catalogue, hints, incidents, reread, task_hints
from mlprod.grading.hints import STUB
from mlprod.grading.recognise import Guess, recognise
from mlprod.grading.student_view import TEXT, is_test, message_shown
from mlprod.language import Language

HEADING = re.compile(r"^#{2,3} +(.+?)\s*$", re.MULTILINE)
TITLE = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)
POINTS = re.compile(r" *\([\d.]+ (?:puntos?|points?)\)$")  # said again beside the score
_CALL = r"la última llamada debería (?:dar|cerrar)|the last call should (?:give|close)"  # what tests of a sequence say
_GOT = r"y (?:da|cierra)|and it (?:gives|closes)"
EXPECTED = re.compile(rf"^ *(?:se esperaba|expected|{_CALL}): *(.*)$", re.MULTILINE)
CAME = re.compile(rf"^ *(?:has devuelto|se ha obtenido|you returned|observed|{_GOT}): *(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One graded cell of a task: `message` is "" when it passed; `expected` and `came` are set when it tells them.

    `part` is the name that its author gave it, `shown` whether the student can read any of it.
    """

    grade_id: str
    part: str
    score: float
    points: float
    message: str = ""
    shown: bool = True

    @property
    def passed(self) -> bool:
        return not self.message

    @property
    def about(self) -> str:
        """The message without the lines that say what was expected and what came."""
        return CAME.sub("", EXPECTED.sub("", self.message)).strip("\n") if self.expected else self.message

    @property
    def expected(self) -> str:
        return _first(EXPECTED, self.message) if CAME.search(self.message) else ""

    @property
    def came(self) -> str:
        return _first(CAME, self.message) if EXPECTED.search(self.message) else ""


@dataclass(frozen=True)
class Explained:
    """One task. `state` is "passed", "failed", "blank" (not begun) or "pending" (a person has to grade it)."""

    name: str
    title: str
    state: str
    score: float
    points: float
    checks: tuple[Check, ...] = ()
    guesses: tuple[Guess, ...] = ()
    hint: str = ""
    objectives: tuple[str, ...] = ()
    sections: tuple[reread.Section, ...] = ()
    comments: tuple[str, ...] = ()
    essay: bool = False


@dataclass
class _Group:
    name: str
    title: str
    statement: str
    answer: NotebookNode | None = None
    graded: list[NotebookNode] = field(default_factory=list)


def explain(
    nb: NotebookNode, lang: Language, root: Path, assignment: str, pending: Collection[str] = ()
) -> list[Explained]:
    """The tasks of `nb`, in its order. Its cells have their scores and comments in nbgrader's metadata, as GetGrades
    leaves them, and `student_view` has been through it: nothing is taken from it that a student may not see.

    `pending` has the grade ids that wait for a person. Without the source of the unit there are no misconceptions.
    """
    known = catalogue.load(root, assignment)
    marks = _marks(root, assignment)
    lesson = reread.lesson(root, assignment, lang)
    found: list[Explained] = []
    hinted: set[str] = set()  # the same advice once
    for group in _groups(nb):
        essay = group.answer is not None and group.answer.cell_type == "markdown"
        checks = () if essay else tuple(_check(cell, group.name, lang) for cell in group.graded)
        score = sum(_number(cell, "score") for cell in group.graded)
        points = sum(_number(cell, "points") for cell in group.graded)
        failed = {check.grade_id: check.message for check in checks if check.message}
        code = group.answer.source if group.answer is not None else ""
        if any(_id(cell) in pending for cell in group.graded):
            state = "pending"
        elif essay:
            state = "passed" if score >= points else ("failed" if score else "blank")
        else:
            begun = score or STUB not in code or not (_only_stubs(code) or all(STUB in m for m in failed.values()))
            state = "passed" if not failed else ("failed" if begun else "blank")
        guesses = recognise(known.get(group.name, ()), code, score, failed, lang) if state == "failed" else ()
        rows, objectives = _aims(group, marks, failed)
        aims = [lesson.objectives.get(key, "") for key in objectives]
        failure = "\n".join([*aims, *failed.values(), *(guess.text for guess in guesses)])
        to_read = state in ("failed", "blank")
        told = _advice(assignment, group, state, failed, guesses, lang) if to_read and not essay else []
        found.append(
            Explained(
                group.name,
                group.title,
                state,
                score,
                points,
                checks,
                guesses,
                " ".join(text for text in told if text not in hinted),
                tuple(f"{key}: {lesson.objectives.get(key, '')}".rstrip(": ") for key in objectives) if to_read else (),
                reread.sections_for(lesson, rows, group.statement, failure) if to_read else (),
                tuple(c for cell in group.graded if (c := cell.metadata.nbgrader.get("comment"))),
                essay,
            )
        )
        hinted.update(told)
    return found


def _groups(nb: NotebookNode) -> Iterator[_Group]:
    """Each answer with the tests that grade it, and each essay alone, under the heading that stands before."""
    title, statement, groups = "", "", {}
    for cell in nb.cells:
        if cell.cell_type == "markdown" and not is_solution(cell):
            headings = HEADING.findall(cell.source)
            title = POINTS.sub("", reread.plain(headings[-1])) if headings else title
            statement = cell.source
        if is_solution(cell):
            name = _id(cell)
            groups[name] = _Group(name, title or name, statement, cell, [cell] if is_grade(cell) else [])
        elif is_test(cell):
            name = _task_of(_id(cell), groups)
            groups.setdefault(name, _Group(name, title or name, statement)).graded.append(cell)
    yield from (group for group in groups.values() if group.graded)


def _task_of(grade_id: str, tasks: Iterable[str]) -> str:
    """The task that test `grade_id` (test_TASK or test_TASK_PART) grades: the longest name that fits."""
    rest = grade_id.removeprefix("test_")
    return max((task for task in tasks if rest == task or rest.startswith(task + "_")), key=len, default=rest)


def _part(grade_id: str, task: str) -> str:
    """The name of a test within its task: "arrive" of test_publish_arrive."""
    return grade_id.removeprefix("test_").removeprefix(task).strip("_")


def _check(cell: NotebookNode, task: str, lang: Language) -> Check:
    grade_id = _id(cell)
    part = _part(grade_id, task)
    shown = any(line.strip() and not line.lstrip().startswith("#") for line in cell.source.split("\n"))
    score, points = _number(cell, "score"), _number(cell, "points")
    message = message_shown(cell)
    if not message and score < points and cell.execution_count is None:  # the kernel died before it
        message = TEXT[lang]["not_run"]
    return Check(grade_id, part, score, points, message, shown)


def _advice(
    assignment: str, group: _Group, state: str, failed: dict[str, str], guesses: tuple[Guess, ...], lang: Language
) -> list[str]:
    """Where to go on: what is plainly wrong, and what the task's author says; else what always helps."""
    stopped = incidents.stopped_by(group.answer) if group.answer is not None else ""
    code = group.answer.source if group.answer is not None else ""
    cause = stopped or (hints.BLANK[lang] if state == "blank" else hints.mechanical(code, failed.values(), lang))
    authored = task_hints.hint(assignment, group.name, [_part(name, group.name) for name in failed], lang)
    return [text for text in (cause, authored) if text] or [hints.general(bool(guesses), lang)]


def title_of(nb: NotebookNode, name: str) -> str:
    """The notebook's first heading, or `name`."""
    headings = (TITLE.search(cell.source) for cell in nb.cells if cell.cell_type == "markdown")
    return next((reread.plain(found[1]) for found in headings if found), name)


def _marks(root: Path, assignment: str) -> dict[str, tuple[tuple[int, ...], str | None]]:
    """The rows and the objective of each graded cell, as the unit's source has them."""
    source = catalogue.source_of(root, assignment)
    if source is None:
        return {}
    tests = [test for task in source.tasks.values() for test in task.tests]
    return {cell.grade_id: (cell.rows, cell.objective) for cell in (*tests, *source.essays)}


def _only_stubs(code: str) -> bool:
    """Whether every function of `code` does nothing but raise (after its docstring)."""
    try:
        nodes = list(ast.walk(ast.parse(mask_magics(code))))
    except SyntaxError:
        return False
    bodies = [node.body for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return all(
        isinstance(line, ast.Raise) or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for body in bodies
        for line in body
    )


def _aims(group: _Group, marks: dict, failed: dict[str, str]) -> tuple[set[int], list[str]]:
    """The rows and objectives of what failed (of the whole task when nothing is marked as failed)."""
    cells = [cell for cell in group.graded if _id(cell) in failed] or group.graded
    found = [marks[_id(cell)] for cell in cells if _id(cell) in marks]
    rows = {row for some, _ in found for row in some}
    return rows, list(dict.fromkeys(objective for _, objective in found if objective))


def _id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _number(cell: NotebookNode, name: str) -> float:
    return float(cell.metadata.nbgrader.get(name) or 0.0)


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1].strip() if match else ""
