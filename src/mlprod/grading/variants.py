"""The notebooks that an audit grades: the answer, the stub, the release, every right and every wrong answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlprod.authoring.build import released, render, render_variant
from mlprod.authoring.model import Source, Wrong
from mlprod.grading.student_view import is_test
from mlprod.language import Language, tr

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True, eq=False)
class Variant:
    """A notebook and what it must earn: `expected` has the points of each task that it judges.

    `task` is None for the whole answer and the whole release; `wrong` is set for wrong answers; `name` says which
    variant it is, in the reader's language.
    """

    source: Source
    lang: Language
    name: str
    task: str | None
    notebook: NotebookNode
    expected: dict[str, float]
    wrong: Wrong | None = None


def variants(source: Source, lang: Language) -> Iterator[Variant]:
    """All of them, the longest (the two whole notebooks) first. Raises SourceError."""
    full = {task.name: task.points for task in source.tasks.values()}
    answer = tr(es="la respuesta", en="the answer")
    solved = render(source, lang)
    yield Variant(source, lang, answer, None, solved, full)
    exercise = with_hidden_tests(released(source, lang), solved)
    blank = tr(es="el ejercicio sin tocar", en="the untouched exercise")
    essays = {essay.grade_id: 0.0 for essay in source.essays}
    yield Variant(source, lang, blank, None, exercise, {**dict.fromkeys(full, 0.0), **essays})
    stubs = {_grade_id(cell): cell.source for cell in exercise.cells}
    for task in source.tasks.values():

        def variant(name: str, code: str, score: float, wrong: Wrong | None = None, task=task) -> Variant:
            notebook = only(render_variant(source, lang, {task.name: code}), source, task.name)
            return Variant(source, lang, name, task.name, notebook, {task.name: score}, wrong)

        yield variant(tr(es="la plantilla", en="the stub"), stubs[task.name], 0.0)
        for cell in task.rights:
            yield variant(
                tr(es=f"la correcta de la línea {cell.line}", en=f"right, line {cell.line}"), cell.source, task.points
            )
        for cell in task.wrongs:
            misconception = cell.misconception[lang]
            name = tr(
                es=f"la errónea de la línea {cell.line} («{misconception}»)",
                en=f"wrong, line {cell.line} ({misconception})",
            )
            yield variant(name, cell.source, cell.score, cell)


def with_hidden_tests(exercise: NotebookNode, solved: NotebookNode) -> NotebookNode:
    """`exercise` with its test cells whole again, as nbgrader makes them before it grades a submission."""
    tests = {_grade_id(cell): cell.source for cell in solved.cells if is_test(cell)}
    for cell in exercise.cells:
        cell.source = tests.get(_grade_id(cell), cell.source)
    return exercise


def only(notebook: NotebookNode, source: Source, task: str) -> NotebookNode:
    """`notebook` up to the last test of `task`, without the tests of other tasks: nothing runs that is not needed."""
    own = {test.grade_id for test in source.tasks[task].tests}
    others = {test.grade_id for other in source.tasks.values() for test in other.tests} - own
    last = max((i for i, cell in enumerate(notebook.cells) if _grade_id(cell) in own), default=len(notebook.cells) - 1)
    notebook.cells = [cell for cell in notebook.cells[: last + 1] if _grade_id(cell) not in others]
    return notebook


def _grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")
