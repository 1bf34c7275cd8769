"""Shared by the grading tests: a light kernel parent, small notebooks, a course of one toy unit."""

import shutil
import time
from pathlib import Path

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


@pytest.fixture
def new_course(tmp_path):
    """Makes a course, with this one's nbgrader configuration, of the given text as its only exercises; its root."""
    from mlprod.authoring.build import build

    def make(text=None, name="90_toy"):
        root = tmp_path / "course"
        for folder in ("lessons", "datasets", "solutions", "grading"):
            (root / folder).mkdir(parents=True)
        (root / "glossary.yml").touch()
        shutil.copy(REPOSITORY / "grading" / "nbgrader_config.py", root / "grading")
        (root / "solutions" / f"{name}.py").write_text(text or (HERE / "toy.txt").read_text())
        build(root)
        return root

    return make
