"""Where the course lives on disk and which units it has."""

from __future__ import annotations

import os
from pathlib import Path

SOURCE_DIRECTORIES = ("lessons", "solutions")


def root() -> Path:
    """The course's top folder: `MLPROD_ROOT`, else the one above the current folder, else the installed checkout's.

    Raises FileNotFoundError when none of them holds the course.
    """
    candidates = [Path(os.environ["MLPROD_ROOT"])] if "MLPROD_ROOT" in os.environ else []
    here = Path.cwd()
    candidates += [here, *here.parents, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if (folder / "lessons").is_dir() and (folder / "datasets").is_dir():
            return folder.resolve()
    raise FileNotFoundError(
        "No encuentro el curso: entra en su carpeta o pon MLPROD_ROOT. / "
        "The course was not found: change to its folder or set MLPROD_ROOT."
    )


def sources(kind: str, base: Path | None = None) -> list[Path]:
    """The hand-written `.py` sources of `kind` ("lessons" or "solutions"), in the order of the units."""
    if kind not in SOURCE_DIRECTORIES:
        raise ValueError(f"kind: {kind!r} is not one of {SOURCE_DIRECTORIES}")
    return sorted((base or root()).joinpath(kind).glob("[0-9]*.py"))


def notebook(kind: str, name: str, lang: str, base: Path | None = None) -> Path:
    """Path of a built notebook: `kind` is lessons, solutions or exercises; `name` like 01_data_passing."""
    top = (base or root()) / kind / lang
    return top / f"{name}.ipynb" if kind == "lessons" else top / name / f"{name}.ipynb"
