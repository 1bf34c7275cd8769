"""Places: data sets and links that a notebook names are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from mlprod.authoring.lint.course import Course
from mlprod.authoring.lint.markdown import headings, skeleton
from mlprod.authoring.lint.twins import texts
from mlprod.authoring.model import Code, Source
from mlprod.authoring.problems import SourceError
from mlprod.course import SOURCE_DIRECTORIES, notebook
from mlprod.language import LANGUAGES, Language, tr

DATASET = re.compile(r"(?<![\w/.-])(?:\.\./)*(datasets/[\w./-]+)(?P<open>[{*<]?)")


def datasets(source: Source, course: Course) -> Iterator[SourceError]:
    """Paths under datasets/ exist (rule dataset)."""
    named = [(cell.source, cell.first) for cell in source.cells if isinstance(cell, Code)]
    named += [(text.source, text.line) for pair in texts(source) for text in {id(t): t for t in pair.values()}.values()]
    for text, first in named:
        for match in DATASET.finditer(text):
            path = match[1].rstrip("./-")
            if match["open"]:  # the name goes on with {a variable}: its folder is what can be checked
                path = path.rpartition("/")[0]
            if not (course.root / path).exists():
                yield SourceError(
                    source.path,
                    first + text.count("\n", 0, match.start()),
                    "dataset",
                    tr(es=f"{path} no existe en el curso", en=f"{path} does not exist in the course"),
                )


def links(source: Source, course: Course) -> Iterator[SourceError]:
    """Links and images within the course lead somewhere (rules link, anchor); the Internet is not asked."""
    for pair in texts(source):
        for lang in LANGUAGES:
            found = skeleton(pair[lang].source)
            for target, at in [*found.values("links"), *found.values("images")]:
                if message := _wrong(target, source, lang, course):
                    yield SourceError(source.path, pair[lang].line + at, message[0], message[1])


def _wrong(target: str, source: Source, lang: Language, course: Course) -> tuple[str, str] | None:
    if re.match(r"(https?|mailto|attachment|data):", target):
        return None
    place, _, anchor = unquote(target).partition("#")
    here = notebook(source.kind, source.name, lang, course.root)
    path = Path(here.parent, place).resolve() if place else here
    if place.startswith("/") or re.match(r"\w+:", place) or not path.is_relative_to(course.root):
        return "link", tr(
            es=f"{target}: los enlaces del curso son relativos al notebook construido y no salen del curso",
            en=f"{target}: links within the course are relative to the built notebook and stay in the course",
        )
    other = _source_of(path, course)
    if other is None and not path.exists():
        return "link", tr(
            es=f"{target} no existe (visto desde {here.parent.relative_to(course.root)}/)",
            en=f"{target} does not exist (as seen from {here.parent.relative_to(course.root)}/)",
        )
    pointed = source if path == here else other
    if anchor and pointed is not None:
        there: Language = "es" if "es" in path.relative_to(course.root).parts else "en"
        anchors = {name.replace(" ", "-") for pair in texts(pointed) for name in headings(pair[there].source)}
        if anchor not in anchors:
            return "anchor", tr(
                es=f"#{anchor} no es un título de {path.name} (los espacios se escriben -)",
                en=f"#{anchor} is not a heading of {path.name} (spaces are written -)",
            )
    return None


def _source_of(path: Path, course: Course) -> Source | None:
    """The source that a build makes `path` from, when it is a notebook of the course."""
    for kind in (*SOURCE_DIRECTORIES, "exercises"):
        for lang in LANGUAGES:
            if path == notebook(kind, path.stem, lang, course.root):
                return course.source("lessons" if kind == "lessons" else "solutions", path.stem)
    return None
