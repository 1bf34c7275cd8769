"""The notebooks that an audit grades: the answer, the stub, the release, every right and every wrong answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from mlprod.authoring.build import released, render
from mlprod.authoring.localise import localise
from mlprod.authoring.model import Source, Wrong
from mlprod.grading.student_view import is_test
from mlprod.language import Language, tr


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
            notebook = answered(solved, source, task.name, code)
            return Variant(source, lang, name, task.name, notebook, {task.name: score}, wrong)

        yield variant(tr(es="la plantilla", en="the stub"), stubs[task.name], 0.0)
        for cell in task.rights:
            name = tr(es=f"la correcta de la línea {cell.line}", en=f"right, line {cell.line}")
            yield variant(name, localise(cell, lang, source.path), task.points)
        for cell in task.wrongs:
            misconception = cell.misconception[lang]
            name = tr(
                es=f"la errónea de la línea {cell.line} («{misconception}»)",
                en=f"wrong, line {cell.line} ({misconception})",
            )
            yield variant(name, localise(cell, lang, source.path), cell.score, cell)


def with_hidden_tests(exercise: NotebookNode, solved: NotebookNode) -> NotebookNode:
    """`exercise` with its test cells whole again, as nbgrader makes them before it grades a submission."""
    tests = {_grade_id(cell): cell.source for cell in solved.cells if is_test(cell)}
    for cell in exercise.cells:
        cell.source = tests.get(_grade_id(cell), cell.source)
    return exercise


def answered(solved: NotebookNode, source: Source, task: str, code: str) -> NotebookNode:
    """The rendered notebook `solved` with `code` as the answer of `task`: its first cells, up to that task's last test.

    The tests of other tasks are left out, so that nothing runs that is not needed. What `render_variant` gives, at a
    hundredth of its price; other cells are shared with `solved`, not copied.
    """
    own = {test.grade_id for test in source.tasks[task].tests}
    others = {test.grade_id for other in source.tasks.values() for test in other.tests} - own
    last = max((i for i, cell in enumerate(solved.cells) if _grade_id(cell) in own), default=len(solved.cells) - 1)
    cells = [cell for cell in solved.cells[: last + 1] if _grade_id(cell) not in others]
    mine = next(i for i, cell in enumerate(cells) if _grade_id(cell) == task)
    cells[mine] = NotebookNode({**cells[mine], "source": code})
    return NotebookNode({**solved, "cells": cells})


def _grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")
