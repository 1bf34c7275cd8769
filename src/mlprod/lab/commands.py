"""The commands of mlprod that open the lab, look at the machine and run every test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this part's commands to `app`."""

    @app.command()
    def lab(
        port: Annotated[int | None, typer.Option(help="Puerto; sin él, 8888 o el siguiente libre. / Port.")] = None,
        browser: Annotated[bool | None, typer.Option(help="Abrir el navegador. / Open the browser.")] = None,
        teach: Annotated[bool, typer.Option("--teach", help="Vista docente. / Instructor's view.")] = False,
    ) -> None:
        """Abre el curso en JupyterLab. / Opens the course in JupyterLab."""
        from mlprod.lab import server

        server.serve(port=port, browser=browser, teach=teach)

    @app.command()
    def doctor(json: Annotated[bool, typer.Option("--json", help="Para programas. / For programs.")] = False) -> None:
        """Mira si el curso puede ejecutarse aquí y con qué. / Looks whether the course can run here, and with what."""
        from mlprod.lab import doctor

        raise typer.Exit(0 if doctor.report(as_json=json) else 1)

    @app.command()
    def test(
        stages: Annotated[list[str] | None, typer.Argument(help="Etapas; todas si no dices ninguna. / Stages.")] = None,
    ) -> None:
        """Ejecuta todas las pruebas, por etapas. / Runs every test, stage by stage."""
        from mlprod.lab import stages as runner

        raise typer.Exit(0 if runner.run(stages) else 1)

    @app.command()
    def models(
        names: Annotated[
            list[str] | None, typer.Argument(help="Conjuntos de datos; todos si no dices ninguno. / Datasets.")
        ] = None,
        check: Annotated[
            bool, typer.Option("--check", help="Solo comprueba los que hay. / Only check those that are there.")
        ] = False,
    ) -> None:
        """Entrena otra vez los modelos que trae el curso. / Trains the models that come with the course again."""
        from mlprod.lab import benchmark

        raise typer.Exit(0 if benchmark.models(names, check) else 1)

    @app.command()
    def bench(
        name: Annotated[str, typer.Argument(help="compression, compiler, grading")],
        quick: Annotated[
            bool, typer.Option("--quick", help="Con los parámetros del lector. / With the reader's parameters.")
        ] = False,
        long: Annotated[
            bool, typer.Option("--long", help="grading: hasta 1000 entregas. / grading: up to 1000 submissions.")
        ] = False,
    ) -> None:
        """Ejecuta las lecciones de una unidad y guarda sus tablas. / Runs a unit's lessons and keeps their tables."""
        if name == "grading":
            from mlprod.grading import speed

            speed.run(quick, long)
            typer.echo(speed.REPORT.as_posix())
            return
        from mlprod.lab import benchmark

        typer.echo(benchmark.run(name, quick).as_posix())

    @app.command()
    def release(
        folder: Annotated[Path | None, typer.Argument(help="Carpeta; sin ella, build/release. / Folder.")] = None,
    ) -> None:
        """Prepara lo que se reparte: un ZIP para estudiantes por idioma y otro docente. / Makes what is handed out."""
        from mlprod import course
        from mlprod.lab import bundles

        root = course.root()
        for path in bundles.release(root, folder or root / "build" / "release"):
            typer.echo(f"{path.stat().st_size / 1e6:7.1f} MB  {path}")
