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
    chosen = languages(lang)[0] if lang else language()
    name = grader.find(course, unit)
    console = Console()
    with console.status(tr(es=f"Corrigiendo {name}…", en=f"Grading {name}…")):
        report = grader.grade_me(course, name, chosen, notebook, timeout)
    print(report.summary)
    print(tr(es="Con todo el detalle, en un navegador: ", en="In full, in a browser: ") + report.page.as_uri())
