"""An instructor grades an essay in nbgrader's formgrader, in a real browser, after `mlprod grade`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from mlprod.grading import sandbox
from tests.browsing import MARKS, MINUTE, chromium, screenshot
from tests.grading.classes import make_class
from tests.grading.executed import toy_course

pytestmark = [*MARKS, pytest.mark.slow]
GIVEN, COMMENT = 2.5, "Bien razonado; falta un ejemplo."


def test_an_essay_is_graded_in_the_formgrader(tmp_path, running_lab, free_port):
    root = toy_course(tmp_path / "course")
    students = make_class(root, "90_toy", 2, seed=1, kinds=("right",))
    (name, student), *_ = [(name, who) for name, who in students.items() if who.essays]
    grade(root)
    assert essay(root, name) == (None, True)
    assert "pendiente" in feedback(root, name) or "graded by hand" in feedback(root, name)

    with running_lab(root, "es", "--teach", "--port", str(free_port)) as lab, chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(MINUTE)
        page.goto(lab.url)  # the token becomes a cookie there
        page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").first.click()
        page.locator(".lm-Menu-itemLabel", has_text="Formgrader").first.click()
        inside = page.frame_locator("iframe[src*=formgrader]")
        inside.locator("a", has_text="Manual Grading").first.click()
        inside.locator("a", has_text="90_toy").first.click()
        inside.locator("a", has_text="90_toy").last.click()
        inside.locator("a", has_text="Submission #").first.wait_for()
        page.goto(f"{lab.base}/formgrader/submissions/{submission(root, name)}/")
        score = page.locator("input.score#why")
        score.wait_for()
        page.wait_for_load_state("networkidle")  # its grades have come
        score.fill(str(GIVEN))
        page.locator("textarea#why-comment").fill(COMMENT)
        page.locator("input.score#why").focus()
        for _ in range(100):
            if essay(root, name)[0] is not None:
                break
            page.wait_for_timeout(200)
        screenshot(page, "formgrader")
    assert essay(root, name) == (GIVEN, False)
    with Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        assert gradebook.find_submission("90_toy", name).score == student.score + GIVEN
    grade(root)  # which writes the feedback again, and grades nothing
    assert COMMENT in feedback(root, name) and f"{GIVEN} / 3" in feedback(root, name)


def grade(root: Path) -> None:
    command = [sys.executable, "-c", "from mlprod.cli import main; main()", "grade", "90_toy"]
    command += ["--unsafe"] if sandbox.problem() else []
    environment = {**os.environ, "MLPROD_ROOT": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


def feedback(root: Path, student: str) -> str:
    return (root / "grading" / "feedback" / student / "90_toy" / "90_toy.html").read_text()


def essay(root: Path, student: str) -> tuple[float | None, bool]:
    """What a person gave the essay, and whether it still waits."""
    with Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        grade = gradebook.find_grade("why", "90_toy", "90_toy", student)
        return grade.manual_score, grade.needs_manual_grade


def submission(root: Path, student: str) -> str:
    with Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        return gradebook.find_submission_notebook("90_toy", "90_toy", student).id
