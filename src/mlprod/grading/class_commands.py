"""The commands that read grades: grade-me (one's own) and report (a class's)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlprod.language import tr


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command(
        "grade-me",
        help=tr(
            es="Corrige tu propio ejercicio (exercises/…) en tu ordenador, con el mismo informe que en clase.",
            en="Grade your own exercise (exercises/…) on your computer, with the report that a class gets.",
        ),
    )(grade_me)
    app.command(
        "report",
        help=tr(
            es="Informe de una clase ya calificada: lo aprendido, las tareas, las equivocaciones, lo que queda por "
            "hacer.",
            en="The report of a graded class: what was learnt, the tasks, the mistakes, what is left to do.",
        ),
    )(report)


def grade_me(
    unit: Annotated[str, typer.Argument(help=tr(es="Como 02 o 02_pubsub.", en="Like 02 or 02_pubsub."))],
    lang: Annotated[
        str | None,
        typer.Option("--lang", help=tr(es="De qué idioma es: es o en.", en="Which language it is in: es or en.")),
    ] = None,
    notebook: Annotated[
        Path | None,
        typer.Option(
            "--notebook", help=tr(es="Otro fichero que el de exercises/.", en="Another file than that in exercises/.")
        ),
    ] = None,
    timeout: Annotated[int, typer.Option(min=1, help=tr(es="Segundos por celda.", en="Seconds for each cell."))] = 30,
) -> None:
    from rich.console import Console

    from mlprod.course import root
    from mlprod.grading import grade_me as grader
    from mlprod.grading.commands import languages
    from mlprod.language import language

    course = root()
    name = grader.find(course, unit)
    chosen = languages(lang)[0] if lang else grader.language_there(course, name, language())
    console = Console()
    with console.status(tr(es=f"Corrigiendo {name}…", en=f"Grading {name}…")):
        report = grader.grade_me(course, name, chosen, notebook, timeout)
    print(report.summary)
    print(tr(es="Con todo el detalle, en un navegador: ", en="In full, in a browser: ") + report.page.as_uri())


def report(
    assignment: Annotated[
        str | None,
        typer.Argument(
            help=tr(es="Como 02_pubsub; por defecto, todas.", en="Like 02_pubsub; by default, all of them.")
        ),
    ] = None,
) -> None:
    from rich.console import Console

    from mlprod.course import root
    from mlprod.errors import CourseError
    from mlprod.grading import class_data, class_report, report_page, report_tables
    from mlprod.language import language

    course, lang, console = root(), language(), Console()
    names = [assignment] if assignment else class_data.assignments(course)
    if not names:
        raise CourseError(tr(es="No hay nada calificado todavía.", en="Nothing has been graded yet."))
    for name in names:
        found = class_report.report(course, class_data.read(course, name), lang)
        report_tables.show(found, console, lang)
        page = report_page.write(course, found, lang)
        print(report_tables.closing(found, lang))
        print(page.as_uri())
