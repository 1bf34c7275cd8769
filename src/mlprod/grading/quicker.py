"""In a worker's process, have nbgrader and nbformat do what they do, sooner: light kernels, what is reused made once.

Validating in Python what the schemas say took a tenth of the grader's own time. What a compiled schema does not accept
is looked at by the library's own code, whose errors are better: nothing is accepted or refused that was not before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastjsonschema
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from nbformat.json_compat import FastJsonSchemaValidator
from nbgrader import api
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import common
from nbgrader.preprocessors import execute
from sqlalchemy import Select, bindparam, select

from mlprod.grading.wire_client import WireKernelManager

Validate = Callable[[Any], Any]


def quicken_nbgrader() -> None:
    """Do it, in this process and for good; a second time changes nothing."""
    execute.AsyncKernelManager = WireKernelManager  # Execute passes on this class, whatever its configuration says
    common.jsonschema = SimpleNamespace(validate=_validate, ValidationError=common.ValidationError)
    common.BaseMetadataValidator.__init__ = _metadata_validator
    FastJsonSchemaValidator.iter_errors = _iter_errors
    for name, find in _prepared_finds.items():
        setattr(Gradebook, name, find)


@lru_cache
def _schema(version: int) -> dict[str, Any]:
    return json.loads(Path(common.root, f"v{version}.json").read_text())


def _metadata_validator(self: common.BaseMetadataValidator) -> None:
    """nbgrader reads the file of each version anew for each notebook and step."""
    self.schema = _schema(self.schema_version)


_of_metadata: dict[int, tuple[Validate, Any]] = {}  # by the identity of what `_schema` keeps


def _validate(instance: Any, schema: dict[str, Any]) -> None:
    """jsonschema.validate, which checks the schema too, at each cell."""
    if id(schema) not in _of_metadata:
        kind = validator_for(schema)
        kind.check_schema(schema)
        _of_metadata[id(schema)] = fastjsonschema.compile(schema), kind(schema)
    quick, thorough = _of_metadata[id(schema)]
    try:
        quick(instance)
    except fastjsonschema.JsonSchemaException:
        if error := best_match(thorough.iter_errors(instance)):
            raise error from None


_of_parts: dict[tuple[int, str], Validate] = {}  # of cells and outputs, which nbformat validates as it makes them
_stock = FastJsonSchemaValidator.iter_errors


def _iter_errors(self: FastJsonSchemaValidator, data: Any, schema: dict[str, Any] | None = None) -> Any:
    """nbformat compiles the schema of a notebook, and reads that of a part of it each time."""
    if schema is None or set(schema) != {"$ref"}:
        return _stock(self, data, schema)
    key = id(self), schema["$ref"]  # nbformat keeps one validator for each version
    if key not in _of_parts:
        _of_parts[key] = fastjsonschema.compile({**schema, "definitions": self._schema["definitions"]})
    try:
        _of_parts[key](data)
    except fastjsonschema.JsonSchemaException:
        return _stock(self, data, schema)
    return ()


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
        return submitted(select(cell.name, kind).select_from(kind), *of, *in_notebook).where(of_notebook)

    notebooks = select(api.Notebook).join(api.Assignment, api.Assignment.id == api.Notebook.assignment_id)
    return {
        "find_assignment": select(api.Assignment).where(api.Assignment.name == bindparam("name")),
        "find_notebook": notebooks.where(api.Notebook.name == bindparam("name"), of_assignment),
        "find_submission": submitted(select(api.SubmittedAssignment)),
        "find_submission_notebook": submitted(select(api.SubmittedNotebook), *in_notebook).where(of_notebook),
        "find_grade": in_cells(api.Grade, api.GradeCell),  # those of task cells nbgrader finds itself
        "find_comment": in_cells(api.Comment, api.SolutionCell),
    }


def _prepared(name: str, query: Select[Any]) -> Callable[..., Any]:
    """Gradebook's method of this name; what `query` does not find it looks for itself."""
    stock = getattr(Gradebook, name)
    parameters = list(signature(stock).parameters)[1:]
    of_cell = len(query.column_descriptions) == 2

    def find(self: Gradebook, *values: Any) -> Any:
        asked = values[1:] if of_cell else values
        given = dict(zip(parameters[1:] if of_cell else parameters, asked, strict=True))
        if not of_cell:
            found = self.db.execute(query, given).scalar_one_or_none()
        else:  # each step opens the gradebook anew: what it has found once it need not look for again
            kept = self.__dict__.setdefault("_mlprod_found", {})
            if (name, *asked) not in kept:
                kept[name, *asked] = {cell: it for cell, it in self.db.execute(query, given)}
            found = kept[name, *asked].get(values[0])
        return stock(self, *values) if found is None else found

    return find


_prepared_finds = {name: _prepared(name, query) for name, query in _queries().items()}
