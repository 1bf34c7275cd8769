"""Notices what is handed in while somebody looks."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from mlprod.grading.intake import MOST_FILES

PAUSE_S, IDLE_PAUSE_S = 0.2, 0.05  # while something is graded, and while nothing is
SETTLED_S = 0.2
SHARE = 0.05  # of the time may be spent on looking: with thousands of submissions it looks less often
OLD_S = 2.0
COMPLETE_S = 5.0  # after which a folder without its notebook is taken for what was handed in

NOBODYS = (".ipynb_checkpoints", "__pycache__")  # what opening a notebook leaves

Files = tuple[tuple[str, int, int], ...]  # name, bytes, nanoseconds of its last change


@dataclass(frozen=True)
class Seen:
    files: Files
    since: float


class Arrivals:
    """The submissions to `assignment`, and which of them have been taken to be graded.

    One has arrived when its files are some seconds old, or stay the same for a moment: it may be being copied.
    """

    def __init__(self, assignment: str, root: Path) -> None:
        self.assignment = assignment
        self.folder = root / "grading" / "submitted"
        self._seen: dict[str, Seen] = {}
        self._taken: dict[str, Files] = {}
        self._pause, self._last = PAUSE_S, 0.0

    @property
    def pause(self) -> float:
        """Seconds until it is time to look."""
        return max(0.0, self._last + self._pause - time.monotonic())

    def take(self, students: Collection[str]) -> None:
        """Their submissions, as they are now, are being graded."""
        files = {student: self._files(student) for student in students}
        self._taken |= {student: found for student, found in files.items() if found}

    def look(self, busy: Collection[str] = ()) -> dict[str, bool]:
        """Takes the submissions that have arrived, and says of each whether another version of it was taken before.

        Those of students who are `busy` wait for the next time.
        """
        began = time.monotonic()
        found: dict[str, bool] = {}
        seen: dict[str, Seen] = {}
        for student in self._students():
            files = self._files(student)
            if not files or self._taken.get(student) == files:
                continue
            before = self._seen.get(student)
            seen[student] = before if before is not None and before.files == files else Seen(files, began)
            unchanged = began - seen[student].since
            old = time.time() - max(changed for _, _, changed in files) / 1e9 >= OLD_S
            complete = any(name == f"{self.assignment}.ipynb" for name, _, _ in files)
            wait = COMPLETE_S if not complete else 0 if old else SETTLED_S
            if unchanged >= wait and student not in busy:
                found[student] = student in self._taken
                self._taken[student] = files
        self._seen = seen
        self._last = time.monotonic()
        self._pause = max(PAUSE_S if busy or found else IDLE_PAUSE_S, (self._last - began) / SHARE)
        return found

    def _students(self) -> list[str]:
        try:
            with os.scandir(self.folder) as found:
                return sorted(entry.name for entry in found)
        except OSError:
            return []

    def _files(self, student: str) -> Files:
        """What tells one version of a submission from another; empty when there is none."""
        top = self.folder / student / self.assignment
        if not top.is_dir():
            return ()
        files = [("", 0, 0)]  # an empty folder is a submission, too
        for place, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name not in NOBODYS]
            for name in names:
                path = os.path.join(place, name)
                with contextlib.suppress(OSError):  # it has gone meanwhile
                    status = os.lstat(path)
                    files.append((os.path.relpath(path, top), status.st_size, status.st_mtime_ns))
            if len(files) > MOST_FILES:  # it will not be graded
                break
        return tuple(sorted(files))
