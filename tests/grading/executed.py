"""Graded notebooks without executing anything: their tests fail as the catalogue of misconceptions says they do."""

from __future__ import annotations

import shutil
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output

from mlprod.authoring.build import build, released, render
from mlprod.authoring.model import Source
from mlprod.grading.catalogue import Entry
from mlprod.grading.student_view import is_test
from mlprod.grading.variants import with_hidden_tests

HERE = Path(__file__).parent


def toy_course(root: Path) -> Path:
    """The toy course of conftest's new_course at `root`, for fixtures that live longer than a test."""
    for folder in ("lessons", "datasets", "solutions", "grading"):
        (root / folder).mkdir(parents=True)
    (root / "glossary.yml").touch()
    shutil.copy(HERE.parents[1] / "grading" / "nbgrader_config.py", root / "grading")
    shutil.copy(HERE / "toy.txt", root / "solutions" / "90_toy.py")
    build(root)
    return root


def executed(source: Source, lang: str, answers: dict[str, tuple[str, dict[str, str]]]) -> NotebookNode:
    """The exercise as nbgrader leaves it after GetGrades; `answers` has the code of a task and its tests' messages.

    A test that fails leaves the traceback that IPython does, with the lines of its hidden part.
    """
    nb = with_hidden_tests(released(source, lang), render(source, lang))
    messages = {grade_id: text for _, said in answers.values() for grade_id, text in said.items()}
    for number, cell in enumerate(nb.cells):
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code":
            cell.execution_count = number
        if marks.get("grade_id") in answers:
            cell.source = answers[marks.grade_id][0]
        if marks.get("grade"):
            marks.score = marks.points
        if is_test(cell) and (message := messages.get(marks.grade_id)):
            lines = [f"---> {n} {line}" for n, line in enumerate(cell.source.split("\n"))]
            cell.outputs = [new_output("error", ename="AssertionError", evalue=message, traceback=[*lines, message])]
            marks.score = 0.0
    return nb


def wrong(entry: Entry, lang: str) -> tuple[str, dict[str, str]]:
    """An answer that is that of `entry`, for `executed`."""
    return entry.code[lang], dict(entry.messages[lang] or {})


RESOURCES = {"assignment": "90_toy", "notebook": "90_toy", "student": "ana", "score": 4.0, "max_score": 10.0}


def resources(**more: object) -> dict:
    """What nbgrader gives a feedback exporter."""
    return {"nbgrader": {**RESOURCES, "late_penalty": 0.0, **more}}
