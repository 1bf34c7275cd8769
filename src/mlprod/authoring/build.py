"""Sources to notebook files: incremental, deterministic, and able to say what on disk is not what it would write."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlprod.authoring import freshness
from mlprod.authoring.notebooks import render, render_variant
from mlprod.authoring.problems import SourceError
from mlprod.authoring.release import release, released
from mlprod.authoring.source import scan
from mlprod.course import SOURCE_DIRECTORIES, notebook, sources
from mlprod.errors import CourseError
from mlprod.language import LANGUAGES, tr

__all__ = ["Drift", "SourceErrors", "build", "chosen", "drift", "expected", "released", "render", "render_variant"]


class SourceErrors(CourseError):
    """Several sources, or several rules, at once: one line for each problem."""

    def __init__(self, problems: Sequence[SourceError]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, problems)))


@dataclass(frozen=True)
class Drift:
    """A built file that is not what its source gives: "missing", "differs" or "orphan" (it has no source)."""

    path: Path
    what: str

    @property
    def message(self) -> str:
        texts = {
            "missing": tr(es="falta; ejecuta `mlprod build`", en="is missing; run `mlprod build`"),
            "differs": tr(
                es="no es lo que da su fuente; edita el .py, no el notebook, y ejecuta `mlprod build`",
                en="is not what its source gives; edit the .py, not the notebook, and run `mlprod build`",
            ),
            "orphan": tr(es="ya no tiene fuente; bórralo o ejecuta `mlprod build`", en="has no source; remove it"),
        }
        return texts[self.what]

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def chosen(root: Path, units: Sequence[str] | None = None) -> list[Path]:
    """The sources of `units` ("01", "01_data_passing" or a path of one); all of them for none.

    Raises CourseError for a unit that has no source.
    """
    everything = [path for kind in SOURCE_DIRECTORIES for path in sources(kind, root)]
    if not units:
        return everything
    found = []
    for unit in units:
        name = Path(unit).name.removesuffix(".py").removesuffix(".ipynb")
        hits = [path for path in everything if name in (path.stem, path.stem.split("_")[0])]
        if not hits:
            known = ", ".join(sorted({path.stem for path in everything})) or "—"
            raise CourseError(
                tr(es=f"no hay unidad {unit!r}; hay: {known}", en=f"there is no unit {unit!r}; there are: {known}")
            )
        found += [path for path in hits if path not in found]
    return found


def expected(path: Path, root: Path) -> dict[Path, str]:
    """The text of every notebook of the source at `path`; raises SourceErrors."""
    import nbformat

    source, problems = scan(path)
    if source is None:
        raise SourceErrors(problems)
    texts = {}
    for lang in LANGUAGES:
        try:
            rendered = render(source, lang)
        except SourceError as error:
            raise SourceErrors([error]) from None
        texts[notebook(source.kind, source.name, lang, root)] = nbformat.writes(rendered) + "\n"
        if source.kind == "solutions":
            texts[notebook("exercises", source.name, lang, root)] = release(rendered, source.name, root)
    return texts


def build(root: Path, units: Sequence[str] | None = None) -> list[Path]:
    """Bring the notebooks of `units` (all by default) up to date; returns the files written or removed.

    Sources without problems are built also when others have some; raises SourceErrors at the end.
    """
    root = root.resolve()
    memory = freshness.Memory(root)
    changed: list[Path] = []
    problems: list[SourceError] = []
    for path in chosen(root, units):
        if memory.fresh(path):
            continue
        try:
            texts = expected(path, root)
        except SourceErrors as errors:
            problems += errors.problems
            continue
        changed += [target for target, text in texts.items() if _write(target, text)]
        memory.remember(path, texts)
    if not units:
        for path in _orphans(root):
            path.unlink()
            if path.parent.name == path.stem and not any(path.parent.iterdir()):
                path.parent.rmdir()
            changed.append(path)
    memory.save()
    if problems:
        raise SourceErrors(problems)
    return changed


def drift(root: Path, units: Sequence[str] | None = None) -> list[Drift]:
    """Rebuild in memory and compare with the files; nothing is written. Raises SourceErrors."""
    root = root.resolve()
    found: list[Drift] = []
    problems: list[SourceError] = []
    for path in chosen(root, units):
        try:
            texts = expected(path, root)
        except SourceErrors as errors:
            problems += errors.problems
            continue
        for target, text in texts.items():
            if not target.is_file():
                found.append(Drift(target.relative_to(root), "missing"))
            elif target.read_bytes() != text.encode():
                found.append(Drift(target.relative_to(root), "differs"))
    if not units:
        found += [Drift(path.relative_to(root), "orphan") for path in _orphans(root)]
    if problems:
        raise SourceErrors(problems)
    return found


def built(root: Path) -> list[Path]:
    """Every notebook file in the three trees that are built (checkpoints excepted)."""
    found = []
    for kind in (*SOURCE_DIRECTORIES, "exercises"):
        for lang in LANGUAGES:
            found += (root / kind / lang).rglob("*.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def _orphans(root: Path) -> list[Path]:
    """Notebooks that a build wrote and that no source gives any more; other people's notebooks are let be."""
    wanted = set()
    for kind in SOURCE_DIRECTORIES:
        for path in sources(kind, root):
            for lang in LANGUAGES:
                wanted.add(notebook(kind, path.stem, lang, root))
                if kind == "solutions":
                    wanted.add(notebook("exercises", path.stem, lang, root))
    return [path for path in built(root) if path not in wanted and _generated(path)]


def _generated(path: Path) -> bool:
    try:
        mark = json.loads(path.read_text(encoding="utf-8"))["metadata"]["mlprod"]
        return bool(mark["generated"]) and Path(mark["source"]).stem == path.stem  # a renamed copy is somebody's work
    except (ValueError, KeyError, TypeError):
        return False


def _write(path: Path, text: str) -> bool:
    """Write `text` in one step, unless it is there already; whether it was written."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True
