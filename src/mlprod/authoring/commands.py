"""The commands of mlprod that belong to authoring."""

from __future__ import annotations

from typing import Annotated

import typer

from mlprod.language import tr

Units = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[UNIT]...", help=tr(es="01, 01_data_passing…; sin decir, todas.", en="01, 01_data_passing…; all.")
    ),
]


def register(app: typer.Typer) -> None:
    """Add this part's commands to `app`."""
    for command, text in (
        (
            build,
            tr(es="Construye los notebooks a partir de sus fuentes.", en="Build the notebooks from their sources."),
        ),
        (
            check,
            tr(es="Revisa las fuentes y los notebooks construidos.", en="Check the sources and the built notebooks."),
        ),
        (
            coverage,
            tr(es="Qué filas del temario se explican y califican.", en="Which syllabus rows are taught and graded."),
        ),
        (
            new_unit,
            tr(es="Empieza una unidad: su lección y sus ejercicios.", en="Begin a unit: its lesson and exercise."),
        ),
    ):
        app.command(command.__name__.replace("_", "-"), help=text)(command)


def build(
    units: Units = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help=tr(
                es="No escribe: falla si algún notebook no es lo que da su fuente.",
                en="Write nothing: fail when a notebook is not what its source gives.",
            ),
        ),
    ] = False,
) -> None:
    from mlprod.authoring import build as builder
    from mlprod.course import root

    course = root()
    if check:
        drifted = builder.drift(course, units)
        for item in drifted:
            typer.echo(str(item), err=True)
        if drifted:
            raise typer.Exit(1)
        typer.echo(tr(es="los notebooks están al día", en="the notebooks are up to date"))
        return
    changed = builder.build(course, units)
    for path in changed:
        typer.echo(path.relative_to(course).as_posix())
    if not changed:
        typer.echo(tr(es="los notebooks ya estaban al día", en="the notebooks were up to date"))


def check(
    context: typer.Context,
    units: Units = None,
    audit: Annotated[
        bool,
        typer.Option("--audit", help=tr(es="También la auditoría de los tests.", en="The audit of the tests too.")),
    ] = False,
) -> None:
    from mlprod.authoring.build import SourceErrors, drift
    from mlprod.authoring.lint import check as lint
    from mlprod.course import root

    course = root()
    findings: list[str] = [str(finding) for finding in lint(course, units)]
    try:
        findings += [f"{item.path}:1: drift: {item.message}" for item in drift(course, units)]
    except SourceErrors as errors:
        findings += [text for text in map(str, errors.problems) if text not in findings]
    for finding in findings:
        typer.echo(finding)
    if findings:
        typer.echo(tr(es=f"{len(findings)} problemas", en=f"{len(findings)} problems"), err=True)
        raise typer.Exit(1)
    typer.echo(tr(es="sin problemas", en="no problems"))
    if audit:
        programme = context.find_root().command
        assert isinstance(programme, typer.core.TyperGroup)
        code = programme.main(["audit", *(units or ())], prog_name="mlprod", standalone_mode=False)
        raise typer.Exit(code if isinstance(code, int) else 0)


def coverage() -> None:
    from rich.console import Console

    from mlprod.authoring import coverage as reader
    from mlprod.course import root

    course = root()
    rows = reader.measure(course)
    path = reader.write(course, rows)
    Console().print(reader.table(rows))
    typer.echo(path.relative_to(course).as_posix())


def new_unit(
    name: Annotated[
        str, typer.Argument(metavar="NN_name", help=tr(es="Como 03_batch_vs_stream.", en="Like 03_batch_vs_stream."))
    ],
) -> None:
    from mlprod.authoring import build as builder
    from mlprod.authoring.new_unit import create
    from mlprod.course import root

    course = root()
    written = create(course, name)
    written += builder.build(course, [name])
    for path in written:
        typer.echo(path.relative_to(course).as_posix())
    typer.echo(
        tr(
            es="Rellena los dos .py (CONTRIBUTING.md dice cómo) y después: mlprod build && mlprod check",
            en="Fill in the two .py files (CONTRIBUTING.md tells how), and then: mlprod build && mlprod check",
        )
    )
