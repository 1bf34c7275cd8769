"""Accessible tables: a caption, headers that screen readers announce, numbers aligned and rounded for reading."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from mlprod.display import Shown, number, plain, rich
from mlprod.errors import CourseError
from mlprod.language import tr


def show(
    rows: Any,
    caption: str,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
) -> None:
    """Display `rows` as a table titled `caption`.

    rows: a list of dicts (keys are the headers) or a pandas DataFrame (a named index becomes the first column).
    columns: which ones and in which order; a mapping also renames them ({key: header}). formats: {key: format spec},
    such as {"share": ".1%"}; without one, numbers have three significant digits. Missing values appear as a dash.
    Raises CourseError for an empty caption or unknown columns.
    """
    if not caption or not caption.strip():
        raise CourseError(tr(es="A la tabla le falta el título: `caption`.", en="The table has no title: `caption`."))
    records = _records(rows)
    keys = list(dict.fromkeys(key for row in records for key in row))
    headers = _headers(keys, columns, bool(records))
    cells = [[_cell(row.get(key), (formats or {}).get(key)) for key in headers] for row in records]
    numeric = [_is_numeric([row.get(key) for row in records]) for key in headers]
    names = [str(header) for header in headers.values()]
    Shown(_html(caption, names, cells, numeric), _text(caption, names, cells, numeric)).show()


def _records(rows: Any) -> list[dict[Any, Any]]:
    if not hasattr(rows, "to_dict"):
        return [dict(row) for row in rows]
    if rows.index.name is not None:
        rows = rows.reset_index()
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def _headers(keys: list[Any], columns: Sequence[str] | Mapping[str, str] | None, known: bool) -> dict[Any, str]:
    if columns is None:
        return {key: str(key) for key in keys}
    wanted = dict(columns) if isinstance(columns, Mapping) else {key: str(key) for key in columns}
    if known and (unknown := [key for key in wanted if key not in keys]):
        names = ", ".join(map(str, unknown))
        raise CourseError(
            tr(
                es=f"La tabla no tiene estas columnas: {names}. Tiene: {', '.join(map(str, keys))}.",
                en=f"The table does not have these columns: {names}. It has: {', '.join(map(str, keys))}.",
            )
        )
    return wanted


def _missing(value: Any) -> bool:
    return value is None or value != value  # NaN alone differs from itself


def _is_numeric(values: list[Any]) -> bool:
    present = [v for v in values if not _missing(v)]
    return bool(present) and all(isinstance(v, Real) and not isinstance(v, bool) for v in present)


def _cell(value: Any, spec: str | None) -> str:
    if _missing(value):
        return "—"
    if spec is not None:
        return format(value, spec)
    if isinstance(value, bool) or type(value).__name__ == "bool":  # numpy's bool is not Python's
        return tr(es="sí", en="yes") if value else "no"
    return number(value) if isinstance(value, Real) else str(value)


def _html(caption: str, names: list[str], cells: list[list[str]], numeric: list[bool]) -> str:
    # JupyterLab aligns every cell to the right, so each one says its own
    def align(column: int) -> str:
        return f'style="text-align:{"right" if numeric[column] else "left"};vertical-align:top"'

    head = "".join(f'<th scope="col" {align(i)}>{rich(name)}</th>' for i, name in enumerate(names))
    body = ""
    for row in cells:
        # a first column of words names its row
        first = [f'<th scope="row" {align(0)}>{rich(row[0])}</th>'] if row and not numeric[0] else []
        rest = [f"<td {align(i)}>{rich(cell)}</td>" for i, cell in enumerate(row) if i >= len(first)]
        body += f"<tr>{''.join(first + rest)}</tr>"
    title = f'<caption style="caption-side:top;text-align:left;font-weight:600">{rich(caption)}</caption>'
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)


def _text(caption: str, names: list[str], cells: list[list[str]], numeric: list[bool]) -> str:
    lines = [[plain(cell) for cell in row] for row in [names, *cells]]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]

    def line(row: list[str]) -> str:
        padded = []
        for cell, width, right in zip(row, widths, numeric, strict=True):
            space = " " * (width - _width(cell))
            padded.append(space + cell if right else cell + space)
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([plain(caption), line(lines[0]), rule, *map(line, lines[1:])])
