"""Otter-Grader on the same submissions as the other graders: the exercise and what was handed in, in its format.

Otter is not among the course's packages; MLPROD_OTTER names its program, installed in an environment of its own:

    python -m venv /tmp/otter && /tmp/otter/bin/pip install otter-grader ipykernel
    MLPROD_OTTER=/tmp/otter/bin/otter mlprod bench grading

`otter run` grades a notebook in a process of its own, without a container (`otter grade` puts docker around it).
Formats: https://otter-grader.readthedocs.io/en/latest/test_files/python_format.html
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from mlprod.authoring.model import Source, Test
from mlprod.grading.speed_timing import timed

VARIABLE = "MLPROD_OTTER"
WHY_NOT = f"{VARIABLE} does not name the program `otter`: pip install otter-grader ipykernel, in another environment"
TEST_FILE = """\
OK_FORMAT = False

from otter.test_files import test_case

name = {name!r}
points = {points!r}


@test_case(points={points!r}, hidden=True)
def test_all(env):
    exec({code!r}, {{**env, "tr": lambda es, en: en}})
"""


def program() -> Path | None:
    """The program that `VARIABLE` names, if it is there."""
    path = Path(os.environ.get(VARIABLE) or "/nowhere")
    return path if path.is_file() and os.access(path, os.X_OK) else None


def measure(otter: Path, root: Path, source: Source, work: Path) -> dict[str, Any]:
    """Grade all that was handed in of `source` in the course at `root`, one after another, in the folder `work`.

    Gives the seconds of `otter run` together and each student's points by `scores`, and otter's version.
    """
    said = subprocess.run([otter, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    (work / "tests").mkdir(parents=True)
    for task, text in converted(source).items():
        (work / "tests" / f"{task}.py").write_text(text, encoding="utf-8")
    graders = work / "autograder.zip"
    timed([otter, "generate", "-t", "tests", "--no-environment", "-o", graders], work)
    seconds, scores = 0.0, {}
    for handed_in in sorted((root / "grading" / "submitted").glob(f"*/{source.name}/{source.name}.ipynb")):
        student = handed_in.parts[-3]
        folder = work / student
        folder.mkdir()
        nbformat.write(_answers(handed_in, source), folder / "answers.ipynb")
        seconds += timed(
            [otter, "run", "--no-logo", "-a", graders, "-o", folder, folder / "answers.ipynb"], work
        ).seconds
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))["tests"]
        scores[student] = sum(result.get("score", 0.0) for result in results)
    version = next((line.split(":")[1].strip() for line in said.splitlines() if "Otter-Grader version" in line), "?")
    return {"version": version, "seconds": seconds, "scores": scores}


def converted(source: Source) -> dict[str, str]:
    """Otter's test file of each task: all its tests, hidden parts too, as one test case of all its points."""
    texts = {}
    for task in source.tasks:
        tests = [cell for cell in source.cells if isinstance(cell, Test) and cell.task == task]
        code = "\n".join(line for cell in tests for line in cell.source.split("\n") if not line.startswith("### "))
        texts[task] = TEST_FILE.format(name=task, points=sum(cell.points for cell in tests), code=code)
    return texts


def _answers(path: Path, source: Source) -> Any:
    """The answers of a notebook that was handed in, without nbgrader's tests."""
    cells = nbformat.read(path, 4).cells
    kept = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") in source.tasks]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=[new_code_cell(cell.source) for cell in kept], metadata={"kernelspec": kernel})
