"""A course of one unit in a temporary folder: the one that `mlprod new-unit` writes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlprod.authoring import new_unit

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "03_streams"


@dataclass(frozen=True)
class TinyCourse:
    """The folder of a course that passes every check, and how to spoil it."""

    root: Path

    @property
    def lesson(self) -> Path:
        return self.root / "lessons" / f"{NAME}.py"

    @property
    def exercise(self) -> Path:
        return self.root / "solutions" / f"{NAME}.py"

    def edit(self, path: Path, old: str, new: str) -> None:
        """Replace the first `old`, which must be there."""
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def line_of(self, path: Path, text: str, below: int = 0) -> int:
        """The number of the line `below` lines under the first line of `path` that contains `text`."""
        lines = path.read_text(encoding="utf-8").split("\n")
        return next(number for number, line in enumerate(lines, 1) if text in line) + below


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> TinyCourse:
    for folder in ("lessons", "solutions", "datasets/rides", "grading"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(REPOSITORY / "grading" / "nbgrader_config.py", tmp_path / "grading")
    (tmp_path / "glossary.yml").write_text(
        "- {es: partición, en: partition, avoid_es: [particion, grupo consumidor]}\n"
        "- {es: consumidor, en: consumer, avoid_en: [consumor]}\n",
        encoding="utf-8",
    )
    (tmp_path / "lessons" / "syllabus.yml").write_text(
        "".join(f'- {{id: {row}, unit: "03", es: "fila {row}", en: "row {row}"}}\n' for row in range(1, 4)),
        encoding="utf-8",
    )
    new_unit.create(tmp_path, NAME)
    monkeypatch.setenv("MLPROD_ROOT", str(tmp_path))
    monkeypatch.setenv("LANG_COURSE", "en")
    return TinyCourse(tmp_path)
