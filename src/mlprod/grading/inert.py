"""Takes out of an autograded notebook what would run in the browser of whoever opens it in the formgrader.

There it would act as the teacher: the formgrader shows Markdown and outputs as they are, and grades are a request away.
(The feedback page has walls of its own.)
"""

from __future__ import annotations

import re
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_locked

KEPT = ("text/plain", "text/latex", "image/png", "image/jpeg", "image/gif")
ACTIVE = re.compile(
    r"<\s*/?\s*(script|iframe|object|embed|form|link|meta|style|base|svg|math|img|video|audio|body|details|input|button)\b"
    r"|<[^>]*\bon\w+\s*=|javascript\s*:|data:text/html",
    re.IGNORECASE,
)


class InertNotebook(NbGraderPreprocessor):
    """Goes last: the grades have been taken by then."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        inert(nb)
        return nb, resources


def inert(nb: NotebookNode) -> None:
    """Make what `nb` shows text, tables and images, in place; code and locked cells are as they were."""
    from mlprod.grading.feedback import harmless

    nb.metadata.pop("widgets", None)
    for cell in nb.cells:
        if cell.cell_type != "code" and not is_locked(cell) and ACTIVE.search(cell.source):
            cell.source = harmless(cell.source)
        for output in cell.get("outputs", ()):
            if "data" not in output:
                continue
            data = {kind: value for kind, value in output.data.items() if kind in KEPT}
            for kind in ("text/html", "text/markdown"):
                if kind in output.data:
                    data[kind] = harmless("".join(output.data[kind]))
            output.data = NotebookNode(data)
