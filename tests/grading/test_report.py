"""The report of a class, from a gradebook written by hand: nothing is executed."""

import csv
import dataclasses
import datetime
import io
import os
import subprocess
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook

from mlprod.authoring.source import load
from mlprod.errors import CourseError
from mlprod.grading import class_data, class_report, gradebook_csv, incidents, report_page, report_tables, sandbox
from mlprod.grading.student_view import TEXT
from tests.grading.classes import make_class
from tests.grading.executed import executed, toy_course

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own

SIGN = "también con negativos: cambia el signo"
STUB = 'def name():\n    raise NotImplementedError("sin respuesta todavía / no answer yet")'
RIGHT, ABSOLUTE = "def double(x):\n    return x + x", "def double(x):\n    return abs(x) * 2"


@pytest.fixture(scope="module")
def a_class(tmp_path_factory):
    """Twelve students: eight with everything, three without the sign, one with nothing; essays of two not graded."""
    root = toy_course(tmp_path_factory.mktemp("class"))
    source = load(root / "solutions" / "90_toy.py")
    submitted = root / "grading" / "submitted"
    (submitted / "zoe" / "90_toy").mkdir(parents=True)
    with Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        gradebook.add_assignment("90_toy", duedate=datetime.datetime(2026, 11, 1))
        gradebook.add_notebook("90_toy", "90_toy")
        cells = {"test_double": 2, "test_double_negative": 1, "test_name": 4, "why": 3}
        for number, (name, points) in enumerate(cells.items()):
            kind = "markdown" if name == "why" else "code"
            gradebook.add_source_cell(name, "90_toy", "90_toy", cell_type=kind, source=str(number))
            gradebook.add_grade_cell(name, "90_toy", "90_toy", max_score=points, cell_type=kind)
        for name in ("double", "name", "why"):
            gradebook.add_solution_cell(name, "90_toy", "90_toy")
        for number in range(12):
            student = f"s{number:02}"
            (submitted / student / "90_toy").mkdir(parents=True)
            gradebook.add_student(student, first_name="Ñ", last_name="=cmd()", email=f"{student}@example.org")
            late = datetime.timedelta(hours=5 if number == 3 else -1)
            gradebook.add_submission("90_toy", student, timestamp=datetime.datetime(2026, 11, 1) + late)
            scores = [2, 1, 4, 3] if number < 8 else [2, 0, 4, 0] if number < 11 else [0, 0, 0, 0]
            for name, score in zip(cells, scores, strict=True):
                grade = gradebook.find_grade(name, "90_toy", "90_toy", student)
                grade.auto_score = None if name == "why" else score
                grade.manual_score = score if name == "why" and number > 1 else None
                grade.needs_manual_grade = name == "why" and number <= 1
            gradebook.db.commit()
            answers = {"double": (RIGHT, {}), "name": ("def name():\n    return 'cañón'", {})}
            if 8 <= number < 11:
                answers["double"] = (ABSOLUTE, {"test_double_negative": SIGN})
            if number == 11:
                answers = {
                    "double": ("def double(x):\n    return 7", {"test_double": "algo nuevo"}),
                    "name": (STUB, {}),
                }
            nb = executed(source, "es" if number % 2 else "en", answers)
            if number in (8, 9):
                incidents.note(nb, "tampered" if number == 8 else "edited", "test_name")
            path = root / "grading" / "autograded" / student / "90_toy" / "90_toy.ipynb"
            path.parent.mkdir(parents=True)
            nbformat.write(nb, path)
    return root


@pytest.fixture
def report(a_class):
    return class_report.report(a_class, class_data.read(a_class, "90_toy"), "es")


def test_what_a_class_did(report):
    assert report.mean == pytest.approx((6 * 10 + 2 * 7 + 3 * 6 + 0) / 12)
    double, name, why = report.tasks
    assert (double.task, double.points, double.difficulty) == ("double", 3, pytest.approx((8 * 3 + 3 * 2) / 36))
    assert (name.difficulty, name.blank) == (pytest.approx(11 / 12), 1)
    assert why.difficulty == pytest.approx(6 / 10), "only of those whose essay is graded"
    assert 0 < double.upper_lower <= 1 and 0 < double.correlation <= 1
    assert [(part.task, part.part) for part in report.parts] == [
        ("double", "test_double"),
        ("double", "negative"),
        ("name", "test_name"),
    ]


def test_mistakes_late_ones_and_what_waits(report):
    (known, unknown) = report.mistakes
    assert (known.text, known.students, known.known) == ("pierde el signo", 3, True)
    assert (unknown.text, unknown.students, unknown.known) == ("algo nuevo", 1, False)
    assert [(one.student, one.late_s) for one in report.late] == [("s03", 5 * 3600)]
    assert report.by_hand == {"why": ["s00", "s01"]} and list(report.data.ungraded) == ["zoe"]
    assert "90_toy.ipynb" in report.data.ungraded["zoe"], "why it has no grade"
    assert report.tampered == ["s08"]
    assert [one.student for one in report.data.graded if one.incidents] == ["s08", "s09"]


