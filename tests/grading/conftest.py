"""Shared by the grading tests: a light kernel parent, small notebooks, a course of one toy unit."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@pytest.fixture(scope="session")
def light_kernels():
    from mlprod.grading.kernels import forked_kernels

    with forked_kernels(modules=["numpy"]) as name:
        yield name


@pytest.fixture
def notebook_of():
    return lambda *sources: new_notebook(cells=[new_code_cell(source) for source in sources])


@pytest.fixture
def wait_until():
    def wait(condition, timeout=15.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "not within the time allowed"
            time.sleep(0.02)

    return wait


def made_course(root, text=None, name="90_toy"):
    """A course, with this one's nbgrader configuration, of the given text as its only exercises."""
    from mlprod.authoring.build import build

    for folder in ("lessons", "datasets", "solutions", "grading"):
        (root / folder).mkdir(parents=True)
    (root / "glossary.yml").touch()
    shutil.copy(REPOSITORY / "grading" / "nbgrader_config.py", root / "grading")
    (root / "solutions" / f"{name}.py").write_text(text or (HERE / "toy.txt").read_text())
    build(root)
    return root


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A course with the toy exercise, in whose gradebook the exercise is; not to be changed."""
    from mlprod.grading.grade import _recorded

    root = made_course(tmp_path_factory.mktemp("once") / "course")
    _recorded("90_toy", root)
    return root


@pytest.fixture
def new_course(tmp_path):
    """Makes a course of the given text, or of the toy exercise; returns its root."""
    return lambda text=None, name="90_toy": made_course(tmp_path / "course", text, name)


@pytest.fixture
def nbgrader():
    """Runs a command of nbgrader's in a course as an instructor does who has not activated the environment."""

    def run(root, *arguments, lang="es"):
        environment = {"HOME": os.environ["HOME"], "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "COURSE_LANG": lang}
        command = [Path(sys.executable).with_name("nbgrader"), *arguments]
        done = subprocess.run(
            command, cwd=root / "grading", env=environment, capture_output=True, text=True, timeout=280
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def submit():
    """Hands in the released exercise: the code of `answers` (a source's own when None), `essay` written in."""
    from mlprod.authoring.build import render_variant
    from mlprod.course import notebook

    def hand_in(root, source, student, lang, answers=None, essay=None):
        released = nbformat.read(notebook("exercises", source.name, lang, root), 4)
        solved = {}
        if answers is None or answers:
            cells = render_variant(source, lang, answers or {}).cells
            solved = {c.metadata.nbgrader.grade_id: c.source for c in cells if "nbgrader" in c.metadata}
        for cell in released.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in source.tasks and grade_id in solved:
                cell.source = solved[grade_id]
            elif grade_id in {e.grade_id for e in source.essays} and essay is not None:
                cell.source = essay
        folder = root / "grading" / "submitted" / student / source.name
        folder.mkdir(parents=True)
        nbformat.write(released, folder / f"{source.name}.ipynb")

    return hand_in
