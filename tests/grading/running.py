"""`mlprod grade` as a command, run to its end or killed, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from nbgrader.api import Gradebook

from mlprod.grading import sandbox

UNSAFE = ["--unsafe"] if sandbox.problem() else []
COMMAND = [sys.executable, "-c", "from mlprod.cli import main; main()", "grade"]


def mlprod_grade(root: Path, assignment: str, *options: str, **environment: str) -> str:
    """What it says; one submission or another may be impossible to grade."""
    done = subprocess.run(
        [*COMMAND, assignment, *options, *UNSAFE],
        cwd=root,
        env={**os.environ, "LANG_COURSE": "en", **environment},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout + done.stderr


def contents(root: Path, assignment: str, db_url: str | None = None) -> dict[tuple[str, str, str], Any]:
    """Everything that the gradebook says about submissions, but for its own row numbers."""
    with Gradebook(db_url or f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        return {
            (submission.student.id, cell.name, type(cell).__name__): (
                (cell.auto_comment, cell.manual_comment)
                if hasattr(cell, "auto_comment")
                else (cell.auto_score, cell.manual_score, cell.extra_credit, cell.needs_manual_grade, cell.max_score)
            )
            + (submission.timestamp, notebook.late_submission_penalty, notebook.name)
            for submission in gradebook.assignment_submissions(assignment)
            for notebook in submission.notebooks
            for cell in [*notebook.grades, *notebook.comments]
        }


def files(root: Path, step: str) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in (root / "grading" / step).rglob("*") if path.is_file())


def points(contents: dict[tuple[str, str, str], Any]) -> dict[str, float]:
    """What each student has earned, by what `contents` gives."""
    earned: dict[str, float] = {}
    for (student, _, kind), value in contents.items():
        if kind == "Grade":
            earned[student] = earned.get(student, 0.0) + (value[0] or 0.0)
    return earned


def killed(root: Path, assignment: str, moment: Callable[[], bool], **environment: str) -> None:
    """Begin to grade, and `kill -9` the command at `moment`: nothing of it may be left running."""
    process = subprocess.Popen(
        [*COMMAND, assignment, *UNSAFE],
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 1200
    while not moment() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive, "workers and kernels end with whoever started them"
