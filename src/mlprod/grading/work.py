"""The folder of one run of `mlprod grade`, and the lock by which only one run grades a course at a time."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mlprod.errors import CourseError
from mlprod.language import tr

STEPS = ("autograded", "feedback")
WORK = "grading/.work"
"""Where runs keep what is not finished: in grading/, so that a folder can be moved from there in one step."""


@contextlib.contextmanager
def work_folder(root: Path) -> Iterator[Path]:
    """A folder for one run, and the promise that no other run is grading the same course.

    Also removes what a run that was killed has left. Raises CourseError when another one is running.
    """
    folder = root / WORK
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    with open(folder / "lock", "a") as lock:
        try:
            _lock(lock)
        except OSError:
            raise CourseError(
                tr(
                    es="Ya hay otra orden calificando las entregas de este curso: espera a que termine.",
                    en="Another command is grading this course's submissions: wait until it has ended.",
                )
            ) from None
        for left in folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        run = folder / uuid.uuid4().hex[:8]
        for step in STEPS:
            (run / step).mkdir(parents=True)
        try:
            yield run
        finally:
            shutil.rmtree(run, ignore_errors=True)


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: no lock there
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
