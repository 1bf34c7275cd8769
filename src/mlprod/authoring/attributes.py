"""The attributes after `# %%`: which exist, on which cells, and what values they take."""

from __future__ import annotations

import re
from typing import Any

from mlprod.authoring.chunks import Chunk
from mlprod.authoring.problems import Problems
from mlprod.language import LANGUAGES, Language, tr

SPECIAL = ("answer", "test", "wrong", "right", "essay")
SLIDES = ("slide", "subslide", "fragment", "notes", "skip")
COMMON = {"tags", "slide", "row"}
EXTRA = {
    None: set(),
    "answer": set(),
    "test": {"points", "objective"},
    "wrong": {"score", "says", "says_es", "says_en"},
    "right": set(),
    "essay": {"points", "objective", "lang"},
}
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
ROW = re.compile(r"(\d+)(?:-(\d+))?\Z")


def rows(text: str) -> tuple[int, ...]:
    """Rows of the syllabus in "7", "7 8", "14-16" or a mix; raises ValueError for anything else."""
    found: set[int] = set()
    for part in text.split():
        match = ROW.match(part)
        if not match or (match[2] and int(match[2]) < int(match[1])):
            raise ValueError(part)
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    if not found:
        raise ValueError(text)
    return tuple(sorted(found))


class Attributes:
    """The attributes of one chunk, checked. Reading one that is missing or bad adds to the problems and gives None."""

    def __init__(self, chunk: Chunk, problems: Problems) -> None:
        self._chunk, self._problems = chunk, problems
        self.special = next((name for name in SPECIAL if name in chunk.attributes), None)
        kinds = [name for name in SPECIAL if name in chunk.attributes]
        if len(kinds) > 1:
            self._say(
                "attributes", es=f"{' y '.join(kinds)} no van juntos", en=f"{' and '.join(kinds)} exclude each other"
            )
        allowed = COMMON | EXTRA[self.special] | ({self.special} if self.special else set())
        if chunk.markdown and self.special is None:
            allowed |= {"lang"}
        if chunk.markdown != (self.special == "essay") and self.special is not None:
            self._say(
                "cell-kind",
                es=f"{self.special}= va en una celda {'de código' if chunk.markdown else '[markdown]'}",
                en=f"{self.special}= belongs on a {'code' if chunk.markdown else '[markdown]'} cell",
            )
        for name in sorted(set(chunk.attributes) - allowed - set(kinds)):
            self._say(
                "attributes",
                es=f"{name}= no existe en esta celda; aquí valen {', '.join(sorted(allowed))}",
                en=f"{name}= does not exist on this cell; here {', '.join(sorted(allowed))} do",
            )
        self.common = {"line": chunk.line, "rows": self._rows(), "slide": self._slide(), "tags": self._tags()}
        if "lang" in chunk.attributes and chunk.attributes["lang"] not in LANGUAGES:
            self._say("attributes", es='lang= es "es" o "en"', en='lang= is "es" or "en"')

    def get(self, name: str) -> Any:
        value = self._chunk.attributes.get(name)
        return str(value) if name == "row" and value is not None else value

    def name(self, attribute: str) -> str:
        return self.name_and_part(attribute, parts=False)[0]

    def name_and_part(self, attribute: str, parts: bool = True) -> tuple[str, str | None]:
        """The task's name and, from "name/part", the part."""
        value = str(self._chunk.attributes[attribute])
        name, slash, part = value.partition("/")
        if not NAME.match(name) or (slash and not (parts and NAME.match(part))):
            self._say(
                "name",
                es=f"{value!r} no sirve de nombre: minúsculas, cifras y _, empezando por letra"
                + "; nombre/parte en test=",
                en=f"{value!r} cannot be a name: lower-case letters, digits and _, first a letter; name/part in test=",
            )
        return name, part or None

    def points(self) -> float | None:
        value = self._number("points")
        if value is not None and value > 0:
            return value
        self._say("points", es="faltan los puntos: points=2 (positivos)", en="points are missing: points=2 (positive)")
        return None

    def score(self) -> float | None:
        value = self._number("score")
        if value is not None and value >= 0:
            return value
        self._say(
            "wrong-score",
            es="falta lo que debe sacar: score=0 (o el número de puntos que sí merece)",
            en="what it must earn is missing: score=0 (or the points that it does deserve)",
        )
        return None

    def says(self) -> dict[Language, str] | None:
        """The word that the feedback must contain, in each language."""
        found = {lang: self.get(f"says_{lang}") or self.get("says") for lang in LANGUAGES}
        if all(isinstance(word, str) and word.strip() for word in found.values()):
            return found
        self._say(
            "wrong-says",
            es='falta la palabra que debe decir la corrección: says="…" (o says_es="…" says_en="…")',
            en='the word that the feedback must contain is missing: says="…" (or says_es="…" says_en="…")',
        )
        return None

    def _number(self, name: str) -> float | None:
        value = self.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def _rows(self) -> tuple[int, ...]:
        value = self.get("row")
        if value is None:
            return ()
        try:
            return rows(value)
        except ValueError:
            self._say(
                "row-syntax",
                es=f'row={value!r} no se entiende; se escribe row="7", row="7 8" o row="14-16"',
                en=f'row={value!r} cannot be read; write row="7", row="7 8" or row="14-16"',
            )
            return ()

    def _slide(self) -> str | None:
        value = self.get("slide")
        if value is not None and value not in SLIDES:
            self._say("slide", es=f"slide= es uno de {', '.join(SLIDES)}", en=f"slide= is one of {', '.join(SLIDES)}")
        return value

    def _tags(self) -> tuple[str, ...]:
        value = self.get("tags")
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(tag, str) for tag in value):
            return tuple(value)
        self._say("attributes", es='tags= es una lista: tags=["parameters"]', en='tags= is a list: tags=["parameters"]')
        return ()

    def _say(self, rule: str, *, es: str, en: str) -> None:
        self._problems.add(self._chunk.line, rule, tr(es=es, en=en))
