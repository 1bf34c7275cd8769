"""What rules need to know of the whole course: its folder, glossary, syllabus and other sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlprod.authoring.model import Source
from mlprod.authoring.problems import SourceError
from mlprod.authoring.source import scan
from mlprod.language import LANGUAGES, Language, tr


@dataclass(frozen=True)
class Avoided:
    """A term that prose does not use, and what it says instead."""

    lang: Language
    pattern: re.Pattern[str]
    instead: str


class Course:
    """The course at `root`, read once for all rules; what is wrong in its YAML files is in `problems`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[SourceError] = []
        self._sources: dict[tuple[str, str], Source | None] = {}
        self.avoided = tuple(self._avoided(self._entries(root / "glossary.yml", ("es", "en"))))
        self.rows = {
            row["id"]: row for row in self._entries(root / "lessons" / "syllabus.yml", ("id", "unit", "es", "en"))
        }

    def source(self, kind: str, name: str) -> Source | None:
        """Another source of the course, None when it does not exist or cannot be read."""
        if (kind, name) not in self._sources:
            path = self.root / kind / f"{name}.py"
            self._sources[kind, name] = scan(path)[0] if path.is_file() else None
        return self._sources[kind, name]

    @cached_property
    def has_syllabus(self) -> bool:
        return bool(self.rows)

    def _entries(self, path: Path, keys: Iterable[str]) -> list[dict[str, Any]]:
        import yaml

        if not path.is_file():
            return []
        try:
            entries = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            self.problems.append(SourceError(path, line, "yaml", str(error).replace("\n", " ")))
            return []
        entries = [] if entries is None else entries
        good = [entry for entry in entries if isinstance(entry, dict) and all(key in entry for key in keys)]
        if not isinstance(entries, list) or len(good) < len(entries):
            self.problems.append(
                SourceError(
                    path,
                    1,
                    "yaml",
                    tr(
                        es=f"es una lista y cada entrada lleva {', '.join(keys)}",
                        en=f"it is a list, and each entry has {', '.join(keys)}",
                    ),
                )
            )
        return good

    def _avoided(self, entries: list[dict[str, Any]]) -> Iterable[Avoided]:
        for entry in entries:
            for lang in LANGUAGES:
                for term in entry.get(f"avoid_{lang}") or ():
                    words = r"\s+".join(map(re.escape, str(term).split()))
                    yield Avoided(lang, re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE), str(entry[lang]))
