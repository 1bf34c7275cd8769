"""The commands of mlprod that belong to grading."""

import typer


def register(app: typer.Typer) -> None:
    """Add this part's commands to `app`."""
