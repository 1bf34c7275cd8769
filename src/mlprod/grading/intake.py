"""A look at what was handed in before anything is done with it: whether it is a notebook, and what to leave out.

nbgrader follows symbolic links when it copies what lies beside a notebook, the grader's own files included, and says of
a file that is no notebook what its parser says.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod.grading.sandbox import FILES_LIMIT
from mlprod.language import tr

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory

TIMESTAMP_LIMIT = 1000  # bytes
NOTEBOOK_LIMIT = 32 * 2**20  # bytes
MOST_FILES = 2000  # beside the notebook, folders included


@dataclass(frozen=True)
class Received:
    """`problem`: why it cannot be graded, in the reader's language; `left_out`: paths that are no regular files."""

    problem: str | None = None
    left_out: list[str] = field(default_factory=list)


def look(folder: Path, assignment: str) -> Received:
    """Look at the submission in `folder`; opens nothing but the notebook and the timestamp."""
    problem = _notebook_problem(folder, f"{assignment}.ipynb") or timestamp_problem(folder)
    left_out, total, count = [], 0, 0
    for place, folders, names in os.walk(folder):
        count += len(folders) + len(names)
        if count > MOST_FILES:
            problem = problem or tr(
                es=f"la acompañan más de {MOST_FILES} ficheros", en=f"there are more than {MOST_FILES} files beside it"
            )
            break
        for name in [*folders, *names]:
            path = Path(place, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                total += status.st_size if path.suffix != ".ipynb" else 0
            elif not stat.S_ISDIR(status.st_mode):
                left_out.append(path.relative_to(folder).as_posix())
    if total > FILES_LIMIT:
        problem = problem or tr(
            es=f"los ficheros que la acompañan pasan de {FILES_LIMIT >> 20} MiB",
            en=f"the files beside the notebook are more than {FILES_LIMIT >> 20} MiB",
        )
    return Received(problem, sorted(left_out))


@contextlib.contextmanager
def received(coursedir: CourseDirectory, assignment: str, student: str) -> Iterator[Received]:
    """What `student` handed in; while the block lasts nbgrader's converters leave out what is to be left out."""
    folder = Path(coursedir.format_path(coursedir.submitted_directory, student, assignment))
    seen = look(folder, assignment)
    before = coursedir.ignore
    # nbgrader compares names, in any folder of the submission: a name that is a link somewhere is left out everywhere
    coursedir.ignore = [*before, *(glob.escape(Path(name).name) for name in seen.left_out)]
    try:
        yield seen
    finally:
        coursedir.ignore = before


def timestamp_problem(folder: Path) -> str | None:
    """Why nbgrader would stop at the timestamp of the submission in `folder`; None when it would not."""
    from nbgrader.utils import parse_utc

    path = folder / "timestamp.txt"
    try:
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= TIMESTAMP_LIMIT:
            if text := path.read_text().strip():
                parse_utc(text)
            return None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, OverflowError):
        pass
    return tr(
        es="timestamp.txt no es una fecha: bórralo, o escribe en él algo como 2026-12-01 23:59 CET",
        en="timestamp.txt is no date: remove it, or write something like 2026-12-01 23:59 CET in it",
    )


def _notebook_problem(folder: Path, name: str) -> str | None:
    path = folder / name
    try:
        status = path.lstat()
    except OSError:
        others = ", ".join(sorted(other.name for other in folder.glob("*.ipynb"))[:3]) or "—"
        return tr(es=f"falta {name} (hay: {others})", en=f"{name} is missing (there is: {others})")
    if not stat.S_ISREG(status.st_mode):
        return tr(es=f"{name} no es un fichero (¿un enlace?)", en=f"{name} is not a file (a link?)")
    if status.st_size == 0:
        return tr(es=f"{name} está vacío", en=f"{name} is empty")
    if status.st_size > NOTEBOOK_LIMIT:
        size = f"{status.st_size / 2**20:.0f} MiB"
        return tr(
            es=f"{name} ocupa {size}: que borre sus salidas y la entregue otra vez",
            en=f"{name} is {size}: have its outputs cleared and handed in again",
        )
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        return tr(es=f"{name} no está en UTF-8 (byte {error.start})", en=f"{name} is not in UTF-8 (byte {error.start})")
    except (ValueError, RecursionError) as error:
        return tr(es=f"{name} no es un notebook: {error}", en=f"{name} is not a notebook: {error}")
    return _content_problem(name, content)


def _content_problem(name: str, content: Any) -> str | None:
    version = content.get("nbformat") if isinstance(content, dict) else None
    if not isinstance(version, int) or "cells" not in content and "worksheets" not in content:
        return tr(es=f"{name} no es un notebook", en=f"{name} is not a notebook")
    if version != 4:
        return tr(
            es=f"{name} está en la versión {version} del formato y se lee la 4: que lo guarde un Jupyter actual",
            en=f"{name} has version {version} of the format, and 4 is read: have it saved by a current Jupyter",
        )
    cells = content.get("cells")
    if not isinstance(cells, list) or not all(map(_is_cell, cells)) or not isinstance(content.get("metadata"), dict):
        return tr(es=f"{name} tiene celdas que no lo son", en=f"{name} has cells that are none")
    return None


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return False
    source = cell.get("source")
    text = isinstance(source, str) or isinstance(source, list) and all(isinstance(line, str) for line in source)
    metadata = cell.get("metadata")
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else None
    return text and isinstance(tags, list) and isinstance(cell.get("outputs", []), list)
