"""A student without an instructor: their own notebook, graded where they are, with the report that a class gets."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod.course import notebook as path_of
from mlprod.errors import CourseError
from mlprod.lab.progress import RECORDS as FOLDER
from mlprod.lab.progress import TEXT_STUB
from mlprod.language import LANGUAGES, Language, tr

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from mlprod.grading.explain import Explained

QUIET = (
    "--InteractiveShellApp.exec_lines=import warnings; warnings.simplefilter('ignore')",
    "--IPKernelApp.log_level=ERROR",
)


@dataclass(frozen=True)
class Report:
    """What came out: `summary` is the whole text, also in `text`; `page` is the same with the notebook.

    `complete` says whether the hidden tests were there; `isolated`, whether the notebook ran in a sandbox.
    """

    summary: str
    page: Path
    text: Path
    score: float
    most: float
    complete: bool
    isolated: bool
    tasks: list[Explained]


def find(root: Path, unit: str) -> str:
    """The exercise that `unit` names: "02", or all of "02_pubsub". Raises CourseError when there is not just one."""
    names = sorted({path.parent.name for lang in LANGUAGES for path in (root / "exercises" / lang).glob("*/*.ipynb")})
    found = [name for name in names if unit in (name, name.split("_")[0])]
    if len(found) != 1:
        known = ", ".join(names) or "—"
        raise CourseError(
            tr(
                es=f"No hay un ejercicio «{unit}»; hay: {known}",
                en=f"There is no exercise “{unit}”; there are: {known}",
            )
        )
    return found[0]


def language_there(root: Path, name: str, preferred: Language) -> Language:
    """`preferred` if the exercise is there in it, else the language in which it is."""
    there = [lang for lang in LANGUAGES if path_of("exercises", name, lang, root).is_file()]
    return preferred if preferred in there or not there else there[0]


def grade_me(root: Path, name: str, lang: Language, path: Path | None = None, timeout: int = 30) -> Report:
    """Grade `path` (by default exercises/LANG/NAME/NAME.ipynb, where a student works) and write the report.

    `timeout` is in seconds, for each cell. The notebook itself is not changed. Raises CourseError when it is not there
    or is no notebook.
    """
    from mlprod.grading import sandbox
    from mlprod.grading.kernels import forked_kernels

    path = path or path_of("exercises", name, lang, root)
    nb = _read(path)
    saved = path.stat().st_mtime
    config = _configuration(root)
    solved = path_of("solutions", name, lang, root)
    complete = solved.is_file()
    unchecked = 0 if complete else _leave_out_empty_tests(nb)
    if complete:
        _whole_tests(nb, _read(solved))
    nb.metadata.setdefault("mlprod", {})["lang"] = lang
    _blank_essays(nb, config)
    why = sandbox.problem()
    with (
        tempfile.TemporaryDirectory(prefix="mlprod-grade-me-", ignore_cleanup_errors=True) as folder,
        forked_kernels(["numpy"], sandboxed=why is None) as kernel,
    ):
        shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns("*.ipynb", ".*"), dirs_exist_ok=True)
        scores = _execute(nb, Path(folder), kernel, config, timeout)
    notes = [_about_tests(complete, unchecked, lang), *([_no_sandbox(why, lang)] if why else [])]
    report = _write(root, name, lang, nb, scores, notes, complete, why is None)
    record = {"notebook": os.path.relpath(path, root), "saved": saved, "complete": complete}
    record |= {"score": report.score, "most": report.most}
    (report.page.parent / "record.json").write_text(json.dumps(record), encoding="utf-8")  # for the course's first page
    return report


def _configuration(root: Path) -> Any:
    """The course's; or, in a student's copy, which has no grading/, what of it matters to one notebook."""
    from traitlets.config import Config

    from mlprod.grading import configuration

    if (root / "grading" / configuration.FILE).is_file():
        return configuration.load(root)
    return Config(BlankEssays={"text_stub": TEXT_STUB}, Execute={"extra_arguments": list(QUIET)})


def _execute(nb: NotebookNode, folder: Path, kernel: str, config: Any, timeout: int) -> dict[str, float | None]:
    """Execute `nb` as a class's submissions are, and score it as nbgrader does: by grade id, None for what waits."""
    from nbgrader.utils import determine_grade, is_grade

    from mlprod.grading.execute import ContainedExecute
    from mlprod.grading.settle import settle

    execute = ContainedExecute(config=config, kernel_name=kernel, timeout=timeout)
    execute.preprocess(nb, {"metadata": {"path": str(folder)}})
    settle(nb)
    return {cell.metadata.nbgrader.grade_id: determine_grade(cell)[0] for cell in nb.cells if is_grade(cell)}


