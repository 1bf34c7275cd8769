"""What a test cell's outputs are worth, settled before nbgrader reads them.

nbgrader gives a test cell 0 for anything on stderr (a library's warning), and the first number that the cell "returned"
as partial credit even when an error follows, or when it is not a number at all. And one output that is not text
keeps the whole notebook from being written.
"""

from __future__ import annotations

import ast
import math
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from mlprod.grading import incidents, syntax
from mlprod.grading.student_view import is_test, language_of

LONGEST_MESSAGE = 4000  # characters of an error's message, and of each line of its traceback


class SettleOutputs(NbGraderPreprocessor):
    """Goes after Execute (and CheckCanaries) and before SaveAutoGrades."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        settle(nb)
        return nb, resources


def settle(nb: NotebookNode) -> None:
    """Settle the outputs of the executed notebook `nb`, in place."""
    forged = []
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [_writable(output) for output in cell.outputs]
        if is_test(cell):
            cell.outputs, honest = _of_test(cell, language_of(nb))
            forged += [] if honest else [cell.metadata.nbgrader.grade_id]
    incidents.note(nb, "tampered", forged)


def _of_test(cell: NotebookNode, lang: Any) -> tuple[list[NotebookNode], bool]:
    """The outputs that count, and whether the test cell said no more than it can."""
    outputs = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            output.name = "stdout"  # still there to be read; a warning costs nothing
        outputs.append(output)
    results = [output for output in outputs if output.output_type == "execute_result"]
    rest = [output for output in outputs if output.output_type != "execute_result"]
    if any(output.output_type == "error" for output in rest):
        return rest, True
    if not _ends_in_expression(cell.source):  # such a cell returns nothing: somebody else said this
        return rest, not results
    if len(results) > 1 or any(_impossible(output, cell.metadata.nbgrader.points) for output in results):
        return [*rest, incidents.stopped("tampered", lang)], False
    return outputs, True


def _ends_in_expression(source: str) -> bool:
    try:
        body = syntax.parse(source).body
    except SyntaxError:  # a magic, say
        return True
    return bool(body) and isinstance(body[-1], ast.Expr)


def _impossible(output: NotebookNode, points: float) -> bool:
    """Whether partial credit is not between 0 and the cell's points."""
    try:
        credit = float(output.get("data", {}).get("text/plain", ""))
    except (TypeError, ValueError):
        return False  # True, say: nbgrader gives all the points, as for a cell that returns nothing
    return not (math.isfinite(credit) and 0 <= credit <= points)


def _writable(value: Any, key: str = "") -> Any:
    """`value` without halves of characters, which cannot be written as UTF-8, and with messages of bearable length."""
    if isinstance(value, str):
        if key in ("evalue", "ename", "traceback") and len(value) > LONGEST_MESSAGE:
            value = f"{value[:LONGEST_MESSAGE]} […]"
        try:
            value.encode()
        except UnicodeEncodeError:
            value = value.encode("utf-8", "replace").decode()
        return value
    if isinstance(value, dict):
        return NotebookNode({_writable(name): _writable(part, name) for name, part in value.items()})
    if isinstance(value, list):
        return [_writable(part, key) for part in value]
    return value
