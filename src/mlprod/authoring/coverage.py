"""Which rows of the syllabus are taught, and which graded, by the `row=` marks of the sources."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod.authoring.build import SourceErrors, chosen
from mlprod.authoring.model import Essay, Source, Test
from mlprod.authoring.source import scan
from mlprod.errors import CourseError
from mlprod.language import language, tr

if TYPE_CHECKING:
    from rich.table import Table

SYLLABUS = Path("lessons", "syllabus.yml")
REPORT = Path("build", "reports", "coverage.json")


@dataclass
class Row:
    """One statement of the lecture, the lessons that teach it and the tasks ("unit/task") that grade it."""

    id: int
    unit: str
    es: str
    en: str
    lessons: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "unit": self.unit,
            "taught": bool(self.lessons),
            "graded": bool(self.tasks),
            "lesson": self.lessons[0] if self.lessons else None,
            "tasks": self.tasks,
        }


def read_syllabus(root: Path) -> dict[int, Row]:
    """The rows by id; raises CourseError when the file is missing or is not a list of {id, unit, es, en}."""
    import yaml

    path = root / SYLLABUS
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = [Row(int(entry["id"]), str(entry["unit"]), entry["es"], entry["en"]) for entry in entries]
    except FileNotFoundError:
        raise CourseError(tr(es=f"falta {SYLLABUS}", en=f"{SYLLABUS} is missing")) from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise CourseError(
            tr(
                es=f"{SYLLABUS} es una lista de {{id, unit, es, en}} y no se entiende: {error}",
                en=f"{SYLLABUS} is a list of {{id, unit, es, en}} and cannot be read: {error}",
            )
        ) from None
    by_id = {row.id: row for row in rows}
    if len(by_id) < len(rows):
        raise CourseError(tr(es=f"{SYLLABUS} repite algún id", en=f"{SYLLABUS} repeats an id"))
    return by_id


def measure(root: Path) -> list[Row]:
    """The rows of the syllabus with who teaches and grades each.

    Raises SourceErrors for sources that cannot be read, CourseError for a bad syllabus or a row that it lacks.
    """
    rows = read_syllabus(root)
    problems = []
    for path in chosen(root):
        source, found = scan(path)
        if source is None:
            problems += found
        else:
            _mark(source, rows)
    if problems:
        raise SourceErrors(problems)
    return list(rows.values())


def _mark(source: Source, rows: dict[int, Row]) -> None:
    for cell in source.cells:
        for number in cell.rows:
            if number not in rows:
                raise CourseError(
                    tr(
                        es=f"{source.kind}/{source.path.name}:{cell.line}: {SYLLABUS} no tiene la fila {number}",
                        en=f"{source.kind}/{source.path.name}:{cell.line}: {SYLLABUS} has no row {number}",
                    )
                )
            if source.kind == "lessons":
                _append(rows[number].lessons, source.name)
            elif isinstance(cell, Test | Essay):
                _append(rows[number].tasks, f"{source.name}/{cell.task if isinstance(cell, Test) else cell.name}")


def _append(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def write(root: Path, rows: list[Row]) -> Path:
    """Write build/reports/coverage.json; returns its path."""
    path = root / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {"rows": [row.report() for row in rows]}
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def table(rows: list[Row]) -> Table:
    """The rows as a table for the terminal."""
    from rich.table import Table

    taught, graded = sum(bool(row.lessons) for row in rows), sum(bool(row.tasks) for row in rows)
    shown = Table(
        title=tr(
            es=f"{len(rows)} filas: {taught} explicadas, {graded} calificadas",
            en=f"{len(rows)} rows: {taught} taught, {graded} graded",
        ),
        expand=True,
    )
    shown.add_column(tr(es="fila", en="row"), justify="right", no_wrap=True, min_width=4)
    shown.add_column(tr(es="unidad", en="unit"), no_wrap=True, min_width=4)
    shown.add_column(tr(es="qué dice", en="what it says"), ratio=4, no_wrap=True, overflow="ellipsis")
    shown.add_column(tr(es="lección", en="lesson"), ratio=2, overflow="fold")
    shown.add_column(tr(es="tareas", en="tasks"), ratio=3, overflow="fold")
    for row in rows:
        tasks = ", ".join(task.split("/", 1)[1] for task in row.tasks)
        text = row.es if language() == "es" else row.en
        shown.add_row(str(row.id), row.unit, text, ", ".join(row.lessons) or "—", tasks or "—")
    return shown
