"""A gradebook in memory, with one assignment of the real one: a worker grades there, and only one process writes.

It is nbgrader's own gradebook, and its own code reads and writes it. Rows keep their ids, so what was added to a clone
can be added to the real gradebook as it is (`mlprod.grading.gradebook`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

from nbgrader.api import Base, Gradebook
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlalchemy.pool import StaticPool

URL = "sqlite:///:memory:"
"""The address by which nbgrader finds the clone of a process that has called `open_clone`."""

Rows = dict[str, list[dict[str, Any]]]
"""Rows of a gradebook by the name of their table."""

TABLES = {table.name: table for table in Base.metadata.sorted_tables}
SUBMITTED = ("student", "submitted_assignment", "submitted_notebook", "comment", "grade")
"""The tables that hold what is known of a student's submission, in the order in which they refer to each other."""


def seed(gradebook: Gradebook, assignment: str, students: Collection[str]) -> bytes:
    """An SQLite database with the assignment and what the gradebook knows of the submissions of `students` to it."""
    rows = _assignment_rows(gradebook, assignment)
    for table, found in submission_rows(gradebook, assignment, students).items():
        rows.setdefault(table, []).extend(found)
    copy = create_engine(URL, poolclass=StaticPool)
    Base.metadata.create_all(copy)
    with copy.begin() as connection:
        for name, table in TABLES.items():
            if rows.get(name):
                connection.execute(table.insert(), rows[name])
    data = bytes(_raw(copy).serialize())
    copy.dispose()
    return data


def submission_rows(gradebook: Gradebook, assignment: str, students: Collection[str]) -> Rows:
    """What the gradebook knows of the submissions of `students` to the assignment."""
    t = TABLES
    with gradebook.engine.connect() as connection:

        def read(name: str, column: str, values: Collection[str]) -> list[dict[str, Any]]:
            return _read(connection, t[name], t[name].c[column], values)

        number = connection.execute(select(t["assignment"].c.id).where(t["assignment"].c.name == assignment)).scalar()
        mine = [row for row in read("submitted_assignment", "student_id", students) if row["assignment_id"] == number]
        notebooks = read("submitted_notebook", "assignment_id", _ids(mine))
        return {
            "student": read("student", "id", students),
            "submitted_assignment": mine,
            "submitted_notebook": notebooks,
            "comment": read("comment", "notebook_id", _ids(notebooks)),
            "grade": read("grade", "notebook_id", _ids(notebooks)),
        }


class Clone:
    """This process's clone: nbgrader's code finds it at `URL`, on one connection that is never closed."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self._engine = create_engine(URL, poolclass=StaticPool, connect_args={"check_same_thread": False})
        self._sessions = sessionmaker(autoflush=True, expire_on_commit=False, bind=self._engine, future=True)

    def reset(self) -> None:
        """Forget everything since the seed."""
        _raw(self._engine).deserialize(self.seed)

    def gradebook(self) -> Gradebook:
        return Gradebook(URL)


def open_clone(seed: bytes) -> Clone:
    """Make `URL` this process's clone of the gradebook.

    Each of nbgrader's preprocessors opens the gradebook anew, looks for its tables and compiles its queries again: a
    quarter of a second for each submission. Here they all get the same engine, whose tables are there.
    """
    clone = Clone(seed)
    stock = Gradebook.__init__

    def __init__(self: Gradebook, db_url: str, *arguments: Any, **options: Any) -> None:
        if db_url != URL:
            stock(self, db_url, *arguments, **options)
            return
        self.engine = clone._engine
        self.db = scoped_session(clone._sessions)
        self.course_id = options.get("course_id", arguments[0] if arguments else "default_course")
        self.authenticator = None

    Gradebook.__init__ = __init__
    Gradebook.close = lambda self: self.db.remove() if self.engine is clone._engine else _close(self)
    clone.reset()
    return clone


def _close(gradebook: Gradebook) -> None:
    gradebook.db.remove()
    gradebook.engine.dispose()


def _assignment_rows(gradebook: Gradebook, assignment: str) -> Rows:
    t = TABLES
    with gradebook.engine.connect() as connection:

        def read(name: str, column: str, values: Collection[str]) -> list[dict[str, Any]]:
            return _read(connection, t[name], t[name].c[column], values)

        assignments = read("assignment", "name", [assignment])
        notebooks = read("notebook", "assignment_id", _ids(assignments))
        cells = read("base_cell", "notebook_id", _ids(notebooks))
        rows = {"course": _read(connection, t["course"]), "assignment": assignments, "notebook": notebooks}
        rows |= {"base_cell": cells, "source_cell": read("source_cell", "notebook_id", _ids(notebooks))}
        return rows | {name: read(name, "id", _ids(cells)) for name in ("grade_cells", "solution_cells", "task_cells")}


def _read(connection: Any, table: Any, column: Any = None, values: Collection[str] = ()) -> list[dict[str, Any]]:
    if column is None:
        return [dict(row) for row in connection.execute(select(table)).mappings()]
    found, wanted = [], list(values)
    for start in range(0, len(wanted), 500):  # a query has a limited number of parameters
        query = select(table).where(column.in_(wanted[start : start + 500]))
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def _raw(engine: Engine) -> sqlite3.Connection:
    return engine.raw_connection().driver_connection
