"""The commands of mlprod that belong to authoring."""

from __future__ import annotations

from typing import Annotated

import typer

from mlprod.language import tr


def register(app: typer.Typer) -> None:
    """Add this part's commands to `app`."""
    app.command("build", help=tr(es="Construye los cuadernos a partir de sus fuentes.", en="Build the notebooks."))(
        build
    )


def build(
    units: Annotated[list[str] | None, typer.Argument(metavar="[UNIT]...")] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help=tr(
                es="No escribe: falla si algún cuaderno no es lo que da su fuente.",
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
        typer.echo(tr(es="los cuadernos están al día", en="the notebooks are up to date"))
        return
    changed = builder.build(course, units)
    for path in changed:
        typer.echo(path.relative_to(course).as_posix())
    if not changed:
        typer.echo(tr(es="los cuadernos ya estaban al día", en="the notebooks were up to date"))
