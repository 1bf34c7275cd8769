"""How long this course's grader takes, beside stock nbgrader: the same submissions, the same machine, one run.

Both sides autograde and write feedback, as whole commands, from their start to their end; ours with the sandbox. Ours
also as a command that was there before (`--watch`): from the moment at which all is handed in to the last feedback.
Stock nbgrader has its own preprocessors and its own feedback page. Writes build/bench/grading.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import nbformat

from mlprod import course
from mlprod.authoring.build import build, render_variant
from mlprod.authoring.source import load
from mlprod.errors import CourseError
from mlprod.grading import sandbox, speed_otter
from mlprod.grading.speed_timing import Timed, timed, watched
from mlprod.grading.speed_units import UNITS
from mlprod.language import LANGUAGES, tr
from mlprod.systems import spark_archive

REPORT = Path("build/bench/grading.json")
COUNTS = {"light": 30, "torch": 30, "spark": 10}
GOALS = {"light": 20.0, "torch": 10.0, "spark": 3.0}
QUICK = {"light": 6, "torch": 4, "spark": 2}
TIMES = {"light": 3, "torch": 1, "spark": 1}
WATCHED = ("light",)
"""The kinds that are also given to a grader that is already there (`mlprod grade --watch`)."""
OURS = (sys.executable, "-c", "from mlprod.cli import main; main()", "grade")
CURVE = (10, 30, 100, 300)
LONG_CURVE = (*CURVE, 1000)

STOCK_CONFIG = """\
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "mlprod"
c.CourseDirectory.source_directory = "solutions/es"
c.CourseDirectory.release_directory = "grading/release"
for step in ("submitted", "autograded", "feedback", "solution"):
    setattr(c.CourseDirectory, step + "_directory", "grading/" + step)
c.CourseDirectory.db_url = "sqlite:///{root}/grading/gradebook.db"
c.ClearSolutions.code_stub = {stub!r}
"""


def run(quick: bool = False, long: bool = False) -> dict[str, Any]:
    """Measure, and write the report; with `quick` on few submissions, with `long` the curve goes up to a thousand."""
    if reason := sandbox.problem():
        raise CourseError(
            tr(es=f"Se mide con sandbox, y aquí no hay: {reason}", en=f"It measures the sandbox, and: {reason}")
        )
    report: dict[str, Any] = {"machine": machine(), "quick": quick, "goals": GOALS, "kinds": {}}
    same = True
    for kind, count in (QUICK if quick else COUNTS).items():
        found = compare(kind, count)
        same = same and found["same_scores"]
        report["kinds"][kind] = found
        report[kind] = found["ratio"]
        if "ratio_warm" in found:
            report[f"{kind}_warm"] = found["ratio_warm"]
        print(
            f"{kind}: {count} × {found['ours_s']:.1f} s / {found['stock_s']:.1f} s = {found['ratio']:.1f}"
            + (f"; --watch: {found['warm_s']:.1f} s = {found['ratio_warm']:.1f}" if "warm_s" in found else ""),
            flush=True,
        )
    report["same_scores"] = same
    report["otter"] = otter((QUICK if quick else COUNTS)["light"])
    print("otter:", report["otter"], flush=True)
    report["curve"] = []
    for count in (5, 10) if quick else LONG_CURVE if long else CURVE:
        report["curve"].append(point(count))
        print(report["curve"][-1], flush=True)
    path = course.root() / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def compare(kind: str, count: int) -> dict[str, Any]:
    """Grade `count` submissions with both; `ratio` is how many times faster ours is.

    Ours where it takes seconds: the median of several times. Stock nbgrader, which takes a minute, once.
    """
    name = UNITS[kind][0]
    with _course(kind, count) as root:

        def again() -> None:
            _forget(root)
            _nbgrader(root, "generate_assignment", name, "--force")  # each starts with the exercise in a gradebook

        found: list[Any] = []
        ours, warm = [], []
        for _ in range(TIMES[kind]):
            again()
            ours.append(_ours(root, name))
            found.append(_scores(root, name))
        for _ in range(TIMES[kind] if kind in WATCHED else 0):
            again()
            warm.append(watched([*OURS, name, "--watch"], root, count))
            found.append(_scores(root, name))
        (root / "grading" / "nbgrader_config.py").write_text(
            STOCK_CONFIG.format(root=str(root), stub=_stub()), encoding="utf-8"
        )
        os.environ[spark_archive.OFF] = "0"  # the archive of Spark's classes is of this course's grader
        again()
        autograde = _nbgrader(root, "autograde", name)
        feedback = _nbgrader(root, "generate_feedback", name)
        os.environ.pop(spark_archive.OFF)
        found.append(_scores(root, name))
    mine, stock = median(each.seconds for each in ours), autograde.seconds + feedback.seconds
    return {
        "submissions": count,
        "times": TIMES[kind],
        "ours_s": round(mine, 2),
        **({"warm_s": round(median(warm), 2), "ratio_warm": round(stock / median(warm), 2)} if warm else {}),
        "stock_s": round(stock, 2),
        "stock_autograde_s": round(autograde.seconds, 2),
        "stock_feedback_s": round(feedback.seconds, 2),
        "ratio": round(stock / mine, 2),
        "ratio_without_stock_feedback": round(autograde.seconds / mine, 2),
        "ours_memory_mib": round(max(each.memory for each in ours)),
        "stock_memory_mib": round(autograde.memory),
        "same_scores": all(scores == found[0] and len(scores) > 0 for scores in found),
    }


def point(count: int) -> dict[str, Any]:
    """One point of the curve: `count` light submissions, ours alone."""
    with _course("light", count) as root:
        timed = _ours(root, UNITS["light"][0])
    return {"submissions": count, "seconds": round(timed.seconds, 2), "memory_mib": round(timed.memory)}


def otter(count: int) -> dict[str, Any]:
    """Otter-Grader's side, where `speed_otter.VARIABLE` names it: the light submissions, and ours again beside it."""
    program = speed_otter.program()
    if program is None:
        return {"ran": False, "why": speed_otter.WHY_NOT}
    name = UNITS["light"][0]
    with _course("light", count) as root, tempfile.TemporaryDirectory(prefix="mlprod-otter-") as work:
        ours = _ours(root, name)
        points: dict[str, float] = {}
        for (student, _), score in _scores(root, name).items():
            points[student] = points.get(student, 0.0) + (score or 0.0)
        found = speed_otter.measure(program, root, load(root / "solutions" / f"{name}.py"), Path(work))
    return {
        "ran": True,
        "version": found["version"],
        "how": "otter run, without a container, one after another",
        "submissions": count,
        "ours_s": round(ours.seconds, 2),
        "otter_s": round(found["seconds"], 2),
        "otter_each_s": round(found["seconds"] / count, 2),
        "ratio": round(found["seconds"] / ours.seconds, 2),
        "same_scores": found["scores"] == points,
        "points": sum(found["scores"].values()),
    }


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    from importlib.metadata import version

    names = ("nbgrader", "ipykernel", "nbclient", "torch", "pyspark")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
    }


