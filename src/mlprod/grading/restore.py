"""Puts the graded cells of a submission back as they were released, whatever was done to them.

nbgrader restores a test cell whose text changed. It stops at a cell whose id is not in the gradebook or stands twice
(for the whole class), gives full points to one that carries Jupyter's tag `skip-execution`, and nothing to one that
was deleted or lost its metadata, though the answer may be right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook, GradeCell, SolutionCell, SourceCell
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy import select

from mlprod.grading import incidents
from mlprod.grading.student_view import without_hidden_tests

SKIP = "skip-execution"  # nbclient does not execute a cell with this tag


@dataclass(frozen=True)
class Released:
    """A cell of the exercise as the gradebook has it; `points` is None when it is not graded."""

    grade_id: str
    cell_type: str
    source: str
    checksum: str
    locked: bool
    solution: bool
    points: float | None

    @property
    def needed(self) -> bool:
        """Whether it is put back when it is missing: tests, other locked cells, and essays (as blank)."""
        return self.locked or self.points is not None

    def metadata(self) -> NotebookNode:
        """nbgrader's metadata for it."""
        graded = {"grade": self.points is not None, "grade_id": self.grade_id, "locked": self.locked}
        graded |= {"schema_version": 3, "solution": self.solution, "task": False}
        graded |= {"checksum": self.checksum, "cell_type": self.cell_type}
        if self.points is not None:
            graded["points"] = self.points
        return NotebookNode(graded)


class RestoreCells(NbGraderPreprocessor):
    """Takes the place of nbgrader's DeduplicateIds and OverwriteCells, before any cell is executed.

    Tests that were edited, deleted, retyped, retagged, renamed or stripped of their metadata are as released again,
    a deleted one where it was; of cells with one id the last counts, as in nbgrader; graded cells that the exercise
    does not have are ordinary ones. What was done is noted among the notebook's incidents.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            released = _released(gradebook, about["notebook"], about["assignment"])
        restore(nb, released, _order(self._source_notebook(about), released))
        return nb, resources

    def _source_notebook(self, about: dict[str, Any]) -> Path | None:
        coursedir = getattr(getattr(self.parent, "parent", None), "coursedir", None)
        if coursedir is None:
            return None
        folder = coursedir.format_path(coursedir.source_directory, ".", about["assignment"])
        return Path(folder, f"{about['notebook']}.ipynb")


def restore(nb: NotebookNode, released: dict[str, Released], order: list[str]) -> None:
    """Make the graded cells of `nb` those of `released`, in place; missing ones go where `order` (all ids) says."""
    nb.metadata.pop(incidents.KEY, None)  # a submission tells no stories about itself
    last = {}
    for index, cell in enumerate(nb.cells):
        if (grade_id := _grade_id(cell)) in released:
            last[grade_id] = index
    unknown, copied, edited = [], [], []
    for index, cell in enumerate(nb.cells):
        if SKIP in cell.metadata.get("tags", ()):
            del cell.metadata["tags"]
        if "nbgrader" not in cell.metadata:
            continue
        grade_id = _grade_id(cell)
        if grade_id not in last:
            if grade_id is not None and _claims_points(cell):
                unknown.append(grade_id)
            del cell.metadata["nbgrader"]
        elif last[grade_id] != index:
            copied.append(grade_id)
            del cell.metadata["nbgrader"]
        else:
            nb.cells[index], changed = _as_released(cell, released[grade_id])
            edited += [grade_id] if changed else []
    missing = [name for name in order if name not in last and released[name].needed]
    for name in missing:
        nb.cells.insert(_place(nb, name, order), _new_cell(released[name], released[name].source))
    for what, where in {"unknown": unknown, "copied": copied, "edited": edited, "missing": missing}.items():
        incidents.note(nb, what, where)


def _as_released(cell: NotebookNode, released: Released) -> tuple[NotebookNode, bool]:
    """The cell with the released type and metadata, and text where that is locked; and whether a test changed."""
    if not released.locked and cell.cell_type == released.cell_type:
        cell.metadata["nbgrader"] = released.metadata()
        return cell, False
    source = released.source if released.locked else cell.source
    restored = _new_cell(released, source)
    if "id" in cell:
        restored["id"] = cell.id
    was = cell.metadata["nbgrader"]
    changed = cell.cell_type != released.cell_type or not _same_text(cell.source, released.source)
    changed = changed or (released.points is not None and was.get("points") != released.points)
    return restored, released.locked and changed


def _same_text(text: str, released: str) -> bool:
    """Whether `text` is what was handed out of a test: its hidden part was not."""
    return text.strip() in (released.strip(), without_hidden_tests(released).strip())


def _new_cell(released: Released, source: str) -> NotebookNode:
    make = new_code_cell if released.cell_type == "code" else new_markdown_cell
    metadata = NotebookNode(nbgrader=released.metadata(), deletable=False)
    if released.locked:
        metadata["editable"] = False
    return make(source, metadata=metadata)


def _place(nb: NotebookNode, name: str, order: list[str]) -> int:
    """Where to insert the cell `name`: after the nearest earlier one of the exercise's that is there."""
    where = {_grade_id(cell): index for index, cell in enumerate(nb.cells)}
    before = (where[other] + 1 for other in reversed(order[: order.index(name)]) if other in where)
    return next(before, 0)


def _grade_id(cell: NotebookNode) -> str | None:
    graded = cell.metadata.get("nbgrader")
    grade_id = graded.get("grade_id") if isinstance(graded, dict) else None
    return grade_id if isinstance(grade_id, str) else None


def _claims_points(cell: NotebookNode) -> bool:
    return bool(cell.metadata["nbgrader"].get("grade"))


def _released(gradebook: Gradebook, name: str, assignment: str) -> dict[str, Released]:
    kept = getattr(gradebook, "mlprod_found", {})  # a clone's (`mlprod.grading.clone`)
    if (key := ("released", assignment, name)) not in kept:
        kept[key] = _read_released(gradebook, gradebook.find_notebook(name, assignment).id)
    return kept[key]


def _read_released(gradebook: Gradebook, of: str) -> dict[str, Released]:
    find = gradebook.db.execute  # columns: the objects that they belong to would take several times as long
    graded = find(select(GradeCell.name, GradeCell.max_score).where(GradeCell.notebook_id == of))
    points = {cell.name: cell.max_score for cell in graded}
    solutions = set(find(select(SolutionCell.name).where(SolutionCell.notebook_id == of)).scalars())
    columns = (SourceCell.name, SourceCell.cell_type, SourceCell.source, SourceCell.checksum, SourceCell.locked)
    return {
        cell.name: Released(*cell, cell.name in solutions, points.get(cell.name))
        for cell in find(select(*columns).where(SourceCell.notebook_id == of))
    }


def _order(path: Path | None, released: dict[str, Released]) -> list[str]:
    """The ids in the order of the source notebook; those it does not have (or all, without it) as the gradebook's."""
    known = list(_ids(path, path.stat().st_mtime_ns)) if path is not None and path.is_file() else []
    return [name for name in known if name in released] + [name for name in released if name not in known]


@lru_cache(maxsize=64)
def _ids(path: Path, modified: int) -> tuple[str, ...]:
    def ids() -> Iterator[str]:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if grade_id := cell["metadata"].get("nbgrader", {}).get("grade_id"):
                yield grade_id

    return tuple(ids())
