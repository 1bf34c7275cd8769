"""A gradebook in memory, with one assignment of the real one: a worker grades there, and only one process writes.

It is nbgrader's own gradebook, and its own code reads and writes it. Rows keep their ids, so what was added to a clone
can be added to the real gradebook as it is (`mlprod.grading.gradebook`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from nbgrader.api import Base, Comment, Grade, Gradebook, Student, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import Engine, Select, bindparam, create_engine, inspect, select
from sqlalchemy.orm import Session
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
    _raw(copy).deserialize(_empty())
    with copy.begin() as connection:
        for name, table in TABLES.items():
            if rows.get(name):
                connection.execute(table.insert(), rows[name])
    data = bytes(_raw(copy).serialize())
    copy.dispose()
    return data


@lru_cache
def prepared(name: str, *columns: str) -> Select[Any]:
    """Rows of a table by their values in some of its columns: made once for each, and not for each submission."""
    table = TABLES[name]
    return select(table).where(*(table.c[column] == bindparam(column) for column in columns))


@lru_cache(maxsize=1)
def _empty() -> bytes:
    """A gradebook that knows nothing: making its tables takes longer than filling them."""
    engine = create_engine(URL, poolclass=StaticPool)
    Base.metadata.create_all(engine)
    data = bytes(_raw(engine).serialize())
    engine.dispose()
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

    def __init__(self) -> None:
        self.seed = b""
        self.engine = create_engine(URL, poolclass=StaticPool, connect_args={"check_same_thread": False})
        self.session = Unhurried(self.engine, expire_on_commit=False)
        self.found: dict[tuple[Any, ...], Any] = {}
        """What has been looked for and found (`quicker_gradebook`), by what it is and whose."""

    def begin(self, seed: bytes) -> None:
        """Forget everything, and go on with another seed."""
        self.seed = seed
        self.session.close()
        self.found.clear()
        self.reset()

    def reset(self) -> None:
        """Forget everything since the seed; what it says of the assignment need not be read again."""
        if not self.session.is_active or self.session.pending():
            self.session.close()
            self.found.clear()
        for known in list(self.session):
            if isinstance(known, _OF_SUBMISSIONS):
                self.session.expunge(known)
            elif loaded := (_OTHERS | _COMPUTED[type(known)]).intersection(inspect(known).dict):
                self.session.expire(known, loaded)
        for key in [key for key in self.found if key[0] not in STAYS]:
            del self.found[key]
        self.session.asked = False
        Session.commit(self.session)
        _raw(self.engine).deserialize(self.seed)

    def gradebook(self) -> Gradebook:
        return Gradebook(URL)


STAYS = ("find_assignment", "find_notebook", "cells", "released")
"""What of `Clone.found` is not about a submission."""
_OF_SUBMISSIONS = (Student, SubmittedAssignment, SubmittedNotebook, Comment, Grade)
_OTHERS = frozenset(("submissions", "comments", "grades"))  # what assignments, notebooks and cells know of those


class Unhurried(Session):
    """Writes what is to be committed when somebody asks for it, or at the latest when a gradebook is closed.

    nbgrader commits after each cell: here that makes two statements for a notebook and not two for a cell. Objects
    that are new are written at once, because those who add them wait for the error.
    """

    asked = False

    def commit(self) -> None:
        self.asked = True
        if self.new or self.deleted or self._written():
            self.settle()

    def settle(self) -> None:
        """Write what was to be committed, or where nothing was, forget what was changed."""
        if not self.asked:
            if self.pending():
                self.rollback()
            return
        self.asked = False
        try:
            super().commit()
        except BaseException:
            self.rollback()
            raise
        for found in self:  # what nbgrader has the database compute from other rows is not what it was
            if old := _COMPUTED[type(found)].intersection(inspect(found).dict):
                self.expire(found, old)

    def pending(self) -> bool:
        """Whether anything was changed and is not committed."""
        return bool(self.new or self.dirty or self.deleted or self._written())

    def _written(self) -> bool:
        """Whether the database has been told of something that is not committed."""
        return self.in_transaction() and bool(self.connection().connection.driver_connection.in_transaction)


_COMPUTED = {
    mapper.class_: frozenset(column.key for column in mapper.column_attrs if column.deferred)
    for mapper in Base.registry.mappers
} | {Grade: frozenset()}
"""What nbgrader has the database compute of each kind from rows of others; a grade's is from the exercise alone."""


def open_clone(seed: bytes) -> Clone:
    """Make `URL` this process's clone of the gradebook.

    Each of nbgrader's preprocessors opens the gradebook anew, looks for its tables, compiles its queries and reads its
    objects again: a quarter of a second for each submission. Here they all get the same, until the next `reset`.
    """
    clone = Clone()
    stock = Gradebook.__init__

    def __init__(self: Gradebook, db_url: str, *arguments: Any, **options: Any) -> None:
        if db_url != URL:
            stock(self, db_url, *arguments, **options)
            return
        self.engine, self.db = clone.engine, clone.session
        self.course_id = options.get("course_id", arguments[0] if arguments else "default_course")
        self.authenticator = None
        self.mlprod_found = clone.found

    Gradebook.__init__ = __init__
    Gradebook.close = lambda self: clone.session.settle() if self.engine is clone.engine else _close(self)
    clone.begin(seed)
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
    if len(wanted) == 1:
        query = prepared(table.name, column.name)
        return [dict(row) for row in connection.execute(query, {column.name: wanted[0]}).mappings()]
    for start in range(0, len(wanted), 500):  # a query has a limited number of parameters
        query = select(table).where(column.in_(wanted[start : start + 500]))
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def _raw(engine: Engine) -> sqlite3.Connection:
    return engine.raw_connection().driver_connection