@contextlib.contextmanager
def _course(kind: str, count: int) -> Iterator[Path]:
    """A course with one exercise and `count` submissions: right, wrong and blank ones, in both languages."""
    name, text = UNITS[kind]
    with tempfile.TemporaryDirectory(prefix="mlprod-speed-") as folder:
        root = Path(folder).resolve()
        for part in ("lessons", "datasets", "solutions", "grading"):
            (root / part).mkdir()
        (root / "glossary.yml").touch()
        shutil.copy(course.root() / "grading" / "nbgrader_config.py", root / "grading")
        (root / "solutions" / f"{name}.py").write_text(text, encoding="utf-8")
        build(root)
        source = load(root / "solutions" / f"{name}.py")
        made = {}
        for number in range(count):
            lang, what = LANGUAGES[number % 2], ("right", "wrong", "right", "blank")[number // 2 % 4]
            if (lang, what) not in made:
                made[lang, what] = _submission(root, source, lang, what)
            target = root / "grading" / "submitted" / f"student{number:04}" / name
            target.mkdir(parents=True)
            nbformat.write(made[lang, what], target / f"{name}.ipynb")
        yield root


def _submission(root: Path, source: Any, lang: Any, what: str) -> Any:
    released = nbformat.read(course.notebook("exercises", source.name, lang, root), 4)
    if what != "blank":
        answers = {name: task.wrongs[0].source for name, task in source.tasks.items()} if what == "wrong" else {}
        cells = render_variant(source, lang, answers).cells
        solved = {cell.metadata.nbgrader.grade_id: cell.source for cell in cells if "nbgrader" in cell.metadata}
        for cell in released.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") in source.tasks:
                cell.source = solved[cell.metadata.nbgrader.grade_id]
    return released


def _ours(root: Path, name: str) -> Timed:
    return timed([*OURS, name], root)


def _nbgrader(root: Path, *arguments: str) -> Timed:
    return timed([Path(sys.executable).with_name("nbgrader"), *arguments], root / "grading")


def _scores(root: Path, name: str) -> dict[tuple[str, str], float | None]:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        return {
            (submission.student.id, grade.name): grade.auto_score
            for submission in gradebook.assignment_submissions(name)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def _forget(root: Path) -> None:
    for name in ("autograded", "feedback"):
        shutil.rmtree(root / "grading" / name, ignore_errors=True)
    (root / "grading" / "gradebook.db").unlink(missing_ok=True)


def _stub() -> dict[str, str]:
    from mlprod.grading import configuration

    return dict(configuration.load(course.root()).ClearSolutions.code_stub)
