"""Where in the lesson to reread what a task asks: its sections by row of the syllabus, the nearest in words first."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlprod.course import notebook
from mlprod.language import Language

if TYPE_CHECKING:
    from nbformat import NotebookNode

HEADING = re.compile(r"^(#{2,3}) +(.+?)\s*$", re.MULTILINE)
TITLE = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)
OBJECTIVE = re.compile(r"\*\*\((\d+\.\d+)\)\*\* +(.+?)[;.]?\s*$", re.MULTILINE)
WORD = re.compile(r"[^\W\d_]{4,}")
MOST = 2
LAB = "http://127.0.0.1:8888/lab/tree/"


@dataclass(frozen=True)
class Section:
    """A section of a lesson: `notebook` is the file's path in the course, `lesson` its title, `rows` what it teaches.

    `cell` is the id of the notebook's cell with the heading, "" when that is not known.
    """

    notebook: str
    heading: str
    rows: frozenset[int]
    words: tuple[str, ...]
    lesson: str = ""
    cell: str = ""

    @property
    def link(self) -> str:
        """The lesson's address while `make lab` is running, where the course is opened on the usual port.

        JupyterLab opens the notebook, and goes on to the cell only where the notebook is open already: it looks at the
        fragment before it has opened anything. So whoever shows the link says the section's title as well. A cell's id
        and not the heading's text, whose accents come percent-encoded and are then not found.
        """
        return LAB + quote(self.notebook) + (f"#cell-id={quote(self.cell)}" if self.cell else "")


@dataclass(frozen=True)
class Lesson:
    """A unit's lesson: what it promises (objectives by id) and its sections, in order."""

    objectives: dict[str, str]
    sections: tuple[Section, ...]


def lesson(root: Path, name: str, lang: Language) -> Lesson:
    """The lesson of unit `name` (01_data_passing) in the course at `root`; an empty one where there is none.

    Rows are known only where the lesson's source is: a student's copy may have the notebooks alone.
    """
    source, built = root / "lessons" / f"{name}.py", notebook("lessons", name, lang, root)
    times = tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in (source, built))
    return _lesson(source, built, built.relative_to(root).as_posix(), lang, times)


@lru_cache(maxsize=32)
def _lesson(source: Path, built: Path, shown: str, lang: Language, _: tuple[int, ...]) -> Lesson:
    cells = _of_notebook(built)
    texts = _of_source(source, lang) or [(text, frozenset[int]()) for text, _ in cells]
    objectives = {key: plain(text) for text, _ in texts for key, text in OBJECTIVE.findall(text)}
    title = next((plain(found[1]) for text, _ in texts if (found := TITLE.search(text))), built.stem)
    ids = {heading: key for text, key in reversed(cells) for _, heading in HEADING.findall(text)}
    sections: list[Section] = []
    for text, rows in texts:
        parts = HEADING.split(text)
        for _, heading, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            words = words_of(heading + "\n" + body)
            sections.append(Section(shown, plain(heading), rows, words, title, ids.get(heading, "")))
        if len(parts) == 1 and sections:  # goes on with the section before
            last = sections[-1]
            sections[-1] = replace(last, rows=last.rows | rows, words=last.words + words_of(text))
    return Lesson(objectives, tuple(sections))


def _of_source(path: Path, lang: Language) -> list[tuple[str, frozenset[int]]]:
    from mlprod.authoring.model import Prose
    from mlprod.authoring.source import scan

    source = scan(path)[0] if path.is_file() else None
    prose = [cell for cell in source.cells if isinstance(cell, Prose)] if source else []
    return [(cell.texts[lang].source, frozenset(cell.rows)) for cell in prose]


def _of_notebook(path: Path) -> list[tuple[str, str]]:
    """The texts of the notebook at `path` with their cells' ids."""
    import nbformat

    if not path.is_file():
        return []
    nb: NotebookNode = nbformat.read(path, as_version=4)
    return [(cell.source, cell.get("id", "")) for cell in nb.cells if cell.cell_type == "markdown"]


def sections_for(lesson: Lesson, rows: Collection[int], task: str, failure: str = "") -> tuple[Section, ...]:
    """The sections to reread, at most MOST: of those that teach `rows`, the ones nearest in words to the text `task`
    (a statement) and, as much as to that, to `failure`: what it asks for and did not get, often a line among many.

    Where no section teaches them, the nearest of all, if any has words in common with them.
    """
    teaching = [section for section in lesson.sections if section.rows & set(rows)]
    chosen = teaching or [section for section in lesson.sections if not section.rows or not rows]
    near = [_nearness(chosen, lesson.sections, words_of(text)) for text in (task, failure)]
    scores = [sum(both) for both in zip(*near, strict=True)]
    ranked = sorted(zip(scores, chosen, strict=True), key=lambda pair: -pair[0])
    best = [section for score, section in ranked if score > 0.5 * ranked[0][0] > 0]
    return tuple((best or teaching)[:MOST])


def _nearness(chosen: Sequence[Section], all_: Sequence[Section], about: Sequence[str]) -> list[float]:
    """Cosine of the tf-idf vectors of each section and `about`."""
    seen = Counter(word for section in all_ for word in set(section.words))
    rare = {word: math.log((1 + len(all_)) / (1 + count)) for word, count in seen.items()}

    def vector(words: Sequence[str]) -> dict[str, float]:
        weights = {word: (1 + math.log(n)) * rare.get(word, 0.0) for word, n in Counter(words).items()}
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {word: weight / length for word, weight in weights.items()}

    mine = vector(about)
    return [sum(weight * mine.get(word, 0.0) for word, weight in vector(s.words).items()) for s in chosen]


def words_of(text: str) -> tuple[str, ...]:
    """The words of four letters or more, cut to six letters: enough to join plural and singular in both languages."""
    return tuple(word.casefold()[:6] for word in WORD.findall(text))


def plain(text: str) -> str:
    """Markdown of one line without its emphasis and its code marks."""
    return re.sub(r"[*`]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)).strip()
