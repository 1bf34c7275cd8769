"""The line under a notebook's title: time, lesson to exercise and back; and the ways to the other language."""

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
TESTS_NAMES: dict[Language, str] = {
    "es": "*Los nombres que empiezan por `_t_`, y también `checks` y `tr`, son de las pruebas: da otros a los tuyos.*",
    "en": "*Names that begin with `_t_`, as well as `checks` and `tr`, belong to the tests: give yours others.*",
}
"""Under the line of an exercise: a test that bound a name of the answer's would break it (see lint/names.py)."""
OTHER: dict[Language, Language] = {"es": "en", "en": "es"}
SECTION = re.compile(r"\A## .*$", re.MULTILINE)  # a cell that begins a section
TITLE = re.compile(r"\A# .*$", re.MULTILINE)
SWITCH = re.compile(r"^\[(?:English|Español)\]\([^()\n]*#cell-id=\w+\)\n\n?", re.MULTILINE)
"""The line under a section's heading that leads to the same section in the other language."""


def counterpart(source: Source) -> Path:
    """The source of the lesson for an exercise, of the exercise for a lesson; it need not exist."""
    other = "solutions" if source.kind == "lessons" else "lessons"
    return source.path.parent.parent / other / source.path.name


def line(source: Source, lang: Language) -> str:
    """The navigation line, markdown. Its links also hold in exercises/, which mirrors solutions/."""
    names = NAMES[lang]
    parts = [f"{source.minutes} min"] if source.minutes else []
    if source.points:
        parts.append(f"{source.points:g} {names['points']}")
    parts.append(f"[{names['language']}]({_path(source, source.kind, lang, OTHER[lang])})")
    if counterpart(source).is_file():
        other = "exercises" if source.kind == "lessons" else "lessons"
        parts.append(f"[{names[other]}]({_path(source, other, lang, lang)})")
    return "*" + " · ".join(parts) + "*"


def _path(source: Source, kind: str, lang: Language, to: Language) -> str:
    """From the notebook of `source` in `lang`, the one of `kind` in `to`."""
    here = notebook(source.kind, source.name, lang, Path()).parent
    return Path(os.path.relpath(notebook(kind, source.name, to, Path()), here)).as_posix()


def with_switch(text: str, source: Source, lang: Language, cell_id: str) -> str:
    """The prose of a built cell with, under the heading of a section, a link to the same section in the other language.

    The twin's cell has the same id; to a cell the way is `#cell-id=`, which JupyterLab does not decode as it would have
    to for a heading with accents: https://jupyterlab.readthedocs.io/en/stable/user/urls.html
    """
    heading = SECTION.search(text)
    if heading is None:
        return text
    place = f"{_path(source, source.kind, lang, OTHER[lang])}#cell-id={cell_id}"
    rest = text[heading.end() :].lstrip("\n")
    return f"{text[: heading.end()]}\n\n[{NAMES[lang]['language']}]({place})" + (f"\n\n{rest}" if rest else "")


def without_switch(text: str) -> str:
    """`text` (markdown of a built cell) without what `with_switch` has put into it."""
    return SWITCH.sub("", f"{text}\n").removesuffix("\n")


def with_navigation(cells: list[NotebookNode], source: Source, lang: Language) -> None:
    """Put the line, and in an exercise whose names are whose, under the title of the first markdown cell, in place."""
    first = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    if first is None:
        return
    title = TITLE.match(first.source)
    text = line(source, lang)
    if source.tasks:
        text += f"\n\n{TESTS_NAMES[lang]}"
    if title:
        rest = first.source[title.end() :].lstrip("\n")
        first.source = f"{title[0]}\n\n{text}" + (f"\n\n{rest}" if rest else "")
    else:
        first.source = f"{text}\n\n{first.source}"
