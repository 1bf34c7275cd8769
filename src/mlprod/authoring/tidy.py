"""Lay code out again once each `tr(...)` has become one literal: ruff's layout, as if it had been written so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from mlprod.errors import CourseError
from mlprod.language import tr

LINE_LENGTH = 100  # a notebook's cell is narrower than an editor


def tidy(codes: Sequence[str]) -> list[str]:
    """The same cells of code, formatted by ruff as cells of a notebook (so magics are understood).

    Raises CourseError when ruff cannot read them.
    """
    if not codes:
        return []
    cells = [
        {"cell_type": "code", "execution_count": None, "id": str(i), "metadata": {}, "outputs": [], "source": code}
        for i, code in enumerate(codes)
    ]
    notebook = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--isolated", f"--line-length={LINE_LENGTH}"]
    command += ["--config=format.skip-magic-trailing-comma=true", "--stdin-filename=cells.ipynb", "-"]
    done = subprocess.run(command, input=json.dumps(notebook), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise CourseError(tr(es="ruff no entiende el código: ", en="ruff cannot read the code: ") + done.stderr.strip())
    return ["".join(cell["source"]) for cell in json.loads(done.stdout)["cells"]]
