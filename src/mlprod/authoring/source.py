"""Reads a py:percent source into typed cells and tasks; says every rule of the grammar that it breaks.

source = load(path)              # raises the first SourceError
source, problems = scan(path)    # all of them; source is None when it cannot be built
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mlprod.authoring.attributes import SPECIAL, Attributes
from mlprod.authoring.chunks import Chunk, cut
from mlprod.authoring.markers import check_markers, split_essay
from mlprod.authoring.misconceptions import leading_comments
from mlprod.authoring.model import Answer, Cell, Code, Essay, Prose, Right, Source, Task, Test, Text, Wrong
from mlprod.authoring.problems import Problems, SourceError
from mlprod.course import SOURCE_DIRECTORIES
from mlprod.language import LANGUAGES, Language, tr

__all__ = ["Source", "SourceError", "load", "parse", "scan"]

_WORDS = re.compile(r"[^\W\d_]{2,}")
_NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|!\[\]\([^)]*\)|<[^>]*>", re.DOTALL)


def load(path: Path) -> Source:
    """The source at `path`; raises SourceError (its first problem), or OSError when it cannot be read."""
    source, problems = scan(path)
    if source is None:
        raise problems[0]
    return source


def scan(path: Path) -> tuple[Source | None, list[SourceError]]:
    """The source at `path` and its problems, in order; no source when there are any."""
    try:
        return parse(Path(path).read_text(encoding="utf-8-sig"), Path(path))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return None, [SourceError(Path(path), line, "encoding", tr(es="guárdalo en UTF-8", en="save it as UTF-8"))]


def parse(text: str, path: Path) -> tuple[Source | None, list[SourceError]]:
    """Like `scan`, from the text; the name of `path`'s folder says whether it is a lesson or its exercises."""
    problems = Problems(path)
    kind = path.parent.name if path.parent.name in SOURCE_DIRECTORIES else "lessons"
    front, chunks = cut(text, problems)
    title, unit, minutes = _front(front, text, path, kind, problems)
    cells = _Reader(kind, problems).read(chunks)
    tasks = _tasks(cells, problems)
    if problems.found:
        return None, problems.sorted()
    return Source(path, kind, unit, title, minutes, tuple(cells), tasks), []


def _front(front: dict, text: str, path: Path, kind: str, problems: Problems) -> tuple[dict, str, int | None]:
    """Title, unit and minutes of the front matter; an empty one has been reported already."""
    if not front:
        return {}, "", None

    def say(key: str, *, es: str, en: str) -> None:
        lines = text.splitlines()
        number = next((number for number, line in enumerate(lines, 1) if line.startswith(f"# {key}:")), 1)
        problems.add(number, "front-matter", tr(es=es, en=en))

    title = front.get("title")
    if not (isinstance(title, dict) and all(isinstance(title.get(lang), str) for lang in LANGUAGES)):
        say("title", es="title necesita un texto es y otro en", en="title needs an es and an en text")
    prefix = path.stem.split("_")[0]
    unit = front.get("unit", prefix)
    if unit != prefix:
        say(
            "unit",
            es=f'unit es {unit!r} y el archivo empieza por {prefix}; escribe unit: "{prefix}"',
            en=f'unit is {unit!r} and the file name begins with {prefix}; write unit: "{prefix}"',
        )
    minutes = front.get("minutes")
    if minutes is None and kind == "lessons" or not (minutes is None or type(minutes) is int and minutes > 0):
        say("minutes", es="minutes es un número entero y positivo", en="minutes is a positive whole number")
    return title, unit, minutes