def _read(path: Path) -> NotebookNode:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise CourseError(tr(es=f"No está {path}.", en=f"{path} is not there.")) from None
    except (OSError, ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise CourseError(
            tr(es=f"{path} no es un notebook que se pueda leer: {error}", en=f"{path} cannot be read: {error}")
        ) from None


def _whole_tests(nb: NotebookNode, solved: NotebookNode) -> None:
    """Put every test back as its author wrote it, the hidden part included; a deleted one goes to the end."""
    from mlprod.grading.student_view import is_test

    mine = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in reversed(nb.cells)}
    for cell in solved.cells:
        if is_test(cell):
            own = mine.get(cell.metadata.nbgrader.grade_id)
            if own is None or own.cell_type != "code":
                nb.cells.append(cell)
            else:
                own.source, own.metadata.nbgrader = cell.source, cell.metadata.nbgrader


def _leave_out_empty_tests(nb: NotebookNode) -> int:
    """Take the grade from the tests of which nothing is visible, which would all pass; how many there are."""
    from mlprod.grading.student_view import is_test

    empty = [cell for cell in nb.cells if is_test(cell) and not re.sub(r"#.*", "", cell.source).strip()]
    for cell in empty:
        cell.metadata.nbgrader.grade = False
    return len(empty)


def _blank_essays(nb: NotebookNode, config: Any) -> None:
    from mlprod.grading.essays import BlankEssays

    BlankEssays(config=config).preprocess(nb, {})


def _write(
    root: Path,
    name: str,
    lang: Language,
    nb: NotebookNode,
    scores: dict[str, float | None],
    notes: list[str],
    complete: bool,
    isolated: bool,
) -> Report:
    from mlprod.grading.feedback import FeedbackExporter, prepare
    from mlprod.grading.summary import FILE, Heading, summary

    pending = {grade_id for grade_id, score in scores.items() if score is None}
    most = 0.0
    for cell in nb.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in scores:
            cell.metadata.nbgrader.score = scores[grade_id] or 0.0
            most += float(cell.metadata.nbgrader.get("points") or 0.0)
    score = sum(value or 0.0 for value in scores.values())
    student = "tú" if lang == "es" else "you"
    about = {"assignment": name, "notebook": name, "student": student, "score": score, "max_score": most}
    resources: dict[str, Any] = {"nbgrader": {**about, "late_penalty": 0.0}}
    tasks = prepare(nb, lang, root, name, resources, pending, notes)
    page, _ = FeedbackExporter().from_notebook_node(nb, resources)
    text = summary(Heading(name, student, score, most, notes=tuple(notes)), tasks, lang)
    folder = root / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.html").write_text(page, encoding="utf-8")
    (folder / FILE).write_text(text, encoding="utf-8")
    return Report(text, folder / f"{name}.html", folder / FILE, score, most, complete, isolated, tasks)


def _about_tests(complete: bool, unchecked: int, lang: Language) -> str:
    if complete:
        return {
            "es": "Calificado con todas las pruebas, también las que no se muestran en el ejercicio.",
            "en": "Graded with all the tests, also those that the exercise does not show.",
        }[lang]
    if lang == "es":
        more = f" Hay {unchecked} que no tienen nada visible y no se cuentan." if unchecked else ""
        return (
            "Calificado solo con las pruebas visibles: las ocultas no están en esta copia del curso. La nota de verdad "
            f"puede ser más baja.{more}"
        )
    more = f" Of {unchecked} nothing is visible, and they do not count." if unchecked else ""
    return (
        "Graded with the visible tests alone: the hidden ones are not in this copy of the course. The real score may "
        f"be lower.{more}"
    )


def _no_sandbox(why: str, lang: Language) -> str:
    if lang == "es":
        return f"Sin aislar ({why}): se ha ejecutado con tus permisos, como cuando lo ejecutas tú."
    return f"Without a sandbox ({why}): it was executed with your permissions, as when you run it yourself."
