"""A student graded where they are: with the hidden tests where the solutions are, with the visible ones elsewhere."""

import shutil

import nbformat
import pytest

from mlprod.course import notebook
from mlprod.errors import CourseError
from mlprod.grading import configuration, sandbox
from mlprod.grading.grade_me import QUIET, TEXT_STUB, find, grade_me, language_there
from mlprod.lab import progress

ABSOLUTE = "def double(x):\n    return abs(x) * 2"


@pytest.fixture
def root(new_course, monkeypatch):
    root = new_course()
    monkeypatch.setenv("MLPROD_ROOT", str(root))
    return root


def work(root, lang="es", change=lambda nb: None, **answers):
    """A student writes `answers` into their own notebook."""
    path = notebook("exercises", "90_toy", lang, root)
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(grade_id, cell.source)
    change(nb)
    nbformat.write(nb, path)
    return path


def test_a_student_s_copy_is_graded_as_the_course_s_configuration_says(root):
    config = configuration.load(root)
    assert config.BlankEssays.text_stub == TEXT_STUB and tuple(config.Execute.extra_arguments) == QUIET


def test_which_exercise(root):
    assert language_there(root, "90_toy", "en") == "en"
    shutil.rmtree(root / "exercises" / "en")
    assert language_there(root, "90_toy", "en") == "es"
    assert find(root, "90") == find(root, "90_toy") == "90_toy"
    with pytest.raises(CourseError, match="90_toy"):
        find(root, "02")


def test_what_cannot_be_read(root):
    with pytest.raises(CourseError):
        grade_me(root, "90_toy", "es", root / "none.ipynb")
    (root / "bad.ipynb").write_text("{]")
    with pytest.raises(CourseError, match="bad.ipynb"):
        grade_me(root, "90_toy", "es", root / "bad.ipynb")


@pytest.mark.slow
def test_with_all_tests_and_with_the_visible_ones(root):
    path = work(root, double=ABSOLUTE, why="Porque sí.")
    before = path.read_bytes()
    report = grade_me(root, "90_toy", "es")
    assert (report.score, report.most, report.complete) == (2, 10, True)
    assert report.isolated == (sandbox.problem() is None)
    assert {task.name: task.state for task in report.tasks} == {"double": "failed", "name": "blank", "why": "pending"}
    said = progress.unit(root, "90_toy", "es").graded
    assert said == progress.Graded(2, 10, complete=True, stale=False), "the course's first page tells it"
    assert "pierde el signo" in report.summary and "todas las pruebas" in report.summary
    assert "secret_input" not in report.page.read_text() + report.summary
    assert report.text.read_text() == report.summary and path.read_bytes() == before, "the notebook is the student's"

    shutil.rmtree(root / "solutions")
    shutil.rmtree(root / "grading")  # as in a student's bundle
    report = grade_me(root, "90_toy", "es")
    assert (report.score, report.most, report.complete) == (3, 6, False), "no hidden test says anything"
    assert "Hay 1 que no" in report.summary and "visibles" in report.summary and "más baja" in report.summary
    assert {task.name: task.state for task in report.tasks}["double"] == "passed"


@pytest.mark.slow
def test_a_kernel_that_dies_a_test_deleted_and_no_sandbox(root, monkeypatch):
    def without_a_test(nb):
        nb.cells = [c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "test_name"]

    monkeypatch.setattr(sandbox, "problem", lambda: "no hay bubblewrap")
    end = "import os\nos._exit(3)"
    work(root, "en", without_a_test, double=end, name="def name():\n    return 'cañón'")
    report = grade_me(root, "90_toy", "en")
    assert (report.score, report.most, report.isolated) == (4, 10, False), "the test is put back, the rest executed"
    assert "Without a sandbox (no hay bubblewrap)" in report.summary
    assert "ended the notebook's process" in report.summary and "ended the notebook" in report.page.read_text()
