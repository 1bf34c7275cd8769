"""A unit as a whole: title, lesson and exercise of one name, first cells, rows and objectives that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlprod.authoring.lint.course import Course
from mlprod.authoring.lint.twins import texts
from mlprod.authoring.localise import uses
from mlprod.authoring.model import Code, Essay, Prose, Source, Test
from mlprod.authoring.navigation import counterpart as counterpart_path
from mlprod.authoring.problems import SourceError, shown
from mlprod.language import LANGUAGES, tr

OBJECTIVE = re.compile(r"\*\*\(\d+\.\d+\)\*\*")
""""**(3.1)** …", as a lesson's opening lists what it promises."""


def title(source: Source, course: Course) -> Iterator[SourceError]:
    """The first cell is prose that begins with the title of the front matter (rule title)."""
    first = source.cells[0] if source.cells else None
    for lang in LANGUAGES:
        if isinstance(first, Prose) and first.texts[lang].source.split("\n")[0] == f"# {source.title[lang]}":
            continue
        line = first.texts[lang].line if isinstance(first, Prose) else (first.line if first else 1)
        yield SourceError(
            source.path,
            line,
            "title",
            tr(
                es=f"la primera celda empieza con el título: # # {source.title[lang]}",
                en=f"the first cell begins with the title: # # {source.title[lang]}",
            ),
        )


def counterpart(source: Source, course: Course) -> Iterator[SourceError]:
    """A lesson and its exercise bear one name (rule counterpart)."""
    other = counterpart_path(source)
    if not other.is_file():
        yield SourceError(
            source.path,
            1,
            "counterpart",
            tr(
                es=f"falta {shown(other)}: la lección y sus ejercicios se llaman igual",
                en=f"{shown(other)} is missing: a lesson and its exercise bear the same name",
            ),
        )


def first_code_cell(source: Source, course: Course) -> Iterator[SourceError]:
    """A lesson's first code cell is tagged parameters; then the language is set (rules parameters, start)."""
    code = [cell for cell in source.cells if isinstance(cell, Code)]
    tagged = [cell for cell in code if "parameters" in cell.tags]
    if tagged != code[:1] and (tagged or source.kind == "lessons"):  # an exercise may have nothing to set
        yield SourceError(
            source.path,
            code[0].line if code else 1,
            "parameters",
            tr(
                es='la primera celda de código lleva tags=["parameters"] (tamaños y semillas, para papermill)',
                en='the first code cell carries tags=["parameters"] (sizes and seeds, for papermill)',
            ),
        )
    if not any(re.search(r"^start\(LANG\)", cell.source, re.MULTILINE) for cell in code[:2]):
        yield SourceError(
            source.path,
            code[1].line if len(code) > 1 else 1,
            "start",
            tr(
                es="la celda que sigue a los parámetros llama a start(LANG)",
                en="the cell after the parameters calls start(LANG)",
            ),
        )
    if any(isinstance(cell, Test) and uses_safely(cell, "tr") for cell in code) and not any(
        re.search(r"^from mlprod import .*\btr\b", cell.source, re.MULTILINE) for cell in code
    ):
        yield SourceError(
            source.path,
            1,
            "start",
            tr(
                es="los tests usan tr: impórtalo con from mlprod import start, tr",
                en="the tests use tr: import it with from mlprod import start, tr",
            ),
        )


def uses_safely(cell: Code, name: str) -> bool:
    try:
        return uses(cell.source, name)
    except SyntaxError:
        return False  # another rule says so


def rows_exist(source: Source, course: Course) -> Iterator[SourceError]:
    """Rows are rows of lessons/syllabus.yml (rule row-unknown)."""
    for cell in source.cells:
        if course.has_syllabus and (unknown := [str(row) for row in cell.rows if row not in course.rows]):
            yield SourceError(
                source.path,
                cell.line,
                "row-unknown",
                tr(
                    es=f"lessons/syllabus.yml no tiene la fila {', '.join(unknown)}",
                    en=f"lessons/syllabus.yml has no row {', '.join(unknown)}",
                ),
            )


def objectives_exist(source: Source, course: Course) -> Iterator[SourceError]:
    """Each test says which objective of the lesson it grades (rule objective-missing), where the lesson has any with an
    id: mastery is counted by them. What a test or essay says is one of them (rule objective-unknown).
    """
    lesson = course.source("lessons", source.name)
    if lesson is None:
        return
    prose = "\n".join(pair["en"].source for pair in texts(lesson))
    for cell in source.cells:
        if isinstance(cell, Test) and cell.objective is None and OBJECTIVE.search(prose):
            yield SourceError(
                source.path,
                cell.line,
                "objective-missing",
                tr(
                    es=f'¿qué objetivo de {shown(lesson.path)} corrige? objective="N.M"',
                    en=f'which objective of {shown(lesson.path)} does it grade? objective="N.M"',
                ),
            )
        if isinstance(cell, Test | Essay) and cell.objective is not None:
            wanted = str(cell.objective)
            if not re.search(rf"(?<![\w.]){re.escape(wanted)}(?![\w]|\.\d)", prose):
                yield SourceError(
                    source.path,
                    cell.line,
                    "objective-unknown",
                    tr(
                        es=f"{shown(lesson.path)} no nombra el objetivo {wanted}",
                        en=f"{shown(lesson.path)} does not name objective {wanted}",
                    ),
                )
