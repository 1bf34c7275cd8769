"""The one writer of the gradebook: takes what workers hand back, and puts it where nbgrader would have put it.

A submission is done when the gradebook and its folders say so, and killing this process at any moment cannot make them
say it too early: the old results go first, then the gradebook changes in one transaction, then the new results appear,
each folder at once. What is half done then looks as if it were not done, and is done again.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select, update

from mlprod.grading import incidents
from mlprod.grading.clone import SUBMITTED, TABLES, Rows, prepared, seed
from mlprod.grading.intake import timestamp_problem
from mlprod.grading.work import STEPS
from mlprod.grading.workers import Graded, Outcome, Setup

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI
    from sqlalchemy import Connection


class Writer:
    """Knows which submissions to `assignment` are done, and records those that workers have graded."""

    def __init__(self, api: NbGraderAPI, setup: Setup) -> None:
        self.setup = setup
        self.course = api.coursedir
        self.gradebook = api.gradebook

    def close(self) -> None:
        self.gradebook.close()

    def new_round(self, students: Collection[str]) -> Setup:
        """For workers that will grade `students`, with what they need of the gradebook as it is now."""
        self.setup = replace(self.setup, round=self.setup.round + 1)
        self.setup.seed.write_bytes(seed(self.gradebook, self.setup.assignment, students))
        return self.setup

    def to_do(self, students: Collection[str], force: bool) -> dict[str, str]:
        """For each student "all", "feedback" or "nothing".

        As in nbgrader, a submission that was graded before is graded again with `force` or when its timestamp is
        newer than the one that was graded.
        """
        known, by_hand = self._known(), self._graded_by_hand()
        todo = {student: "all" if force else self._to_do(student, known) for student in students}
        # a person has graded or commented in the formgrader, perhaps since the feedback was written: it is cheap
        return {s: "feedback" if what == "nothing" and s in by_hand else what for s, what in todo.items()}

    def changed(self, student: str) -> None:
        """What was graded is not what is handed in now: whatever ends this before that is graded, it is not done."""
        for step in STEPS:
            self._remove(self._place(step, student))

    def skipped(self, student: str) -> Graded:
        """What the gradebook says of a submission that is not graded now."""
        submission = self.gradebook.find_submission(self.setup.assignment, student)
        by_hand = bool(submission.needs_manual_grade)
        notebook = self._place("autograded", student) / f"{self.setup.assignment}.ipynb"
        happened = tuple(incidents.in_file(notebook))
        graded = Graded(student, "skipped", submission.score, submission.max_score, by_hand, incidents=happened)
        self.gradebook.db.rollback()  # reading opened a transaction: let go of what it holds
        return graded

    def record(self, outcome: Outcome) -> None:
        """Make the gradebook and the folders say what a worker found out."""
        student = outcome.graded.student
        graded_now = bool(outcome.rows)
        for step in STEPS if graded_now else STEPS[1:]:
            self._remove(self._place(step, student))
        if graded_now:
            with self.gradebook.engine.begin() as connection:
                if connection.dialect.name == "sqlite":  # the formgrader may be writing, for more than 5 s
                    connection.exec_driver_sql("PRAGMA busy_timeout = 60000")
                _record(connection, outcome.rows)
        for step in outcome.steps:
            place = self._place(step, student)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.rename(self.setup.folder(step) / student / self.setup.assignment, place)

    def _to_do(self, student: str, known: set[str]) -> str:
        graded = self._place("autograded", student)
        if student not in known or not graded.is_dir():
            return "all"
        if self._newer(student):
            return "all"
        return "nothing" if self._place("feedback", student).is_dir() else "feedback"

    def _newer(self, student: str) -> bool:
        """Whether what was handed in is newer than what was graded; so is what has an unreadable timestamp."""
        submitted = self._place("submitted", student)
        if timestamp_problem(submitted):
            return True
        handed_in = self.course.get_existing_timestamp(str(submitted))
        before = self.course.get_existing_timestamp(str(self._place("autograded", student)))
        return handed_in is not None and before is not None and handed_in > before

    def _known(self) -> set[str]:
        """The students whose submission is in the gradebook."""
        assignment, submitted = TABLES["assignment"], TABLES["submitted_assignment"]
        query = select(submitted.c.student_id).join(assignment).where(assignment.c.name == self.setup.assignment)
        with self.gradebook.engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def _graded_by_hand(self) -> set[str]:
        """The students of whose submission a person has changed a score or written a comment."""
        t = TABLES
        mine = t["submitted_assignment"].join(t["assignment"]).join(t["submitted_notebook"])
        found: set[str] = set()
        with self.gradebook.engine.connect() as connection:
            for name, columns in (("grade", ("manual_score", "extra_credit")), ("comment", ("manual_comment",))):
                touched = or_(*(t[name].c[column].is_not(None) for column in columns))
                query = select(t["submitted_assignment"].c.student_id).select_from(
                    mine.join(t[name], t[name].c.notebook_id == t["submitted_notebook"].c.id)
                )
                query = query.where(t["assignment"].c.name == self.setup.assignment, touched)
                found |= set(connection.execute(query).scalars())
        return found

    def _place(self, step: str, student: str) -> Path:
        directory = getattr(self.course, f"{step}_directory")
        return Path(self.course.format_path(directory, student, self.setup.assignment))

    def _remove(self, folder: Path) -> None:
        if folder.is_dir():
            aside = self.setup.work / f"old-{uuid.uuid4().hex}"
            os.rename(folder, aside)  # gone at once, even if removing it takes a while
            shutil.rmtree(aside, ignore_errors=True)


def _record(connection: Connection, rows: Rows) -> None:
    """Add a student's rows, or bring up to date those that nbgrader's autograding changes.

    Like nbgrader's SaveAutoGrades, it leaves alone what people gave: such a grade has to be looked at again.
    """
    t = TABLES
    submission = rows["submitted_assignment"][0]
    student = rows["student"][0]
    if _one(connection, "student", id=student["id"]) is None:
        connection.execute(t["student"].insert(), [student])
    keys = {name: submission[name] for name in ("assignment_id", "student_id")}
    before = _one(connection, "submitted_assignment", **keys)
    if before is None:
        for name in SUBMITTED[1:]:
            if rows[name]:
                connection.execute(t[name].insert(), rows[name])
        return
    _set(connection, "submitted_assignment", before, timestamp=submission["timestamp"])
    for notebook in rows["submitted_notebook"]:
        there = _there(connection, "submitted_notebook", notebook, "assignment_id", before["id"], "notebook_id")
        _set(connection, "submitted_notebook", there, late_submission_penalty=notebook["late_submission_penalty"])
        for comment in rows["comment"]:
            if comment["notebook_id"] == notebook["id"]:
                mine = _there(connection, "comment", comment, "notebook_id", there["id"], "cell_id")
                _set(connection, "comment", mine, auto_comment=comment["auto_comment"])
        for grade in rows["grade"]:
            if grade["notebook_id"] == notebook["id"]:
                mine = _there(connection, "grade", grade, "notebook_id", there["id"], "cell_id")
                by_hand = grade["needs_manual_grade"] or mine["manual_score"] is not None
                _set(connection, "grade", mine, auto_score=grade["auto_score"], needs_manual_grade=by_hand)


def _there(
    connection: Connection, name: str, row: dict[str, Any], above: str, above_id: str, what: str
) -> dict[str, Any]:
    """The real gradebook's row for `row` of the clone, made when it has none."""
    found = _one(connection, name, **{above: above_id, what: row[what]})
    if found is None:
        found = {**row, above: above_id}
        connection.execute(TABLES[name].insert(), [found])
    return found


def _one(connection: Connection, name: str, **values: Any) -> dict[str, Any] | None:
    found = connection.execute(prepared(name, *values), values).mappings().first()
    return None if found is None else dict(found)


def _set(connection: Connection, name: str, row: dict[str, Any], **values: Any) -> None:
    table = TABLES[name]
    connection.execute(update(table).where(table.c.id == row["id"]).values(**values))
