"""The commands of mlprod that belong to grading: audit, grade, and run (which executes notebooks as they do)."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Annotated

import typer

from mlprod.grading import class_commands
from mlprod.language import tr

if TYPE_CHECKING:
    from mlprod.grading.workers import Graded

Units = Annotated[list[str] | None, typer.Argument(metavar="[UNIT]...")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, help=tr(es="Cuántos a la vez; por defecto, los núcleos.", en="At once; default: cores.")
    ),
]
Lang = Annotated[str | None, typer.Option("--lang", help=tr(es="Solo es o solo en.", en="Only es or only en."))]


def register(app: typer.Typer) -> None:
    """Add this part's commands to `app`."""
    app.command(
        "audit",
        help=tr(
            es="Comprueba los tests: respuestas correctas, erróneas y plantillas obtienen lo que deben.",
            en="Test the tests: right answers, wrong answers and stubs earn what they must.",
        ),
    )(audit)
    app.command(
        "run",
        help=tr(
            es="Ejecuta con papermill las lecciones y las soluciones, en los dos idiomas.",
            en="Execute lessons and solutions with papermill, in both languages.",
        ),
    )(run)
    app.command(
        "grade",
        help=tr(
            es="Califica las entregas de grading/submitted, cada una aislada de todo lo demás, y escribe sus "
            "correcciones en grading/feedback; varias a la vez, y si se interrumpe, repetir la orden sigue donde se "
            "quedó. Las notas son las de nbgrader autograde.",
            en="Grade the submissions in grading/submitted, each in a sandbox of its own, and write their feedback "
            "to grading/feedback; several at once, and when it is interrupted, the same command goes on from there. "
            "The scores are those of nbgrader autograde.",
        ),
    )(grade)
    class_commands.register(app)


def run(
    units: Units = None,
    lang: Lang = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help=tr(es="Solo lessons o solo solutions.", en="Only one kind.")),
    ] = None,
    jobs: Jobs = None,
    timeout: Annotated[
        float, typer.Option(min=1, help=tr(es="Segundos por notebook.", en="Seconds for each notebook."))
    ] = 300,
) -> None:
    import time

    from rich.console import Console

    from mlprod.authoring import run as runner
    from mlprod.authoring import run_table
    from mlprod.authoring.build import chosen
    from mlprod.course import SOURCE_DIRECTORIES, root
    from mlprod.errors import CourseError

    if kind is not None and kind not in SOURCE_DIRECTORIES:
        raise CourseError(tr(es=f"--kind {kind}: elige lessons o solutions", en=f"--kind {kind}: lessons or solutions"))
    course = root()
    sources = [path for path in chosen(course, units) if kind in (None, path.parent.name)]
    work = runner.jobs_for(sources, course, languages(lang))
    at_once = jobs or cores()
    console = Console()
    began = time.monotonic()
    outcomes = []
    with run_table.display(console, len(work)) as display:
        for outcome in runner.run(work, course, at_once=at_once, timeout=timeout, started=display.started):
            display.ended(outcome)
            outcomes.append(outcome)
    report = runner.write(outcomes, course, time.monotonic() - began, at_once)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    for outcome in failed:
        run_table.show_failure(outcome, console)
    console.print(report.relative_to(course).as_posix())
    if failed:
        console.print(tr(es=f"fallan {len(failed)} de {len(work)}", en=f"{len(failed)} of {len(work)} failed"))
        raise typer.Exit(1)


def audit(
    units: Units = None,
    lang: Lang = None,
    jobs: Jobs = None,
    timeout: Annotated[int, typer.Option(min=1, help=tr(es="Segundos por celda.", en="Seconds for each cell."))] = 30,
    repeat: Annotated[
        int,
        typer.Option(min=1, help=tr(es="Repite todo N veces (azar).", en="Repeat all N times (randomness).")),
    ] = 1,
) -> None:
    from rich.console import Console

    from mlprod.authoring.build import chosen
    from mlprod.authoring.source import load
    from mlprod.course import notebook, root
    from mlprod.errors import CourseError
    from mlprod.grading import audit as auditor
    from mlprod.grading import audit_table
    from mlprod.grading.preload import needed
    from mlprod.systems import spark_archive

    course = root()
    sources = [load(path) for path in chosen(course, units) if path.parent.name == "solutions"]
    if not any(source.tasks for source in sources):
        raise CourseError(tr(es="No hay tareas que auditar.", en="There are no tasks to audit."))
    console = Console()
    if "pyspark.sql" in needed(notebook("solutions", source.name, "es", course) for source in sources):
        spark_archive.make()
    with audit_table.progress(console) as tell:
        report = auditor.audit(
            sources,
            course,
            languages=languages(lang),
            jobs=jobs or cores(),
            timeout=timeout,
            repeat=repeat,
            progress=tell,
        )
    report.write(course / auditor.REPORT)
    audit_table.show(report, console)
    console.print(auditor.REPORT.as_posix())
    if not report.ok:
        raise typer.Exit(1)


