"""The `mlprod` command: one thin layer over authoring, grading and the lab."""

from __future__ import annotations

import sys

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def _register() -> None:
    from mlprod.authoring import commands as authoring
    from mlprod.grading import commands as grading
    from mlprod.lab import commands as lab
    from mlprod.publish import commands as publish

    for part in (lab, authoring, grading, publish):
        part.register(app)


def main() -> None:
    """Entry point; a CourseError prints its message alone and exits with 1, without a traceback."""
    from mlprod.environment import skip_slow_imports
    from mlprod.errors import CourseError

    skip_slow_imports()
    _register()
    try:
        app()
    except CourseError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
