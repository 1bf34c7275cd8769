"""A source cut into raw cells by jupytext, each with the lines it came from, and its front matter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mlprod.authoring.problems import Problems
from mlprod.language import tr

MARKER = re.compile(r"^\s*#\s*%%(\s|$)")
INTERNAL = ("lines_to_next_cell", "cell_marker", "language")


@dataclass(frozen=True)
class Chunk:
    """A cell as jupytext reads it: `line` of its marker, `first` line of its text (blank edges removed)."""

    markdown: bool
    line: int
    first: int
    source: str
    attributes: dict[str, Any]


def cut(text: str, problems: Problems) -> tuple[dict[str, Any], list[Chunk]]:
    """Front matter and cells of a py:percent source; what cannot be read is added to `problems`."""
    import jupytext
    from nbformat import ValidationError

    lines = text.splitlines()
    header_end = _header_end(lines)
    front = _front_matter(lines[:header_end], problems)
    while header_end < len(lines) and not lines[header_end].strip():
        header_end += 1  # jupytext would make a cell of leading blank lines
    body = lines[header_end:]
    try:
        notebook = jupytext.reads("\n".join(body) + "\n", fmt="py:percent")
    except ValidationError as error:
        _blame(body, header_end + 1, error, problems)
        return front, []
    chunks, at = [], 0  # `at` walks through body: jupytext keeps every line of a cell but the blank ones at its edges
    for cell in notebook.cells:
        while at < len(body) and not body[at].strip():
            at += 1
        if at >= len(body):
            break
        marker = at
        if not MARKER.match(body[at]):
            problems.add(
                header_end + at + 1,
                "cell-marker",
                tr(
                    es="hay texto fuera de las celdas; empieza con una línea `# %%`",
                    en="there is text outside the cells; begin with a `# %%` line",
                ),
            )
            at += cell.source.count("\n") + 1
            continue
        at += 1
        content = cell.source.split("\n")
        leading = next((i for i, line in enumerate(content) if line.strip()), 0)
        source = cell.source.strip("\n")
        first = header_end + at + leading + 1
        at += len(content) if cell.source else 0
        while at < len(body) and not MARKER.match(body[at]):
            if body[at].strip():
                problems.add(
                    header_end + at + 1,
                    "cell-marker",
                    tr(es="las celdas empiezan con `# %%`, no así", en="cells begin with `# %%`, not like this"),
                )
            at += 1
        attributes = {key: value for key, value in cell.metadata.items() if key not in INTERNAL}
        if _readable(cell.cell_type, header_end + marker + 1, attributes, body[marker + 1 : at], problems):
            chunks.append(Chunk(cell.cell_type == "markdown", header_end + marker + 1, first, source, attributes))
    return front, chunks


def _readable(kind: str, line: int, attributes: dict, body: list[str], problems: Problems) -> bool:
    if kind == "raw":
        problems.add(
            line,
            "cell-kind",
            tr(
                es="las celdas raw no se usan: hazla de código o [markdown]",
                en="no raw cells: make it code or [markdown]",
            ),
        )
        return False
    if "incorrectly_encoded_metadata" in attributes:
        problems.add(
            line,
            "attributes",
            tr(
                es=f"no entiendo {attributes['incorrectly_encoded_metadata']!r}; pon los textos entre comillas",
                en=f"cannot read {attributes['incorrectly_encoded_metadata']!r}; put texts in quotes",
            ),
        )
        return False
    if kind == "markdown":
        for offset, text in enumerate(body):
            if text.strip() and not text.startswith("#"):
                problems.add(
                    line + 1 + offset,
                    "markdown-comment",
                    tr(
                        es="en una celda [markdown] cada línea empieza con `# `; ¿falta un `# %%` antes del código?",
                        en="in a [markdown] cell every line begins with `# `; is a `# %%` missing before the code?",
                    ),
                )
                return False
    return True


def _blame(body: list[str], first: int, error: Exception, problems: Problems) -> None:
    """Say which marker's attributes nbformat refuses (tags that are not a list of texts, say)."""
    import jupytext
    from nbformat import ValidationError

    line = first
    for number, text in enumerate(body, first):
        if MARKER.match(text):
            try:
                jupytext.reads(text + "\n", fmt="py:percent")
            except ValidationError:
                line = number
                break
    reason = str(error).split("\n")[0]
    problems.add(
        line,
        "attributes",
        tr(
            es=f"los atributos no valen en un notebook: {reason}",
            en=f"a notebook cannot have these attributes: {reason}",
        ),
    )


def _header_end(lines: list[str]) -> int:
    """How many lines the front matter takes (0 without one)."""
    if not lines or lines[0].strip() != "# ---":
        return 0
    return next((i + 1 for i, line in enumerate(lines) if i and line.strip() == "# ---"), 0)


def _front_matter(lines: list[str], problems: Problems) -> dict[str, Any]:
    import yaml

    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[1:-1])
    try:
        front = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problems.add(
            2 + (mark.line if mark else 0),
            "front-matter",
            tr(es=f"el YAML no se entiende: {error}", en=f"the YAML cannot be read: {error}"),
        )
        return {}
    if isinstance(front, dict):
        return front
    problems.add(
        1,
        "front-matter",
        tr(
            es="el archivo empieza con un bloque `# ---` con title: {es, en}, unit y minutes",
            en="the file begins with a `# ---` block with title: {es, en}, unit and minutes",
        ),
    )
    return {}
