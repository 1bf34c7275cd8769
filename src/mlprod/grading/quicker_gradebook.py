"""nbgrader's gradebook, which asks for each thing once: prepared queries, and a submission's rows made all together."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from nbgrader import api, utils
from nbgrader.api import Gradebook
from sqlalchemy import Select, bindparam, insert, select
from sqlalchemy.orm import undefer


def quicken_gradebooks() -> None:
    """Do it, in this process and for good; a second time changes nothing."""
    for name, method in {**_prepared_finds, **_additions}.items():
        setattr(Gradebook, name, method)


def _queries() -> dict[str, Select[Any]]:
    """What Gradebook's methods of these names ask for, which they put together anew each time.

    Where they ask for one cell's: the cells' names, and what belongs to them, of the whole notebook.
    """
    of_notebook = api.Notebook.name == bindparam("notebook")
    of_assignment, of_student = api.Assignment.name == bindparam("assignment"), api.Student.id == bindparam("student")

    def submitted(found: Select[Any], *through: tuple[Any, Any]) -> Select[Any]:
        for target, condition in through:
            found = found.join(target, condition)
        found = found.join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
        found = found.join(api.Student, api.Student.id == api.SubmittedAssignment.student_id)
        return found.where(of_assignment, of_student)

    in_notebook = (
        (api.Notebook, api.Notebook.id == api.SubmittedNotebook.notebook_id),
        (api.SubmittedAssignment, api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id),
    )

    def in_cells(kind: Any, cell: Any) -> Select[Any]:
        of = (cell, cell.id == kind.cell_id), (api.SubmittedNotebook, api.SubmittedNotebook.id == kind.notebook_id)
        found = submitted(select(cell.name, kind).select_from(kind), *of, *in_notebook).where(of_notebook)
        return found.options(undefer(api.Grade.max_score)) if kind is api.Grade else found

    notebooks = select(api.Notebook).join(api.Assignment, api.Assignment.id == api.Notebook.assignment_id)
    return {
        "find_student": select(api.Student).where(api.Student.id == bindparam("student_id")),
        "find_assignment": select(api.Assignment).where(api.Assignment.name == bindparam("name")),
        "find_notebook": notebooks.where(api.Notebook.name == bindparam("name"), of_assignment),
        "find_submission": submitted(select(api.SubmittedAssignment)),
        "find_submission_notebook": submitted(select(api.SubmittedNotebook), *in_notebook).where(of_notebook),
        "find_grade": in_cells(api.Grade, api.GradeCell),  # those of task cells nbgrader finds itself
        "find_comment": in_cells(api.Comment, api.SolutionCell),
    }


def _looking(name: str, query: Select[Any]) -> Callable[..., Any]:
    """What `query` finds for a gradebook and the arguments of its method of this name; None when that is nothing.

    In a clone (`clone.Clone`) a thing is looked for once for each submission, and the cells each time that it is
    opened: by then their scores may have changed.
    """
    parameters = list(signature(getattr(Gradebook, name)).parameters)[1:]
    if of_cell := len(query.column_descriptions) == 2:
        parameters.remove("grade_cell" if name == "find_grade" else "solution_cell")
        query = query.execution_options(populate_existing=True)

    def look(self: Gradebook, *values: Any) -> Any:
        kept = self.__dict__.setdefault("mlprod_cells", {}) if of_cell else self.__dict__.get("mlprod_found", {})
        cell, *asked = values if of_cell else (None, *values)
        key = name, *asked
        if key not in kept:
            rows = self.db.execute(query, dict(zip(parameters, asked, strict=True)))
            found = {named: it for named, it in rows} if of_cell else rows.scalar_one_or_none()
            if found is None:
                return None
            if name in _computed:  # else each of them is a query of its own
                self.db.expire(found, _computed[name])
            kept[key] = found
        return kept[key].get(cell) if of_cell else kept[key]

    return look


def _prepared(name: str) -> Callable[..., Any]:
    """Gradebook's method of this name; what is not found it looks for itself, and then says so."""
    stock, look = getattr(Gradebook, name), _look[name]

    def find(self: Gradebook, *values: Any) -> Any:
        found = look(self, *values)
        return stock(self, *values) if found is None else found

    return find


_computed = {
    "find_submission": ("score", "max_score", "needs_manual_grade"),
    "find_submission_notebook": ("score", "max_score"),
}
"""What nbgrader has the database compute for these, and is asked for together."""

_look = {name: _looking(name, query) for name, query in _queries().items()}
_prepared_finds = {name: _prepared(name) for name in _look}

_update_student, _update_submission = Gradebook.update_or_create_student, Gradebook.update_or_create_submission


def _update_or_create_student(self: Gradebook, student_id: str, **values: Any) -> api.Student:
    if _look["find_student"](self, student_id) is None and not self.authenticator:
        self.db.execute(insert(api.Student.__table__), [{"id": student_id, **values}])
        self.db.commit()
        return self.find_student(student_id)
    return _update_student(self, student_id, **values)


def _update_or_create_submission(
    self: Gradebook, assignment: str, student: str, **values: Any
) -> api.SubmittedAssignment:
    """nbgrader makes an object for each cell, and looks at each of them several times."""
    if _look["find_submission"](self, assignment, student) is not None:
        return _update_submission(self, assignment, student, **values)
    if "timestamp" in values:
        values["timestamp"] = utils.parse_utc(values["timestamp"])
    of = self.find_assignment(assignment)
    row = {"id": api.new_uuid(), "assignment_id": of.id, "student_id": self.find_student(student).id, **values}
    self.db.execute(insert(api.SubmittedAssignment.__table__), [row])
    kept = self.__dict__.get("mlprod_found", {})
    if (key := ("cells", assignment)) not in kept:
        kept[key] = self.db.execute(_cells, {"assignment": of.id}).all()
    cells = kept[key]
    notebooks = {of_cell.notebook: api.new_uuid() for of_cell in cells}
    rows = [{"id": new, "notebook_id": old, "assignment_id": row["id"]} for old, new in notebooks.items()]
    if rows:
        self.db.execute(insert(api.SubmittedNotebook.__table__), rows)
    for kind, types in ((api.Grade, ("GradeCell", "TaskCell")), (api.Comment, ("SolutionCell", "TaskCell"))):
        rows = [{"cell_id": it.cell, "notebook_id": notebooks[it.notebook]} for it in cells if it.type in types]
        if rows:
            self.db.execute(insert(kind.__table__), rows)
    self.db.commit()
    return self.find_submission(assignment, student)


_cells = (
    select(api.Notebook.id.label("notebook"), api.BaseCell.id.label("cell"), api.BaseCell.type)
    .outerjoin(api.BaseCell, api.BaseCell.notebook_id == api.Notebook.id)
    .where(api.Notebook.assignment_id == bindparam("assignment"))
)
_additions = {
    "update_or_create_student": _update_or_create_student,
    "update_or_create_submission": _update_or_create_submission,
}