def test_objectives_without_any_are_the_rows_of_the_syllabus(report):
    first, second = report.objectives
    assert (first.key, first.points, first.mean) == ("row 1", 3, pytest.approx((8 + 3 * 2 / 3) / 12))
    assert first.mastered == pytest.approx(8 / 12) and second.mastered == pytest.approx(11 / 12)


def test_moodle_and_canvas(report):
    moodle = list(csv.reader(io.StringIO(gradebook_csv.moodle(report.data))))
    assert moodle[0] == ["Username", "First name", "Last name", "Email address", "90_toy"]
    assert moodle[1] == ["s02", "Ñ", "'=cmd()", "s02@example.org", "10"] and len(moodle) == 11, "s00, s01 wait"
    report.data.graded[5] = dataclasses.replace(report.data.graded[5], email="")
    moodle = list(csv.reader(io.StringIO(gradebook_csv.moodle(report.data))))
    assert moodle[0] == ["Username", "First name", "Last name", "90_toy"], "Moodle would grade the row before twice"
    assert moodle[1] == ["s02", "Ñ", "'=cmd()", "10"]
    canvas = list(csv.reader(io.StringIO(gradebook_csv.canvas(report.data))))
    assert canvas[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "90_toy"]
    assert canvas[1] == ["Points Possible", "", "", "", "", "10"]
    assert canvas[2] == ["'=cmd(), Ñ", "", "", "s02", "", "10"] and len(canvas) == 12
    items = list(csv.DictReader(io.StringIO(gradebook_csv.items(report.data))))
    assert items[0]["why"] == "" and items[8]["test_double_negative"] == "0" and len(items) == 12


@pytest.mark.parametrize("lang", ["es", "en"])
def test_page_and_terminal(a_class, lang):
    from rich.console import Console

    report = class_report.report(a_class, class_data.read(a_class, "90_toy"), lang)
    page = report_page.write(a_class, report, lang)
    text = page.read_text()
    assert f'<html lang="{lang}">' in text and "<script" not in text and "zoe" in text
    assert sorted(path.name for path in page.parent.iterdir()) == [
        "canvas.csv",
        "index.html",
        "items.csv",
        "moodle.csv",
    ]
    console = Console(record=True, width=100, file=io.StringIO())
    report_tables.show(report, console, lang)
    shown = console.export_text()
    noted = "celdas de prueba cambiadas" if lang == "es" else "test cells changed"
    for word in ("s00, s01", "pierde el signo" if lang == "es" else "loses the sign", "s03", "90_toy", noted, "s08"):
        assert word in shown and word in text
    assert ("Lo que espera a una persona" in shown) == (lang == "es")


def test_nothing_graded(new_course):
    root = new_course()
    with pytest.raises(CourseError, match="mlprod grade"):
        class_data.read(root, "90_toy")
    Gradebook(f"sqlite:///{root}/grading/gradebook.db").close()
    with pytest.raises(CourseError, match="mlprod grade"):
        class_data.read(root, "90_toy")
    assert class_data.assignments(root) == []


def test_texts_are_in_both_languages():
    from mlprod.grading import hints, report_words, words

    for texts in (TEXT, words.WORDS, report_words.WORDS):
        assert texts["es"].keys() == texts["en"].keys()
    assert all(texts.keys() == {"es", "en"} for _, texts in hints.BY_MESSAGE)


@pytest.mark.slow
def test_a_class_that_was_really_graded(tmp_path, monkeypatch):
    """Eight students by `mlprod grade`: the scores that the audit declares, and the mistakes that were handed in."""
    root = toy_course(tmp_path / "course")
    students = make_class(root, "90_toy", 8, seed=3, kinds=("right", "wrong", "mixed", "blank"))
    command = [sys.executable, "-c", "from mlprod.cli import main; main()"]
    options = ["--unsafe"] if sandbox.problem() else []
    environment = {**os.environ, "MLPROD_ROOT": str(root), "LANG_COURSE": "es", "COLUMNS": "120"}
    for more in (["grade", "90_toy", *options], ["report"]):
        done = subprocess.run([*command, *more], env=environment, cwd=root, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
    data = class_data.read(root, "90_toy")
    assert {one.student: one.score for one in data.graded} == {s.name: s.score for s in students.values()}
    assert {one.student: bool(one.by_hand) for one in data.graded} == {
        s.name: bool(s.essays) for s in students.values()
    }
    assert {one.student: one.lang for one in data.graded} == {s.name: s.lang for s in students.values()}
    handed_in = {(w.task, w.misconception["es"]) for s in students.values() for w in s.wrongs.values()}
    found = {(m.task, m.text) for m in class_report.report(root, data, "es").mistakes if m.known}
    assert found and found <= handed_in
    assert all(text.split()[0] in done.stdout for _, text in found)
    assert "90_toy" in done.stdout and "moodle.csv" in (root / "grading/reports/90_toy/index.html").read_text()
