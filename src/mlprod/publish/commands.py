"""The commands of mlprod that write the course for reading away from JupyterLab."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Units = Annotated[list[str] | None, typer.Argument(metavar="[UNIT]…", help="Como 02; todas si no dices. / Like 02.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="No ejecuta: solo lo que haya. / Executes nothing: with what there is.")
]


def register(app: typer.Typer) -> None:
    """Add this part's commands to `app`."""

    @app.command()
    def slides(
        units: Units = None,
        quick: Quick = False,
        folder: Annotated[Path | None, typer.Option(help="Sin ella, build/slides. / Folder.")] = None,
    ) -> None:
        """Escribe las clases como diapositivas. / Writes the lectures as slides."""
        from mlprod import course
        from mlprod.publish import executed
        from mlprod.publish import slides as writer

        root = course.root()
        place = folder or root / "build" / "slides"
        writer.write(executed.lessons(units, root, quick=quick, say=typer.echo), place)
        typer.echo((place / "index.html").as_posix())

    @app.command()
    def site(
        units: Units = None,
        quick: Quick = False,
        folder: Annotated[Path | None, typer.Option(help="Sin ella, build/site. / Folder.")] = None,
    ) -> None:
        """Escribe el curso ejecutado como páginas web; las unidades que ya estén se quedan. / As web pages."""
        from mlprod import course
        from mlprod.publish import executed
        from mlprod.publish import site as writer

        root = course.root()
        place = folder or root / "build" / "site"
        lessons = executed.lessons(units, root, quick=quick, say=typer.echo)
        # menus and search are of the whole, so it is written whole: one unit does not take the place of the others
        lessons = executed.with_others(lessons, writer.units_in(place), root, typer.echo)
        typer.echo(writer.write(lessons, root, place).as_posix())

    @app.command()
    def pdf(
        units: Units = None,
        decks: Annotated[bool, typer.Option("--slides", help="Las diapositivas. / The slides.")] = False,
        folder: Annotated[Path | None, typer.Option(help="Sin ella, build/pdf. / Folder.")] = None,
    ) -> None:
        """Imprime en PDF las páginas del sitio, o diapositivas. / Prints pages of the site, or slides, as PDF."""
        from mlprod import course
        from mlprod.publish import pdf as printer

        root = course.root()
        for path in printer.write(units, root, folder or root / "build" / "pdf", decks=decks):
            typer.echo(path.as_posix())
