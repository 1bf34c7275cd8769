"""The course's nbgrader configuration (grading/nbgrader_config.py), read as nbgrader reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlprod.errors import CourseError
from mlprod.language import tr

if TYPE_CHECKING:
    from traitlets.config import Config

FILE = "nbgrader_config.py"


def load(root: Path) -> Config:
    """The configuration of the course at `root`; also puts the environment's programs on PATH, as that file does.

    Raises CourseError when the file is missing.
    """
    from traitlets.config.loader import PyFileConfigLoader

    folder = root / "grading"
    if not (folder / FILE).is_file():
        raise CourseError(
            tr(
                es=f"Falta {folder / FILE}: recupéralo con «git checkout grading/{FILE}».",
                en=f"{folder / FILE} is missing: restore it with `git checkout grading/{FILE}`.",
            )
        )
    return PyFileConfigLoader(FILE, path=os.fspath(folder)).load_config()


def kernel_arguments(config: Config) -> list[str]:
    """The arguments with which nbgrader starts the kernels that grade, besides the kernel's own."""
    return list(config.Execute.get("extra_arguments", ()))
