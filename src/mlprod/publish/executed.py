"""A lesson with its outputs: the notebook that its source gives now, and what an execution of those cells gave."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod import course
from mlprod.authoring.model import Source
from mlprod.authoring.notebooks import render
from mlprod.authoring.run import EXECUTED, jobs_for, run
from mlprod.authoring.source import load
from mlprod.errors import CourseError
from mlprod.language import LANGUAGES, Language, tr

if TYPE_CHECKING:
    from nbformat import NotebookNode

SECONDS = 900  # a limit against what hangs: the longest lesson takes a fifth of it
HERE = "~/mlprod"
WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Lesson:
    """`notebook` is in `lang`, with outputs; `complete` when every cell has those of its present code."""

    source: Source
    lang: Language
    notebook: NotebookNode
    complete: bool


def lesson(source: Source, lang: Language, root: Path) -> Lesson:
    """The lesson with the outputs that build/executed holds for cells of this same code."""
    import nbformat

    fresh = render(source, lang)
    path = root / EXECUTED / course.notebook("lessons", source.name, lang, Path())
    old: list[NotebookNode] = []
    if path.is_file():
        old = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    now = [cell for cell in fresh.cells if cell.cell_type == "code"]
    same = [cell.source for cell in old] == [cell.source for cell in now]
    complete = same and all(cell.execution_count and not _failed(cell) for cell in old)
    by_source = {cell.source: cell for cell in old if not _failed(cell)}
    pairs = zip(now, old, strict=True) if complete else ((cell, by_source.get(cell.source)) for cell in now)
    for cell, executed in pairs:
        if executed is not None:
            cell.outputs = [_anywhere(output, root) for output in executed.outputs if not _is_widget(output)]
            cell.execution_count = executed.execution_count
    return Lesson(source, lang, fresh, complete)


def lessons(units: Sequence[str] | None, root: Path, *, quick: bool, say: Callable[[str], None]) -> list[Lesson]:
    """The lessons of `units` (all for none) in both languages, executed if need be.

    With `quick` nothing is executed, and cells without a matching execution have no output. Raises CourseError when
    an execution fails. `say` is told what is being done.
    """
    paths = chosen(units, root)
    if not paths:
        raise CourseError(
            tr(
                es="Aquí no están las fuentes de las lecciones: lessons/*.py. Se hace desde el curso completo.",
                en="The lessons' sources, lessons/*.py, are not here. It is made from the whole course.",
            )
        )
    found = [lesson(load(path), lang, root) for path in paths for lang in LANGUAGES]
    missing = [one for one in found if not one.complete]
    if quick or not missing:
        return found
    names = ", ".join(f"{one.source.name} ({one.lang})" for one in missing)
    say(tr(es=f"Ejecuto {names}: unos minutos…", en=f"Executing {names}: some minutes…"))
    for lang in LANGUAGES:
        jobs = jobs_for([one.source.path for one in missing if one.lang == lang], root, [lang])
        for outcome in run(jobs, root, timeout=SECONDS):
            if not outcome.ok:
                raise CourseError(f"{outcome.job.path.as_posix()}: {outcome.error}\n{outcome.output or ''}")
            say(f"  {outcome.seconds:4.0f} s  {outcome.job.path.as_posix()}")
    return [lesson(load(path), lang, root) for path in paths for lang in LANGUAGES]


def with_others(found: Sequence[Lesson], names: Container[str], root: Path, say: Callable[[str], None]) -> list[Lesson]:
    """`found`, and the other lessons called one of `names`, in the course's order: whatever outputs these have.

    None is executed; `say` is told of those whose cells have changed since they were.
    """
    mine = {one.source.name for one in found}
    paths = [path for path in course.sources("lessons", root) if path.stem in names and path.stem not in mine]
    others = [lesson(load(path), lang, root) for path in paths for lang in LANGUAGES]
    if changed := ", ".join(f"{one.source.name} ({one.lang})" for one in others if not one.complete):
        say(
            tr(
                es=f"Han cambiado desde que se ejecutaron, así que les faltan resultados: {changed}",
                en=f"Changed since they were executed, and so without some of their outputs: {changed}",
            )
        )
    return sorted([*found, *others], key=lambda one: one.source.name)


def chosen(units: Sequence[str] | None, root: Path) -> list[Path]:
    """The sources of the lessons of `units` ("01", "01_data_passing"); raises CourseError for an unknown one."""
    from mlprod.authoring.build import chosen as sources

    return [path for path in sources(root, units) if path.parent.name == "lessons"]


def _anywhere(output: Any, root: Path) -> Any:
    """`output` without the name of the folder where the course happens to lie on this machine."""
    for holder, name in (
        (output.get("data", {}), "text/html"),
        (output.get("data", {}), "text/plain"),
        (output, "text"),
    ):
        if name in holder:
            holder[name] = holder[name].replace(str(root), HERE)
    return output


def _is_widget(output: Any) -> bool:
    """A progress bar or a slider: nothing to see once its kernel is gone."""
    return WIDGET in output.get("data", {})


def _failed(cell: Any) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)
