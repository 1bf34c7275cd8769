"""Makes the notebooks that are not there yet, and never touches one that is: a student's answers are in it."""

from __future__ import annotations

from pathlib import Path

from mlprod import course
from mlprod.language import LANGUAGES, tr


def targets(source: Path, root: Path) -> list[Path]:
    """Every notebook that `source` gives, in both languages."""
    kinds = ("lessons",) if source.parent.name == "lessons" else ("solutions", "exercises")
    return [course.notebook(kind, source.stem, lang, root) for kind in kinds for lang in LANGUAGES]


def missing(root: Path) -> list[Path]:
    """The notebooks of the whole course that have not been built."""
    everything = [
        path
        for kind in course.SOURCE_DIRECTORIES
        for source in course.sources(kind, root)
        for path in targets(source, root)
    ]
    return [path for path in everything if not path.is_file()]


def make_missing(root: Path) -> list[Path]:
    """Build the notebooks that are missing, and only those; returns them. Raises CourseError for a faulty source."""
    absent = set(missing(root))
    if not absent:
        return []
    from mlprod.authoring.build import expected

    print(tr(es=f"Construyo {len(absent)} notebooks…", en=f"Building {len(absent)} notebooks…"), flush=True)
    made = []
    for kind in course.SOURCE_DIRECTORIES:
        for source in course.sources(kind, root):
            if absent.isdisjoint(targets(source, root)):
                continue
            for path, text in expected(source, root).items():
                if path in absent:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
                    made.append(path)
    return made
