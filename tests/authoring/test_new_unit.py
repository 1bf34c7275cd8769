"""A stranger's first unit: complete, and clean under every check from the first minute."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from mlprod.authoring import new_unit
from mlprod.authoring.build import build, drift, render, render_variant
from mlprod.authoring.coverage import measure
from mlprod.authoring.lint import check
from mlprod.authoring.source import load
from mlprod.course import notebook
from mlprod.errors import CourseError

REPOSITORY = Path(__file__).resolve().parents[2]


def test_it_passes_the_linter_and_ruff(tiny):
    build(tiny.root)
    assert [str(finding) for finding in check(tiny.root)] == [] and drift(tiny.root) == []
    shutil.copy(REPOSITORY / "pyproject.toml", tiny.root)
    for folder in ("lessons", "solutions"):
        shutil.copy(REPOSITORY / folder / "ruff.toml", tiny.root / folder)
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."],
        cwd=tiny.root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name", ["streams", "3_streams", "03-streams", "03_Streams", "03_señales", "03_a__b", "03_", "../03_x"]
)
def test_bad_names_are_refused_with_an_example(tiny, name):
    with pytest.raises(CourseError, match="06a_quantization"):
        new_unit.create(tiny.root, name)


@pytest.mark.parametrize("name", ["03_streams", "03_other"])
def test_taken_numbers_are_refused_and_nothing_is_overwritten(tiny, name):
    before = tiny.lesson.read_bytes()
    with pytest.raises(CourseError, match=r"unit 03 exists already: lessons/03_streams\.py"):
        new_unit.create(tiny.root, name)
    assert tiny.lesson.read_bytes() == before


def test_a_lettered_unit_stands_beside_its_sister(tiny):
    new_unit.create(tiny.root, "06a_first")
    new_unit.create(tiny.root, "06b_second")
    build(tiny.root)
    assert check(tiny.root) == [] and len(measure(tiny.root)) == 3
    assert '"6a.1"' in (tiny.root / "solutions" / "06a_first.py").read_text()


@pytest.mark.slow
def test_its_notebooks_run_and_its_tests_tell_right_from_wrong(tiny):
    build(tiny.root)
    lesson = nbformat.read(notebook("lessons", "03_streams", "es", tiny.root), as_version=4)
    NotebookClient(lesson, timeout=60).execute()
    source = load(tiny.exercise)
    task = source.tasks["middle"]
    variants = [(render(source, "en"), 3.0, "")]
    variants += [(render_variant(source, "en", {"middle": cell.source}), 3.0, "") for cell in task.rights]
    variants += [(render_variant(source, "en", {"middle": w.source}), w.score, w.says["en"]) for w in task.wrongs]
    for variant, score, word in variants:
        NotebookClient(variant, timeout=60, allow_errors=True).execute()
        tests = [
            cell
            for cell in variant.cells
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
        ]
        assert sum(cell.metadata["nbgrader"]["points"] for cell in tests if not failures(cell)) == score
        assert word in json.dumps([failures(cell) for cell in tests], ensure_ascii=False)


def failures(cell) -> list[str]:
    return [output.evalue for output in cell.outputs if output.output_type == "error"]