class _Reader:
    """Turns chunks into cells; twins are held back until the other language has come."""

    def __init__(self, kind: str, problems: Problems) -> None:
        self.kind, self.problems = kind, problems

    def read(self, chunks: list[Chunk]) -> list[Cell]:
        cells, i = [], 0
        while i < len(chunks):
            chunk = chunks[i]
            attributes = Attributes(chunk, self.problems)
            if not chunk.source:
                self._say(chunk, "empty-cell", es="la celda está vacía: quítala", en="the cell is empty: remove it")
            elif self.kind == "lessons" and attributes.special:
                self._say(
                    chunk,
                    "lesson-graded",
                    es=f"{attributes.special}= solo existe en solutions/; las lecciones no se califican",
                    en=f"{attributes.special}= exists in solutions/ only; lessons are not graded",
                )
            elif chunk.markdown:
                cell, used = self._prose(chunk, attributes, chunks[i + 1] if i + 1 < len(chunks) else None)
                if cell:
                    cells.append(cell)
                i += used
                continue
            elif cell := self._code(chunk, attributes):
                cells.append(cell)
            i += 1
        return cells

    def _say(self, chunk: Chunk, rule: str, *, es: str, en: str) -> None:
        self.problems.add(chunk.line, rule, tr(es=es, en=en))

    def _prose(self, chunk: Chunk, mine: Attributes, following: Chunk | None) -> tuple[Cell | None, int]:
        """The prose or essay that begins at `chunk`, and how many chunks it takes."""
        lang = mine.get("lang")
        text = Text(chunk.source, chunk.first)
        check_markers(chunk.source, chunk.first, {"SOLUTION"} if mine.special == "essay" else set(), self.problems)
        if lang is None and mine.special is None:
            if _WORDS.search(_NOT_PROSE.sub(" ", chunk.source)):
                self._say(
                    chunk,
                    "prose-language",
                    es='falta lang="es" o lang="en" (solo un bloque de código, una fórmula o una figura va sin él)',
                    en='lang="es" or lang="en" is missing (only a code block, a formula or a figure goes without)',
                )
            return Prose(**mine.common, texts={"es": text, "en": text}), 1
        if lang == "en":
            self._say(
                chunk,
                "twin-missing",
                es="esta celda en inglés no tiene delante su gemela en español; el orden es es, en",
                en="this English cell has no Spanish twin before it; the order is es, en",
            )
            return None, 1
        twin = Attributes(following, self.problems) if following is not None and following.markdown else None
        if lang != "es" or twin is None or twin.get("lang") != "en" or twin.get("essay") != mine.get("essay"):
            self._say(
                chunk,
                "twin-missing",
                es='tras la celda lang="es" va, pegada, su gemela lang="en" (la misma celda, en inglés)',
                en='the lang="es" cell must be followed directly by its lang="en" twin (the same cell, in English)',
            )
            return None, 1
        assert following is not None
        allowed = {"SOLUTION"} if twin.special == "essay" else set()
        check_markers(following.source, following.first, allowed, self.problems)
        self._same(chunk, following, mine, twin)
        common = {key: mine.common[key] or twin.common[key] for key in mine.common}
        texts = {"es": text, "en": Text(following.source, following.first)}
        return (self._essay(texts, mine, twin, common) if mine.special else Prose(**common, texts=texts)), 2

    def _same(self, chunk: Chunk, following: Chunk, mine: Attributes, twin: Attributes) -> None:
        for name in ("row", "slide", "tags", "points", "objective"):
            if name in chunk.attributes and name in following.attributes and mine.get(name) != twin.get(name):
                self._say(
                    following,
                    "twin-attributes",
                    es=f"{name}= no es igual que en la gemela de la línea {chunk.line}; ponlo solo en la española",
                    en=f"{name}= differs from the twin's on line {chunk.line}; write it on the Spanish one only",
                )

    def _essay(self, texts: dict[Language, Text], mine: Attributes, twin: Attributes, common: dict) -> Essay | None:
        points = mine.points() if mine.get("points") is not None else twin.points()
        parts = {lang: split_essay(text, self.problems) for lang, text in texts.items()}
        if points is None or None in parts.values():
            return None
        return Essay(
            **common,
            name=mine.name("essay"),
            points=points,
            objective=mine.get("objective") or twin.get("objective"),
            prompt={lang: part[0] for lang, part in parts.items()},
            model_answer={lang: part[1] for lang, part in parts.items()},
        )

    def _code(self, chunk: Chunk, mine: Attributes) -> Cell | None:
        allowed = {"answer": {"SOLUTION"}, "test": {"HIDDEN TESTS"}}.get(mine.special or "", set())
        check_markers(chunk.source, chunk.first, allowed, self.problems)
        common: dict[str, Any] = {**mine.common, "source": chunk.source, "first": chunk.first}
        match mine.special:
            case None:
                return Code(**common)
            case "answer":
                if "BEGIN SOLUTION" not in chunk.source:
                    self._say(
                        chunk,
                        "solution-missing",
                        es="una respuesta lleva su solución entre ### BEGIN SOLUTION y ### END SOLUTION",
                        en="an answer holds its solution between ### BEGIN SOLUTION and ### END SOLUTION",
                    )
                return Answer(**common, task=mine.name("answer"))
            case "test":
                task, part = mine.name_and_part("test")
                points = mine.points()
                if points is None:
                    return None
                return Test(**common, task=task, part=part, points=points, objective=mine.get("objective"))
            case "wrong":
                misconception = leading_comments(chunk.source)
                if len(misconception) < len(LANGUAGES):
                    self._say(
                        chunk,
                        "wrong-misconception",
                        es="una respuesta errónea empieza con `# es: …` y `# en: …`, que nombran el malentendido",
                        en="a wrong answer begins with `# es: …` and `# en: …`, which name the misconception",
                    )
                score, says = mine.score(), mine.says()
                if score is None or says is None:
                    return None
                return Wrong(**common, task=mine.name("wrong"), score=score, says=says, misconception=misconception)
            case "right":
                return Right(**common, task=mine.name("right"))
        self._say(
            chunk,
            "cell-kind",
            es=f"{mine.special}= no va en una celda de código; las que van: {', '.join(SPECIAL)}",
            en=f"{mine.special}= does not belong on a code cell",
        )
        return None


def _tasks(cells: list[Cell], problems: Problems) -> dict[str, Task]:
    """Group the cells by task; grade ids must be unique and name an answer that stands before."""
    seen: dict[str, int] = {}
    answers: dict[str, Answer] = {}
    parts: dict[str, list[Code]] = {}
    for cell in cells:
        if isinstance(cell, Answer | Test | Essay):
            if cell.grade_id in seen:
                problems.add(
                    cell.line,
                    "duplicate-id",
                    tr(
                        es=f"{cell.grade_id!r} ya está en la línea {seen[cell.grade_id]}; cambia el nombre o la parte",
                        en=f"{cell.grade_id!r} is already on line {seen[cell.grade_id]}; change its name or part",
                    ),
                )
            seen.setdefault(cell.grade_id, cell.line)
        if isinstance(cell, Answer):
            answers.setdefault(cell.task, cell)
        elif isinstance(cell, Test | Wrong | Right):
            if cell.task not in answers:
                problems.add(
                    cell.line,
                    "task-unknown",
                    tr(
                        es=f'no hay antes una celda answer="{cell.task}"',
                        en=f'no answer="{cell.task}" cell stands before this one',
                    ),
                )
            parts.setdefault(cell.task, []).append(cell)

    def of(name: str, kind: type) -> tuple:
        return tuple(cell for cell in parts.get(name, ()) if isinstance(cell, kind))

    return {
        name: Task(name, answer, of(name, Test), of(name, Wrong), of(name, Right)) for name, answer in answers.items()
    }
