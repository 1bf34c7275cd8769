"""The line under a notebook's title: how long it takes, the other language, lesson to exercise and back."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mlprod.authoring.model import Source
from mlprod.course import notebook
from mlprod.language import Language

if TYPE_CHECKING:
    from nbformat import NotebookNode

NAMES: dict[Language, dict[str, str]] = {
    "es": {"lessons": "Lección", "exercises": "Ejercicios", "language": "English", "points": "puntos"},
    "en": {"lessons": "Lesson", "exercises": "Exercises", "language": "Español", "points": "points"},
}
TITLE = re.compile(r"\A# .*$", re.MULTILINE)


def counterpart(source: Source) -> Path:
    """The source of the lesson for an exercise, of the exercise for a lesson; it need not exist."""
    other = "solutions" if source.kind == "lessons" else "lessons"
    return source.path.parent.parent / other / source.path.name


def line(source: Source, lang: Language) -> str:
    """The navigation line, markdown. Its links also hold in exercises/, which mirrors solutions/."""
    here = notebook(source.kind, source.name, lang, Path()).parent
    names = NAMES[lang]

    def link(label: str, kind: str, to: Language) -> str:
        target = os.path.relpath(notebook(kind, source.name, to, Path()), here)
        return f"[{label}]({Path(target).as_posix()})"

    parts = [f"{source.minutes} min"] if source.minutes else []
    if source.points:
        parts.append(f"{source.points:g} {names['points']}")
    parts.append(link(names["language"], source.kind, "en" if lang == "es" else "es"))
    if counterpart(source).is_file():
        other = "exercises" if source.kind == "lessons" else "lessons"
        parts.append(link(names[other], other, lang))
    return "*" + " · ".join(parts) + "*"


def with_navigation(cells: list[NotebookNode], source: Source, lang: Language) -> None:
    """Put the line under the title of the first markdown cell, in place."""
    first = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    if first is None:
        return
    title = TITLE.match(first.source)
    text = line(source, lang)
    if title:
        rest = first.source[title.end() :].lstrip("\n")
        first.source = f"{title[0]}\n\n{text}" + (f"\n\n{rest}" if rest else "")
    else:
        first.source = f"{text}\n\n{first.source}"
