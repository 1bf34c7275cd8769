"""Cells that must fail, around every test: where one does not, the notebook changed how cells or tests are executed.

A submission may take the teeth out of `assert`, of IPython's error reports or of the course's checks; then every test
passes, and so does a canary, which is how that is noticed. What is executed in the student's process cannot be made
impossible to forge: whoever lets exactly the canaries fail is not noticed here, and is to be read in their code.
"""

from __future__ import annotations

import random
import re
import secrets
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import NbGraderPreprocessor

from mlprod.grading import incidents
from mlprod.grading.student_view import is_test, language_of

KEY = "mlprod_canary"
CHECKS = re.compile(r"\bchecks\.\w+\(")

# Each fails with {nonce} at the beginning of its message, whatever the student's code calls its own things.
_ASSERTS = (
    'assert {low} == {high}, "{nonce}"',
    'assert not {low} < {high}, "{nonce}"',
    'assert {low} in ({high}, {high} + 1), "{nonce}"',
    'assert __import__("builtins").isinstance({low}, str), "{nonce}"',
    'assert __import__("builtins").len([{low}, {high}]) == 3, "{nonce}"',
    'assert __import__("builtins").all([{low}, {high}, 0]), "{nonce}"',
    'assert __import__("builtins").abs(-{low}) == {high}, "{nonce}"',
    'assert __import__("math").isclose({low}, {high}), "{nonce}"',
)
_SAME = (
    '{checks}.same({low}, {high}, "{nonce}")',
    '{checks}.same([{low}, {low}], [{low}, {high}], "{nonce}")',
    '{checks}.same({"a": {low}}, {"a": {high}}, "{nonce}")',
)
_NUMBER = ('{checks}.number("{low}", "{nonce}")', '{checks}.number([{low}], "{nonce}")')
_MODULE = '__import__("mlprod.checks").checks'
_FAILURE, _ERROR = '__import__("builtins").AssertionError', '__import__("builtins").RuntimeError'


class AddCanaries(NbGraderPreprocessor):
    """Goes before Execute: a canary before and one after each code cell that grades."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        cells = []
        for cell in nb.cells:
            if not is_test(cell):
                cells.append(cell)
                continue
            before = _canary()
            after = _canary("checks" if CHECKS.search(cell.source) else _MODULE)  # what the test called by this name
            # the canary after a test serves as the one before the next
            cells += [cell, after] if cells and KEY in cells[-1].metadata else [before, cell, after]
        nb.cells = cells
        return nb, resources


class CheckCanaries(NbGraderPreprocessor):
    """Goes after Execute: removes the canaries; a test beside one that did not fail as it must scores 0."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        lang = language_of(nb)
        void = []
        for before, cell, after in zip(nb.cells, nb.cells[1:], nb.cells[2:], strict=False):
            if KEY in before.metadata and KEY in after.metadata and is_test(cell):
                if _sang(before) and _sang(after) or _stopped(cell):
                    continue
                void.append(cell.metadata.nbgrader.grade_id)
                cell.outputs = [*cell.outputs, incidents.stopped("tampered", lang)]
        nb.cells = [cell for cell in nb.cells if KEY not in cell.metadata]
        incidents.note(nb, "tampered", void)
        return nb, resources


def _canary(checks: str = _MODULE, kinds: tuple[tuple[str, ...], ...] = (_ASSERTS, _SAME, _NUMBER)) -> NotebookNode:
    """One of each of `kinds`, in any order, each reached only if those before it have failed.

    A patched check is the easiest attack, a patched assert the most general: no canary may leave out either.
    """
    nonce = secrets.token_hex(4)
    *outer, last = random.sample([random.choice(shapes) for shapes in kinds], len(kinds))
    code = ""
    for shape in outer:  # not one inside another: a traceback of several takes several times as long
        code += f"try:\n    {shape}\nexcept {_FAILURE}:\n    pass\nelse:\n    raise {_ERROR}\n"
    code += last
    low = random.randint(2, 40)
    values = {"low": low, "high": low + random.randint(1, 40), "nonce": nonce, "checks": checks}
    for name, value in values.items():
        code = code.replace(f"{{{name}}}", str(value))
    return new_code_cell(code, metadata=NotebookNode({KEY: nonce}))


def _sang(cell: NotebookNode) -> bool:
    """Whether the canary failed as it must."""
    return any(
        output.output_type == "error"
        and output.ename == "AssertionError"
        and output.evalue.startswith(cell.metadata[KEY])
        for output in cell.outputs
    )


def _stopped(cell: NotebookNode) -> bool:
    """Whether the cell was not executed to its end, and so scores 0 anyway."""
    return any(output.output_type == "error" and output.ename == incidents.STOPPED for output in cell.outputs)
