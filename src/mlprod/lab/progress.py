"""How far a reader has got, read from their own notebooks as they last saved them: nothing is executed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlprod import course
from mlprod.language import LANGUAGES, Language

RECORDS = Path("build", "grade-me")
"""Where `mlprod grade-me` leaves its reports, one folder for each exercise with a `record.json` in it."""
# as in grading/nbgrader_config.py: what an essay says until somebody writes it
TEXT_STUB = "*Escribe aquí tu respuesta. / Write your answer here.*"
TITLE = re.compile(r"\A# (.+)$", re.MULTILINE)
MINUTES = re.compile(r"^\*(\d+) min\b", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """`done` of `all`: cells that ran without an error, or tasks."""

    done: int
    all: int

    @property
    def share(self) -> float:
        return self.done / self.all if self.all else 0.0


@dataclass(frozen=True)
class Graded:
    """What `mlprod grade-me` said last. `stale`: the exercise has been saved since."""

    score: float
    most: float
    complete: bool
    stale: bool


@dataclass(frozen=True)
class Unit:
    """A unit as the reader has it, in the language asked for; None for what is not there.

    `lesson` counts the code cells of the lesson that have run, `exercise` the tasks whose visible tests have passed and
    the essays that have been written: in whichever language more has been done.
    """

    number: str
    name: str
    title: str
    minutes: int | None
    lesson: Done | None
    exercise: Done | None
    graded: Graded | None


def units(root: Path, lang: Language) -> list[Unit]:
    """Every unit of which a notebook is there, in order."""
    names = {path.stem for path in (root / "lessons").glob("*/[0-9]*.ipynb")}
    names |= {path.parent.name for path in (root / "exercises").glob("*/*/[0-9]*.ipynb")}
    return [unit(root, name, lang) for name in sorted(names)]


def unit(root: Path, name: str, lang: Language) -> Unit:
    """The unit called `name` (01_data_passing)."""
    lessons = {which: _read(course.notebook("lessons", name, which, root)) for which in LANGUAGES}
    exercises = [_read(course.notebook("exercises", name, which, root)) for which in LANGUAGES]
    first = next((_text(cell) for cell in lessons[lang] or () if cell["cell_type"] == "markdown"), "")
    title, minutes = TITLE.search(first), MINUTES.search(first)
    return Unit(
        number=name.split("_")[0],
        name=name,
        title=title[1].strip() if title else name,
        minutes=int(minutes[1]) if minutes else None,
        lesson=_most(_ran(cells) for cells in lessons.values() if cells is not None),
        exercise=_most(_passed(cells) for cells in exercises if cells is not None),
        graded=_graded(root, name),
    )


def _most(found: Iterator[Done]) -> Done | None:
    return max(found, key=lambda done: done.share, default=None)


def _ran(cells: list[dict]) -> Done:
    code = [cell for cell in cells if cell["cell_type"] == "code" and _text(cell).strip()]
    return Done(sum(map(_worked, code)), len(code))


def _passed(cells: list[dict]) -> Done:
    """Tasks: each answer with its visible tests, and each essay."""
    marks = [(cell, cell["metadata"].get("nbgrader", {})) for cell in cells]
    answers = [mark["grade_id"] for cell, mark in marks if mark.get("solution") and cell["cell_type"] == "code"]
    tests: dict[str, list[bool]] = {name: [] for name in answers}
    for cell, mark in marks:
        if mark.get("grade") and not mark.get("solution"):
            owners = [name for name in answers if f"{mark['grade_id']}_".startswith(f"test_{name}_")]
            if owners and re.sub(r"#.*", "", _text(cell)).strip():  # a test of which nothing is visible passes always
                tests[max(owners, key=len)].append(_worked(cell))
    essays = [_text(cell).strip() for cell, mark in marks if mark.get("solution") and mark.get("grade")]
    written = sum(bool(text) and text != TEXT_STUB for text in essays)
    return Done(sum(bool(ran) and all(ran) for ran in tests.values()) + written, len(answers) + len(essays))


def _worked(cell: dict) -> bool:
    return bool(cell.get("execution_count")) and not any(
        output.get("output_type") == "error" for output in cell.get("outputs", ())
    )


def _graded(root: Path, name: str) -> Graded | None:
    try:
        record = json.loads((root / RECORDS / name / "record.json").read_text(encoding="utf-8"))
        notebook = Path(root, record["notebook"])
        stale = not notebook.is_file() or notebook.stat().st_mtime > record["saved"]
        return Graded(float(record["score"]), float(record["most"]), bool(record["complete"]), stale)
    except (OSError, ValueError, KeyError, TypeError):  # none, or of another version
        return None


def _text(cell: dict) -> str:
    return "".join(cell["source"])


def _read(path: Path) -> list[dict] | None:
    """The cells of the notebook at `path`; None when there is none, or it is no notebook (being saved)."""
    try:
        return _cells(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@lru_cache(maxsize=128)
def _cells(path: Path, _: int) -> list[Any]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]
