"""A source as a notebook in one language: prose, code, nbgrader's metadata, no outputs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace as with_changes
from typing import TYPE_CHECKING, Any

from mlprod.authoring.localise import localise, uses
from mlprod.authoring.model import Answer, Cell, Code, Essay, Prose, Right, Source, Test, Wrong
from mlprod.authoring.navigation import with_navigation, with_switch
from mlprod.authoring.tidy import tidy
from mlprod.language import Language

if TYPE_CHECKING:
    from nbformat import NotebookNode

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
HIDDEN = "hide-input"  # Jupyter Book's tag for code that only draws; JupyterLab folds by a metadata of its own
IMPORT = re.compile(r"^from mlprod import (?P<names>[\w, ]+)$", re.MULTILINE)


def render(source: Source, lang: Language) -> NotebookNode:
    """The notebook of a lesson, or of an exercise with its solutions (nbgrader's source), in `lang`.

    Raises SourceError when the code of a cell cannot be put into `lang`.
    """
    return render_variant(source, lang, {})


def render_variant(source: Source, lang: Language, replace: Mapping[str, str]) -> NotebookNode:
    """Like `render`, with the answer cells of the tasks in `replace` holding that code instead.

    The code is as a source has it (a `Wrong.source`, a `Right.source`): it is put into `lang` too.
    Raises KeyError for a task that the source does not have.
    """
    from nbformat.v4 import new_notebook

    if unknown := set(replace) - set(source.tasks):
        raise KeyError(f"{source.name}: no task {', '.join(sorted(unknown))}")
    cells: list[NotebookNode] = []
    for cell in source.cells:
        if isinstance(cell, Answer) and cell.task in replace:
            cell = with_changes(cell, source=replace[cell.task])
        for node in _nodes(cell, lang, source):
            node.id = hashlib.sha256(str(len(cells)).encode()).hexdigest()[:8]
            if node.cell_type == "markdown" and "nbgrader" not in node.metadata:
                node.source = with_switch(node.source, source, lang, node.id)
            cells.append(node)
    _drop_unused_tr(cells)
    _tidy_code(cells)
    with_navigation(cells, source, lang)
    notebook = new_notebook(cells=cells)
    notebook.metadata.update(
        kernelspec=dict(KERNEL),
        language_info={"name": "python"},
        mlprod={"generated": True, "lang": lang, "source": f"{source.kind}/{source.path.name}"},
    )
    return notebook


def _nodes(cell: Cell, lang: Language, source: Source) -> list[NotebookNode]:
    from nbformat.v4 import new_code_cell, new_markdown_cell

    metadata = _metadata(cell)
    match cell:
        case Wrong() | Right():
            return []
        case Prose():
            return [new_markdown_cell(cell.texts[lang].source, metadata=metadata)]
        case Essay():
            # the graded cell is released as nbgrader's text stub, so what is graded is the same in both languages
            graded = _nbgrader(cell.grade_id, solution=True, grade=True, points=cell.points)
            return [
                new_markdown_cell(cell.prompt[lang].source, metadata=metadata),
                new_markdown_cell(cell.model_answer[lang].source, metadata={"nbgrader": graded}),
            ]
        case Answer():
            metadata["nbgrader"] = _nbgrader(cell.grade_id, solution=True)
        case Test():
            metadata["nbgrader"] = _nbgrader(cell.grade_id, grade=True, locked=True, points=cell.points)
    assert isinstance(cell, Code)
    code = localise(cell, lang, source.path, keep_tr=isinstance(cell, Test))
    return [new_code_cell(code, metadata=metadata)]


def _metadata(cell: Cell) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if cell.slide:
        metadata["slideshow"] = {"slide_type": cell.slide}
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    if HIDDEN in cell.tags:
        metadata["jupyter"] = {"source_hidden": True}
    return metadata


def _nbgrader(
    grade_id: str, *, solution: bool = False, grade: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, Any]:
    """Metadata of nbgrader's schema 3."""
    fields: dict[str, Any] = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        fields["points"] = int(points) if float(points).is_integer() else points
    return fields


def _tidy_code(cells: list[NotebookNode]) -> None:
    """Lay out all code but answers (their gap stays where it was) and tests (the same in both languages)."""
    free = [cell for cell in cells if cell.cell_type == "code" and "nbgrader" not in cell.metadata]
    for cell, code in zip(free, tidy([cell.source for cell in free]), strict=True):
        cell.source = code


def _drop_unused_tr(cells: list[NotebookNode]) -> None:
    """Take `tr` out of `from mlprod import start, tr` where every use of it became a literal."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    if any(uses(cell.source, "tr") for cell in code):
        return

    def without(match: re.Match[str]) -> str:
        names = [name.strip() for name in match["names"].split(",")]
        kept = [name for name in names if name != "tr"]
        return f"from mlprod import {', '.join(kept)}" if kept else match[0]

    for cell in code:
        cell.source = IMPORT.sub(without, cell.source)
