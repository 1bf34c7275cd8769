"""Blank essays score 0 by themselves, so that nobody has to open them."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Unicode


class BlankEssays(NbGraderPreprocessor):
    """Put the released text back where a student left an essay as it was, or emptied it.

    nbgrader scores 0 when the cell is what was released, to the letter, and otherwise asks for a manual grade. Goes
    between OverwriteCells and Execute.
    """

    text_stub = Unicode(help="The released text of an essay: ClearSolutions.text_stub").tag(config=True)

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        if cell.cell_type == "markdown" and is_grade(cell) and is_solution(cell) and self._blank(cell.source):
            cell.source = self.text_stub
        return cell, resources

    def _blank(self, text: str) -> bool:
        words = "".join(text.split())
        return not words or words == "".join(self.text_stub.split())
