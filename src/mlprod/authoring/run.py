"""Executes built notebooks with papermill, several at once: how long, how much memory, what failed, what is left."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from papermill.engines import NBClientEngine, papermill_engines

from mlprod.authoring.watch import Watch, kill
from mlprod.course import notebook
from mlprod.grading.kernels import forked_kernels
from mlprod.language import Language, tr

TIMEOUT_S = 300
REPORT = Path("build", "reports", "run.json")
EXECUTED = Path("build", "executed")


@dataclass(frozen=True)
class Job:
    """A notebook to execute; `path` is relative to the course."""

    path: Path
    kind: str
    unit: str
    lang: Language


@dataclass(frozen=True)
class Outcome:
    """How it went. `cell` and `output` are the failing cell's source and what it gave (with terminal colours)."""

    job: Job
    seconds: float
    peak_memory_mb: float
    error: str | None = None
    cell: str | None = None
    output: str | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    def as_json(self) -> dict[str, Any]:
        job = {**asdict(self.job), "path": self.job.path.as_posix()}
        measured = {"ok": self.ok, "seconds": round(self.seconds, 2), "peak_memory_mb": round(self.peak_memory_mb, 1)}
        return {**job, **measured, "error": self.error, "cell": self.cell}


Started = Callable[[Job, int, int], None]  # called with the job, the cell's number from 1 and how many there are


class WatchedEngine(NBClientEngine):
    """papermill's own engine, telling which process the kernel is and which cell runs."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, job: Job, watch: Watch, started: Started, folder: Path, **options: Any
    ) -> None:
        from papermill.clientwrap import PapermillNotebookClient

        def on_start(**_: Any) -> None:
            watch.kernel_is(client.km.provisioner.pid)

        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=options.get("start_timeout", 60),
            resources={"metadata": {"path": str(folder)}},
            log=_silent(),
            on_notebook_start=on_start,
            on_cell_start=lambda cell, cell_index: started(job, cell_index + 1, len(nb_man.nb.cells)),
        )
        client.execute(env=watch.environment)


def jobs_for(sources: Sequence[Path], root: Path, languages: Sequence[Language]) -> list[Job]:
    """The notebooks of `sources` in `languages`, those that took longest last time first."""
    jobs = []
    for path in sources:
        kind = path.parent.name
        for lang in languages:
            built = notebook(kind, path.stem, lang, root).relative_to(root)
            jobs.append(Job(built, kind, path.stem.split("_")[0], lang))
    try:
        last = {row["path"]: row["seconds"] for row in json.loads((root / REPORT).read_text())["notebooks"]}
    except (OSError, ValueError, KeyError, TypeError):
        last = {}
    return sorted(jobs, key=lambda job: -last.get(job.path.as_posix(), float("inf")))


def run(
    jobs: Sequence[Job],
    root: Path,
    *,
    at_once: int = 2,
    timeout: float = TIMEOUT_S,
    started: Started = lambda job, cell, cells: None,
) -> Iterator[Outcome]:
    """Execute `jobs` of the course at `root`, `at_once` at a time; yields each outcome as it comes.

    `timeout` is in seconds and for a whole notebook. The executed notebooks go to build/executed/. A notebook fails
    when a cell raises, when it takes too long, when its kernel dies, and when it leaves a process behind.
    """
    papermill_engines.register("mlprod", WatchedEngine)
    # when this is interrupted the kernels go first, so that no worker is waited for
    with ThreadPoolExecutor(at_once) as pool, forked_kernels() as kernel_name:
        try:
            futures = [pool.submit(execute, job, root, kernel_name, timeout, started) for job in jobs]
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def execute(job: Job, root: Path, kernel_name: str, timeout: float, started: Started) -> Outcome:
    """Execute one notebook and look at what it leaves."""
    import papermill
    from nbclient.exceptions import DeadKernelError

    source, target = root / job.path, root / EXECUTED / job.path
    if not source.is_file():
        return Outcome(job, 0.0, 0.0, tr(es="no está: ejecuta «mlprod build»", en="is missing: run `mlprod build`"))
    target.parent.mkdir(parents=True, exist_ok=True)
    failure: dict[str, Any] = {}
    at = 0

    def on_cell(job: Job, cell: int, cells: int) -> None:
        nonlocal at
        at = cell
        started(job, cell, cells)

    with Watch(timeout) as watch:
        try:
            papermill.execute_notebook(
                source,
                target,
                engine_name="mlprod",
                kernel_name=kernel_name,
                progress_bar=False,
                **{"job": job, "watch": watch, "started": on_cell, "folder": source.parent},
            )
        except papermill.PapermillExecutionError as error:
            failure = {"error": f"{error.ename}: {error.evalue}", "cell": error.source}
            failure["output"] = "\n".join(error.traceback)
        except (DeadKernelError, RuntimeError) as error:
            failure = {"error": tr(es=f"el kernel ha muerto: {error}", en=f"the kernel died: {error}")}
    if watch.timed_out:
        failure["error"] = tr(es=f"tarda más de {timeout:g} s", en=f"takes longer than {timeout:g} s")
    if failure and "cell" not in failure:
        failure["cell"] = _cell(source, at)
    if left := watch.leftovers():
        names = "; ".join(f"{process.pid} {_command(process)}" for process in left)
        text = tr(es=f"deja procesos en marcha: {names}", en=f"leaves processes running: {names}")
        failure["error"] = f"{failure['error']}; {text}" if failure else text
        kill(left)
    return Outcome(job, watch.seconds, watch.peak_mb, **failure)


def write(outcomes: Sequence[Outcome], root: Path, seconds: float, at_once: int) -> Path:
    """Write build/reports/run.json; returns its path."""
    rows = [outcome.as_json() for outcome in sorted(outcomes, key=lambda outcome: outcome.job.path)]
    report = {"ok": all(o.ok for o in outcomes), "seconds": round(seconds, 1), "jobs": at_once, "notebooks": rows}
    path = root / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _cell(path: Path, number: int) -> str | None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[number - 1]["source"]) if 0 < number <= len(cells) else None


def _command(process: Any) -> str:
    import psutil

    try:
        return " ".join(process.cmdline())[:120] or process.name()
    except psutil.Error:
        return "?"


def _silent() -> logging.Logger:
    """papermill's log would break the progress display; all that matters of it is in the outcome."""
    logger = logging.getLogger("mlprod.papermill")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
