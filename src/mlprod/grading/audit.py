"""The tests are tested: does each task's grading give every known answer, right or wrong, the points it deserves?"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlprod.authoring.model import Source, Task
from mlprod.course import notebook as notebook_path
from mlprod.grading import catalogue, configuration, scoring
from mlprod.grading.kernels import HEAVY_MODULES, forked_kernels
from mlprod.grading.leaks import leaks
from mlprod.grading.scoring import Graded
from mlprod.grading.variants import Variant, variants
from mlprod.language import LANGUAGES, Language, tr

LEAST_WRONG, LEAST_RIGHT = 3, 1
REPORT = Path("build", "reports", "audit.json")


@dataclass
class TaskReport:
    """One row of the report: a task is ok when nothing failed."""

    unit: str
    task: str
    points: float
    wrong: int
    right: int
    failures: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.failures

    def as_json(self) -> dict[str, Any]:
        keys = ("unit", "task", "points", "wrong", "right", "ok", "failures")
        return {key: getattr(self, key) for key in keys}


@dataclass
class Report:
    """All tasks, and what belongs to no task (an essay, a leak into exercises/)."""

    tasks: list[TaskReport]
    problems: list[str]

    @property
    def ok(self) -> bool:
        return not self.problems and all(task.ok for task in self.tasks)

    @property
    def percent(self) -> float:
        """The share of tasks without a failure, in percent; 100 when there is no task."""
        return 100.0 * sum(task.ok for task in self.tasks) / len(self.tasks) if self.tasks else 100.0

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        tasks = [task.as_json() for task in self.tasks]
        text = json.dumps(
            {"tasks": tasks, "problems": self.problems, "percent": self.percent}, ensure_ascii=False, indent=1
        )
        path.write_text(text + "\n", encoding="utf-8")


def audit(
    sources: Sequence[Source],
    root: Path,
    *,
    languages: Iterable[Language] = LANGUAGES,
    jobs: int = 2,
    timeout: int = scoring.CELL_TIMEOUT_S,
    repeat: int = 1,
    modules: Sequence[str] = HEAVY_MODULES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Grade every variant of every task of `sources` (exercises of the course at `root`), `jobs` at a time.

    `timeout` is in seconds, for each cell; `repeat` runs everything that often, each time with another hash seed
    (answers that depend on the order of a set show then); `modules` are preloaded in the kernels; `progress` is told
    how many variants of how many are done.
    Raises SourceError for a source that cannot be built, CourseError when no kernel can be started.
    """
    everything = [variant for source in sources for lang in languages for variant in variants(source, lang)]
    rows = {(source.name, task.name): _row(source, task) for source in sources for task in source.tasks.values()}
    report = Report(list(rows.values()), [leak for source in sources for leak in leaks(source, root)])
    config = configuration.load(root)
    seen: dict[str, int] = {}
    said: dict[str, dict[tuple[str, Language], dict[str, str]]] = {source.name: {} for source in sources}
    environment = {"MLPROD_ROOT": str(root)}
    for number in range(repeat):
        # a new parent each time: all kernels of one parent share its hash seed
        # and when it is interrupted the kernels go first, so that no worker is waited for
        with ThreadPoolExecutor(jobs) as pool, forked_kernels(modules, environment) as kernel_name:
            try:
                futures = {pool.submit(_run, v, root, kernel_name, config, timeout): v for v in everything}
                for done, future in enumerate(as_completed(futures), 1):
                    _remember(said, futures[future], future.result())
                    for task, failure in _judge(futures[future], future):
                        seen[failure] = seen.get(failure, 0) + 1
                        into = rows[futures[future].source.name, task].failures if task else report.problems
                        if failure not in into:
                            into.append(failure)
                    progress(number * len(everything) + done, repeat * len(everything))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    for source in sources:
        catalogue.record(root, source, said[source.name])
    if repeat > 1:
        for row in report.tasks:
            row.failures = [f"{text} [{seen[text]}/{repeat}]" if text in seen else text for text in row.failures]
    return report


def _row(source: Source, task: Task) -> TaskReport:
    row = TaskReport(source.unit, task.name, task.points, len(task.wrongs), len(task.rights))
    for have, least, es, en in (
        (row.wrong, LEAST_WRONG, "respuestas erróneas", "wrong answers"),
        (row.right, LEAST_RIGHT, "otras respuestas correctas", "other right answers"),
    ):
        if have < least:
            row.failures.append(
                tr(es=f"tiene {have} {es}; hacen falta {least}", en=f"has {have} {en}; {least} are needed")
            )
    return row


def _run(variant: Variant, root: Path, kernel_name: str, config: Any, timeout: int) -> Graded:
    """Grade one variant in a folder of its own, with the files that go with the exercise."""
    source = variant.source
    with tempfile.TemporaryDirectory(prefix="mlprod-audit-", ignore_cleanup_errors=True) as folder:
        beside = notebook_path("solutions", source.name, variant.lang, root).parent
        if beside.is_dir():
            shutil.copytree(beside, folder, ignore=shutil.ignore_patterns("*.ipynb", ".*"), dirs_exist_ok=True)
        return scoring.grade(copy.deepcopy(variant.notebook), variant.lang, Path(folder), kernel_name, config, timeout)


def _remember(said: dict[str, dict], variant: Variant, graded: Graded) -> None:
    """Keep what the tests said to a wrong answer, for recognising it in what students hand in."""
    if variant.wrong and not graded.problem:
        source = variant.source
        name = catalogue.key(source.tasks[variant.wrong.task], variant.wrong)
        said[source.name][name, variant.lang] = graded.messages


def _judge(variant: Variant, future: Future[Graded]) -> Iterable[tuple[str | None, str]]:
    """What is wrong with how `variant` was graded: pairs of a task (None: the unit) and a message."""
    graded = future.result()
    source, lang = variant.source, variant.lang
    for name, expected in variant.expected.items():
        task = source.tasks.get(name)
        grade_ids = [test.grade_id for test in task.tests] if task else [name]
        scores = [graded.scores.get(grade_id) for grade_id in grade_ids]
        messages = "; ".join(graded.messages[grade_id] for grade_id in grade_ids if grade_id in graded.messages)
        where = f"{lang}, {variant.name}"
        if graded.problem:
            yield name if task else None, f"{where}: {graded.problem}"
            continue
        if None in scores or abs(sum(scores) - expected) > 1e-9:  # type: ignore[arg-type]
            got = tr(es="sin puntuar", en="no score") if None in scores else f"{sum(scores):g}"  # type: ignore[arg-type]
            found = tr(
                es=f"{where}: {got} puntos y no {expected:g}" + (f" — {messages}" if messages else ""),
                en=f"{where}: {got} points, not {expected:g}" + (f" — {messages}" if messages else ""),
            )
            yield name if task else None, found if task else f"{source.name}/{name}: {found}"
        elif variant.wrong and variant.wrong.says[lang].casefold() not in messages.casefold():
            word = variant.wrong.says[lang]
            yield (
                name,
                tr(es=f"{where}: no dice «{word}» sino: {messages}", en=f"{where}: says not “{word}” but: {messages}"),
            )
