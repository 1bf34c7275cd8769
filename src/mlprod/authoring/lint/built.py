"""Built notebooks as they lie on disk: without outputs, and exercises without what students must not see."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlprod.authoring.lint.course import Course
from mlprod.authoring.localise import mask_magics
from mlprod.authoring.markers import NEAR, is_marker
from mlprod.authoring.model import Answer, Code, Essay, Right, Source, Test, Wrong
from mlprod.authoring.problems import SourceError
from mlprod.course import notebook
from mlprod.language import LANGUAGES, tr

DISTINCTIVE = 12  # characters: shorter lines (`return x`) say nothing


def no_outputs(source: Source, course: Course) -> Iterator[SourceError]:
    """No notebook is committed with outputs (rule outputs)."""
    kinds = ["lessons"] if source.kind == "lessons" else ["solutions", "exercises"]
    for path, cells in _notebooks(source, course, kinds):
        for number, cell in enumerate(cells, 1):
            if cell.get("outputs") or cell.get("execution_count"):
                yield SourceError(
                    path,
                    1,
                    "outputs",
                    tr(
                        es=f"la celda {number} tiene salidas; ejecuta `mlprod build`",
                        en=f"cell {number} has outputs; run `mlprod build`",
                    ),
                )


def nothing_leaks(source: Source, course: Course) -> Iterator[SourceError]:
    """No solution, hidden test, wrong or right answer, or marker is in exercises/ (rule leak)."""
    if source.kind != "solutions":
        return
    secret = secrets(source)
    for path, cells in _notebooks(source, course, ["exercises"]):
        for number, cell in enumerate(cells, 1):
            for line in "".join(cell["source"]).split("\n"):
                if NEAR.search(line) or line.strip() in secret:
                    yield SourceError(
                        path,
                        1,
                        "leak",
                        tr(
                            es=f"la celda {number} enseña lo que el estudiante no debe ver: {line.strip()}",
                            en=f"cell {number} shows what students must not see: {line.strip()}",
                        ),
                    )


def stubs_are_python(source: Source, course: Course) -> Iterator[SourceError]:
    """What is left of an answer without its solution is Python: it fails by being unfinished (rule stub-syntax)."""
    answers = {task.answer.grade_id: task.answer.line for task in source.tasks.values()}
    found = {}
    for _, cells in _notebooks(source, course, ["exercises"]):
        for cell in cells:
            line = answers.get(cell["metadata"].get("nbgrader", {}).get("grade_id"))
            code = "".join(cell["source"])
            if line is None or code.startswith("%%"):
                continue
            try:
                ast.parse(mask_magics(code))
            except SyntaxError as error:
                found[line] = str(error.msg)
    for line, reason in found.items():
        yield SourceError(
            source.path,
            line,
            "stub-syntax",
            tr(
                es=f"sin la solución no queda Python válido ({reason}): mueve los marcadores",
                en=f"without the solution this is no valid Python ({reason}): move the markers",
            ),
        )


def secrets(source: Source) -> set[str]:
    """Lines, stripped, that only solutions, hidden tests, wrong and right answers and model answers have."""
    hidden: set[str] = set()
    seen: set[str] = set()
    for cell in source.cells:
        if isinstance(cell, Wrong | Right):
            hidden.update(cell.source.split("\n"))
        elif isinstance(cell, Answer | Test):
            inside = False
            for line in cell.source.split("\n"):
                if is_marker(line):
                    inside = "BEGIN" in line
                else:
                    (hidden if inside else seen).add(line)
        elif isinstance(cell, Code):
            seen.update(cell.source.split("\n"))
        elif isinstance(cell, Essay):
            hidden.update(line for text in cell.model_answer.values() for line in text.source.split("\n"))
            seen.update(line for text in cell.prompt.values() for line in text.source.split("\n"))
    known = {line.strip() for line in seen}
    return {line.strip() for line in hidden if len(line.strip()) >= DISTINCTIVE} - known


def _notebooks(source: Source, course: Course, kinds: list[str]) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """The built notebooks of `source` that are on disk (`mlprod build --check` tells the missing ones)."""
    for kind in kinds:
        for lang in LANGUAGES:
            path = notebook(kind, source.name, lang, course.root)
            try:
                yield path, json.loads(path.read_text(encoding="utf-8"))["cells"]
            except FileNotFoundError:
                continue
            except (ValueError, KeyError):
                yield path, []
