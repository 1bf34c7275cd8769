"""How an audit looks in the terminal: a bar while it runs, then a table, then what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mlprod.grading.audit import Report
from mlprod.language import tr


@contextmanager
def progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """A bar; yields the function that moves it, called with how many of how many are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(tr(es="Auditoría", en="Audit"), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(report: Report, console: Console) -> None:
    """Print the table, and under it each failure on a line of its own."""
    table = Table()
    table.add_column(tr(es="unidad", en="unit"))
    table.add_column(tr(es="tarea", en="task"))
    for heading in (tr(es="puntos", en="points"), tr(es="erróneas", en="wrong"), tr(es="correctas", en="right")):
        table.add_column(heading, justify="right")
    table.add_column(tr(es="resultado", en="result"))
    for row in report.tasks:
        result = "[green]ok" if row.ok else f"[red]{tr(es='falla', en='fails')} ({len(row.failures)})"
        table.add_row(row.unit, row.task, f"{row.points:g}", str(row.wrong), str(row.right), result)
    console.print(table)
    for row in report.tasks:
        for failure in row.failures:
            console.print(f"[red]{escape(f'{row.unit}/{row.task}')}[/]: {escape(failure)}", highlight=False)
    for problem in report.problems:
        console.print(f"[red]{escape(problem)}", highlight=False)
    console.print(f"{report.percent:.1f} %")