def grade(
    assignment: Annotated[str, typer.Argument(help=tr(es="Como 01_data_passing.", en="Like 01_data_passing."))],
    student: Annotated[
        list[str] | None, typer.Option("--student", help=tr(es="Solo esta persona.", en="Only this person."))
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help=tr(es="También lo ya calificado.", en="Also what was graded before."))
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help=tr(
                es="Cuántas entregas a la vez; por defecto, los núcleos.", en="Submissions at once; default: cores."
            ),
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="tcp://HOST:PORT",
            help=tr(es="Reparte el trabajo en un clúster de Dask.", en="Hand the work to a Dask cluster."),
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help=tr(
                es="Se queda en marcha y califica lo que vaya llegando; Ctrl+C para terminar.",
                en="Stay, and grade what is handed in meanwhile; Ctrl+C ends it.",
            ),
        ),
    ] = False,
    unsafe: Annotated[
        bool,
        typer.Option(
            "--unsafe",
            help=tr(
                es="Sin aislar: el código de los estudiantes se ejecuta con tus permisos.",
                en="Without a sandbox: the students' code is executed with your permissions.",
            ),
        ),
    ] = False,
) -> None:
    from rich.console import Console

    from mlprod.course import root
    from mlprod.errors import CourseError
    from mlprod.grading import grade as grader
    from mlprod.grading import grade_table, sandbox

    course = root()
    if not unsafe and (reason := sandbox.problem()):
        raise CourseError(
            tr(
                es=f"Aquí no se puede aislar a nadie: {reason}. Sin eso, calificar es ejecutar con tus permisos lo "
                "que han escrito los estudiantes. En una máquina o contenedor sin nada que perder: --unsafe",
                en=f"Nothing can be isolated here: {reason}. Without that, to grade is to execute with your "
                "permissions what students wrote. On a machine or in a container with nothing to lose: --unsafe",
            )
        )
    if watch and student:
        raise CourseError(
            tr(
                es="--watch califica lo que entregue cualquiera: úsalo sin --student.",
                en="--watch grades what anybody hands in: without --student.",
            )
        )
    students = grader.submissions(assignment, course, nobody=watch)
    if unknown := sorted(set(student or ()) - set(students)):
        names = ", ".join(unknown)
        raise CourseError(tr(es=f"No hay entrega de {names}.", en=f"There is no submission by {names}."))
    students = [s for s in students if not student or s in student]
    console = Console()
    results: dict[str, Graded] = {}
    display = grade_table.Display(console, assignment, len(students))
    with (
        contextlib.suppress(*[KeyboardInterrupt] if watch else []),
        grader.grade(
            assignment,
            students,
            course,
            force=force,
            sandboxed=not unsafe,
            workers=workers or cores(),
            scheduler=scheduler,
            waiting=display.waiting if watch else None,
        ) as graded,
        display.bar,
    ):
        for result in graded:
            display.ended(result)
            results[result.student] = result
    console.print(grade_table.summary(list(results.values())))
    failed = [result for result in results.values() if result.state == "failed"]
    if failed:
        log = course / "build" / "reports" / f"grade-{assignment}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("\n\n".join(f"== {result.student}\n{result.log}" for result in failed), encoding="utf-8")
        console.print(tr(es="Los detalles de lo que ha fallado: ", en="Details of what failed: ") + str(log))
        raise typer.Exit(1)


def languages(lang: str | None) -> tuple:
    """The languages that `--lang` asks for; raises CourseError for one that the course does not have."""
    from mlprod.errors import CourseError
    from mlprod.language import LANGUAGES

    if lang is not None and lang not in LANGUAGES:
        raise CourseError(tr(es=f"--lang {lang}: elige es o en", en=f"--lang {lang}: choose es or en"))
    return (lang,) if lang else LANGUAGES


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
