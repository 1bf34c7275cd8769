"""Scores as the gradebooks of Moodle and Canvas import them; nobody who still waits for a person is in the files.

Moodle lets the teacher say which column identifies whom and which is the grade, so its columns have the names of its
own export (https://docs.moodle.org/en/Grade_import). It ends at the first student whom it does not know, and takes a
row with an empty identifier for the student of the row before (grade/import/csv/classes/load_data.php of
moodle/moodle, read in November 2026): there is no column of emails that has gaps.

Canvas wants Student, ID, SIS User ID, SIS Login ID and Section in this order before the assignments, may take a row of
points possible, and finds a student by ID, else SIS User ID, else SIS Login ID, else name (lib/gradebook_importer.rb of
instructure/canvas-lms, read in November 2026).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from mlprod.grading.class_data import Class, Graded

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate


def ready(data: Class) -> list[Graded]:
    """The students whose score is final: nothing of it waits for a person."""
    return [one for one in data.graded if not one.by_hand]


def moodle(data: Class) -> str:
    """One row for each student: username (nbgrader's id), names, email where everybody has one, the score in points."""
    students = ready(data)
    emails = bool(students) and all(one.email for one in students)
    rows = [["Username", "First name", "Last name", *(["Email address"] if emails else []), data.assignment]]
    for one in students:
        email = [_safe(one.email)] if emails else []
        rows.append([one.student, _safe(one.first_name), _safe(one.last_name), *email, _points(one)])
    return _csv(rows)


def canvas(data: Class) -> str:
    """The same for Canvas. `ID` is Canvas's own number, where the gradebook has it (nbgrader's lms_user_id)."""
    most = max(one.most for one in data.graded)
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", data.assignment],
        ["Points Possible", "", "", "", "", f"{most:g}"],
    ]
    for one in ready(data):
        name = ", ".join(filter(None, (one.last_name, one.first_name))) or one.student
        rows.append([_safe(name), one.lms_id, "", one.student, "", _points(one)])
    return _csv(rows)


def items(data: Class) -> str:
    """Every student's score in every graded cell, for whoever wants to go on calculating; empty where it waits."""
    rows: list[Sequence[str]] = [["student", "late_seconds", "score", *(item.grade_id for item in data.items)]]
    for one in data.graded:
        scores = [one.scores.get(item.grade_id, 0.0) for item in data.items]
        cells = ["" if score is None else f"{score:g}" for score in scores]
        rows.append([one.student, f"{one.late_s:.0f}", f"{one.score:g}", *cells])
    return _csv(rows)


def _points(one: Graded) -> str:
    return f"{max(0.0, one.score - one.penalty):g}"


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _safe(cell: str) -> str:
    """`cell` as text even where a spreadsheet opens the file: students choose their names."""
    return "'" + cell if cell.startswith(FORMULA) else cell
