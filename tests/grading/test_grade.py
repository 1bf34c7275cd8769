"""mlprod grade: nbgrader's own scores, one failing submission not stopping the others."""

import subprocess
import sys

import pytest
from nbgrader.api import Gradebook

from mlprod.authoring.source import load
from mlprod.errors import CourseError
from mlprod.grading import sandbox
from mlprod.grading.grade import submissions
from mlprod.grading.grade_table import line, summary
from mlprod.grading.workers import Graded


def test_nobody_handed_in(tmp_path):
    with pytest.raises(CourseError, match="01_data_passing"):
        submissions("01_data_passing", tmp_path)


def test_lines_and_summary(monkeypatch):
    monkeypatch.setenv("LANG_COURSE", "es")
    log = "[ERROR] There was an error\n    x.NotJSONError: no es JSON\n    NbGraderException: y\n[ERROR] Please see"
    results = [Graded("ana", "graded", 7, 10, True), Graded("[b]", "failed", log=log), Graded("eva", "skipped", 3, 10)]
    assert [line(result) for result in results] == [
        "ana: 7 / 10 (queda por corregir a mano)",
        r"[red]\[b]: no se ha podido calificar[/]: x.NotJSONError: no es JSON",
        "eva: 3 / 10 (ya estaba; --force para repetir)",
    ]
    assert summary(results) == "2 calificadas (media 5.0 de 10), 1 con algo que corregir a mano, 1 sin poder calificar"


def grades(root):
    with Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        return {
            (submission.student.id, grade.name): (grade.auto_score, grade.needs_manual_grade)
            for submission in gradebook.assignment_submissions("90_toy")
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def mlprod_grade(root, *options):
    command = [sys.executable, "-c", "from mlprod.cli import main; main()", "grade", "90_toy", *options]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=200)


SANDBOX = ["--unsafe"] if sandbox.problem() else []


def test_without_a_sandbox_nobody_is_graded_unless_asked_for(new_course, submit, monkeypatch):
    root = new_course()
    submit(root, load(root / "solutions" / "90_toy.py"), "ana", "es")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("LANG_COURSE", "en")
    run = mlprod_grade(root)
    assert run.returncode == 1 and "--unsafe" in run.stdout + run.stderr
    assert not (root / "grading" / "gradebook.db").exists()


@pytest.mark.slow
def test_same_scores_as_stock_nbgrader_and_a_failure_stops_nobody(new_course, nbgrader, submit):
    root = new_course()
    source = load(root / "solutions" / "90_toy.py")
    submit(root, source, "ana", "es", essay="Escrito.")
    submit(root, source, "bea", "en", {"double": source.tasks["double"].wrongs[1].source})
    submit(root, source, "eva", "es", {})
    exercise = root / "exercises" / "es" / "90_toy" / "90_toy.ipynb"
    before = exercise.read_text()
    submitted = root / "grading" / "submitted"
    (submitted / "broken" / "90_toy").mkdir(parents=True)
    (submitted / "broken" / "90_toy" / "90_toy.ipynb").write_text('{"not": json')

    run = mlprod_grade(root, *SANDBOX)  # the assignment is not even in a gradebook yet
    assert run.returncode == 1, run.stdout + run.stderr
    assert "ana: 7 / 10" in run.stdout and "bea: 6 / 10" in run.stdout and "eva: 0 / 10" in run.stdout
    assert "broken" in run.stdout and "90_toy.ipynb" in run.stdout
    assert exercise.read_text() == before
    assert sorted(path.parts[-3] for path in (root / "grading" / "feedback").rglob("*.html")) == ["ana", "bea", "eva"]
    ours = grades(root)

    again = mlprod_grade(root, "--student", "ana", *SANDBOX)
    assert again.returncode == 0 and "ana: 7 / 10" in again.stdout and "bea" not in again.stdout
    assert "--force" in again.stdout, "it was graded before"

    (submitted / "broken" / "90_toy" / "90_toy.ipynb").unlink()
    (submitted / "broken" / "90_toy").rmdir()
    (root / "grading" / "gradebook.db").unlink()
    nbgrader(root, "generate_assignment", "90_toy", "--force")
    nbgrader(root, "autograde", "90_toy", "--force")
    assert grades(root) == {key: value for key, value in ours.items() if key[0] != "broken"}
