"""The student's notebook, made by nbgrader's own preprocessors with the course's own configuration.

What `nbgrader generate_assignment` does, without its database: a test holds the two equal, byte by byte.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod.authoring.model import Source
from mlprod.authoring.notebooks import render
from mlprod.language import Language

if TYPE_CHECKING:
    from nbconvert.exporters import NotebookExporter
    from nbformat import NotebookNode

CONFIGURATION = "nbgrader_config.py"


def released(source: Source, lang: Language) -> NotebookNode:
    """The exercise of `source` as students get it: stubs for solutions, no hidden tests.

    Raises SourceError for a cell that cannot be put into `lang`, and ValueError for a lesson.
    """
    import nbformat

    return nbformat.reads(released_text(source, lang), as_version=4)


def released_text(source: Source, lang: Language) -> str:
    """The text of the released notebook's file."""
    if source.kind != "solutions":
        raise ValueError(f"{source.path}: only what lies in solutions/ is released")
    return release(render(source, lang), source.name, source.path.resolve().parents[1])


def release(notebook: NotebookNode, name: str, root: Path) -> str:
    """The released text of any solution notebook of assignment `name` in the course at `root`."""
    resources = {"nbgrader": {"assignment": name, "notebook": name, "student": "."}, "unique_key": name}
    output, _ = _exporter(root).from_notebook_node(notebook, resources=resources)
    return output if output.endswith("\n") else output + "\n"


@lru_cache(maxsize=4)
def _exporter(root: Path) -> NotebookExporter:
    from nbconvert.exporters import NotebookExporter
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import SaveCells

    converter = GenerateAssignment(config=_configuration(root))
    exporter = NotebookExporter(config=converter.config)
    for preprocessor in converter.preprocessors:
        if preprocessor is not SaveCells:  # it only records the cells in the gradebook
            exporter.register_preprocessor(preprocessor)
    return exporter


def _configuration(root: Path) -> Any:
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    folder = root / "grading"
    if not (folder / CONFIGURATION).is_file():
        return Config()
    return PyFileConfigLoader(CONFIGURATION, path=str(folder)).load_config()
