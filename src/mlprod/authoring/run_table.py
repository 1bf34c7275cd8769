"""How a run looks in the terminal: what each worker is at, a line for each notebook done, the failures in full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.text import Text

from mlprod.authoring.run import Job, Outcome
from mlprod.language import tr


class Display:
    """A bar for everything and one for each notebook that is running; `started` and `ended` move them."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bars = Progress(*columns, console=console, transient=True)
        self.all = self.bars.add_task("notebooks", total=total)
        self.running: dict[Job, TaskID] = {}

    def started(self, job: Job, cell: int, cells: int) -> None:
        if job not in self.running:
            self.running[job] = self.bars.add_task(job.path.as_posix(), total=cells)
        self.bars.update(self.running[job], completed=cell - 1)

    def ended(self, outcome: Outcome) -> None:
        self.bars.advance(self.all)
        if outcome.job in self.running:
            self.bars.remove_task(self.running.pop(outcome.job))
        mark = "[green]ok   [/]" if outcome.ok else f"[red]{tr(es='falla', en='fails')}[/]"
        measured = f"{outcome.seconds:6.1f} s {outcome.peak_memory_mb:6.0f} MiB"
        self.console.print(f"{mark} {measured}  {outcome.job.path.as_posix()}", highlight=False)


@contextmanager
def display(console: Console, total: int) -> Iterator[Display]:
    """Bars for `total` notebooks while the block lasts."""
    shown = Display(console, total)
    with shown.bars:
        yield shown


def show_failure(outcome: Outcome, console: Console) -> None:
    """The failing cell with its source and its output."""
    console.rule(f"[red]{outcome.job.path.as_posix()}")
    console.print(Text(outcome.error or "", style="bold"))
    if outcome.cell:
        console.print(Panel(Syntax(outcome.cell, "python", word_wrap=True, background_color="default")))
    if outcome.output:
        console.print(Text.from_ansi(outcome.output))
