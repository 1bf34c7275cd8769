"""What is wrong with a source, said so that an editor can jump to it: file, line, rule, what to do."""

from __future__ import annotations

from pathlib import Path

from mlprod.course import SOURCE_DIRECTORIES
from mlprod.errors import CourseError


def shown(path: Path) -> str:
    """`path` as messages show it: relative to the course for sources, built notebooks and other files of it."""
    parts = path.parts
    for top in (*SOURCE_DIRECTORIES, "exercises"):
        if top in parts[:-1]:
            last = len(parts) - 1 - parts[::-1].index(top)
            return "/".join(parts[last:])
    return path.name


class SourceError(CourseError):
    """A rule of the grammar that a source breaks.

    `line` is 1-based in the `.py` file (1 when the whole file is meant), `rule` a stable identifier such as
    `twin-missing`, `message` what is wrong and what to do, in the author's language.
    """

    def __init__(self, path: Path, line: int, rule: str, message: str) -> None:
        self.path, self.line, self.rule, self.message = Path(path), line, rule, message
        super().__init__(f"{shown(self.path)}:{line}: {rule}: {message}")


class Problems:
    """Collects the problems of one source, in the order of its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[SourceError] = []

    def add(self, line: int, rule: str, message: str) -> None:
        problem = SourceError(self.path, line, rule, message)
        if str(problem) not in map(str, self.found):
            self.found.append(problem)

    def sorted(self) -> list[SourceError]:
        return sorted(self.found, key=lambda problem: (problem.line, problem.rule))
