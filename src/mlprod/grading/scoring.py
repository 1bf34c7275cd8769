"""One notebook executed and scored exactly as nbgrader does it, without a gradebook."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlprod.language import Language

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from traitlets.config import Config

CELL_TIMEOUT_S = 30

# a wrong answer that hangs or kills its kernel is nothing to tell the terminal: it is in the result
_silent = logging.getLogger("mlprod.scoring")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


@dataclass(frozen=True)
class Graded:
    """Scores by grade id (None: to be graded by hand), what feedback says of each test that failed, and `problem`:
    why nbgrader could not have graded it at all (the kernel died, a score above the maximum); then all scores are 0.
    """

    scores: dict[str, float | None]
    messages: dict[str, str] = field(default_factory=dict)
    problem: str | None = None


def grade(
    notebook: NotebookNode,
    lang: Language,
    folder: Path,
    kernel_name: str,
    config: Config,
    timeout: int = CELL_TIMEOUT_S,
) -> Graded:
    """Execute `notebook` (changed in place) in `folder` with nbgrader's own Execute and score its cells.

    `timeout` is in seconds and for each cell; a cell that does not end is interrupted and scores 0.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from nbgrader.preprocessors import Execute
    from nbgrader.utils import determine_grade, is_grade

    from mlprod.grading.settle import settle
    from mlprod.grading.student_view import is_test, visible_message

    cells = [cell for cell in notebook.cells if is_grade(cell)]
    nothing = {cell.metadata.nbgrader.grade_id: 0.0 for cell in cells}
    execute = Execute(config=config, kernel_name=kernel_name, timeout=timeout, log=_silent)
    try:
        execute.preprocess(notebook, {"metadata": {"path": str(folder)}})
        settle(notebook)
        scores = {cell.metadata.nbgrader.grade_id: determine_grade(cell)[0] for cell in cells}
    except (DeadKernelError, CellTimeoutError, ValueError, KeyError) as error:
        return Graded(nothing, problem=f"{type(error).__name__}: {error}")
    messages = {cell.metadata.nbgrader.grade_id: visible_message(cell, lang) for cell in cells if is_test(cell)}
    return Graded(scores, {grade_id: message for grade_id, message in messages.items() if message})
