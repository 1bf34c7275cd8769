"""A made-up class: right, wrong, blank and mixed submissions to one assignment, in both languages, of known scores."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from mlprod.authoring.localise import localise
from mlprod.authoring.model import Source, Wrong
from mlprod.authoring.source import load
from mlprod.course import notebook as path_of

KINDS = ("right", "wrong", "blank", "mixed")
MARKER = re.compile(r"\s*### (BEGIN|END) SOLUTION\s*")
ESSAYS = {"es": "Depende: {} de cada cien viajes.", "en": "It depends: {} of every hundred rides."}


@dataclass(frozen=True)
class Student:
    """Who handed in what. `score` is what the audit says that it must earn, without the essays (`essays`: those that
    were written in, and so wait for a person); `tasks` has it by task, `wrongs` the wrong answer that was handed in.
    """

    name: str
    lang: str
    kind: str
    score: float
    tasks: dict[str, float]
    wrongs: dict[str, Wrong] = field(default_factory=dict)
    essays: tuple[str, ...] = ()


def make_class(
    root: Path, assignment: str, n: int, seed: int = 0, kinds: tuple[str, ...] = KINDS
) -> dict[str, Student]:
    """Write grading/submitted/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb for `n` students of the built course at `root`.

    The kinds of `kinds` take turns, and so do the languages; `mixed` leaves some tasks blank, answers some wrong and
    some right. Every wrong answer of the source is handed in before any is again. Same arguments, same class.
    """
    random_ = random.Random(f"{assignment}/{seed}")
    source = load(root / "solutions" / f"{assignment}.py")
    unused: dict[str, list[Wrong]] = {}
    students = {}
    for number in range(n):
        lang, kind = ("es", "en")[(number // len(kinds)) % 2], kinds[number % len(kinds)]
        name = f"{kind}_{lang}_{number:04}"
        student = _student(name, lang, kind, source, random_, unused)
        _hand_in(root, source, student, random_)
        students[name] = student
    return students


def code_of(source: Source, lang: str, cell: object) -> str:
    """What a student would have written: the code of an answer, right or wrong, without what is said about it."""
    code = localise(cell, lang, source.path)  # type: ignore[arg-type]
    if isinstance(cell, Wrong):
        code = re.sub(r"\A(#.*\n)+", "", code)
    return "\n".join(line for line in code.split("\n") if not MARKER.fullmatch(line))


def _student(
    name: str, lang: str, kind: str, source: Source, random_: random.Random, unused: dict[str, list[Wrong]]
) -> Student:
    def wrong(task: str) -> Wrong:
        left = unused.setdefault(task, [])
        if not left:
            left += random_.sample(source.tasks[task].wrongs, len(source.tasks[task].wrongs))
        return left.pop()

    if kind == "mixed":
        what = {task: random_.choice(("right", "wrong", "blank")) for task in source.tasks}
    else:
        what = dict.fromkeys(source.tasks, kind)
    wrongs = {task: wrong(task) for task, how in what.items() if how == "wrong"}
    scores = {
        task: {"right": source.tasks[task].points, "blank": 0.0}.get(how, wrongs[task].score if task in wrongs else 0.0)
        for task, how in what.items()
    }
    essays = tuple(essay.grade_id for essay in source.essays if kind != "blank" and random_.random() < 0.7)
    return Student(name, lang, kind, sum(scores.values()), scores, wrongs, essays)


def _hand_in(root: Path, source: Source, student: Student, random_: random.Random) -> None:
    released = _released(root, source, student.lang)
    for cell in released.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in student.wrongs:
            cell.source = code_of(source, student.lang, student.wrongs[grade_id])
        elif grade_id in source.tasks and student.tasks[grade_id] > 0:
            task = source.tasks[grade_id]
            cell.source = code_of(source, student.lang, random_.choice((task.answer, *task.rights)))
        elif grade_id in student.essays:
            cell.source = ESSAYS[student.lang].format(random_.randint(1, 99))
    folder = root / "grading" / "submitted" / student.name / source.name
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(released, folder / f"{source.name}.ipynb")


def _released(root: Path, source: Source, lang: str) -> NotebookNode:
    return nbformat.read(path_of("exercises", source.name, lang, root), 4)
