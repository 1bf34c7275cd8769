"""The commands of mlprod that belong to authoring."""

import typer


def register(app: typer.Typer) -> None:
    """Add this part's commands to `app`."""
