"""How grading looks in the terminal: a bar, a line for each submission, and at the end a summary."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mlprod.grading import incidents
from mlprod.grading.workers import Graded
from mlprod.language import tr


class Display:
    """`bar`, to be shown while the block lasts; `ended` moves it and prints the submission's line."""

    def __init__(self, console: Console, assignment: str, total: int) -> None:
        self.console, self.assignment = console, assignment
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.bar = Progress(TextColumn("{task.description}"), *columns, console=console, transient=True)
        self.task = self.bar.add_task(assignment, total=total)

    def ended(self, graded: Graded) -> None:
        shown = self.bar.tasks[0]
        total = max(shown.total or 0, shown.completed + 1)  # while it waits for more nobody knows how many
        self.bar.update(self.task, description=self.assignment, advance=1, total=total)
        self.console.print(line(graded), highlight=False)

    def waiting(self) -> None:
        """All is graded, and more may come."""
        text = tr(es="a la espera de entregas; Ctrl+C para terminar", en="waiting for submissions; Ctrl+C ends")
        self.bar.update(self.task, description=f"{self.assignment}: {text}")
        if not self.console.is_terminal:
            self.console.print(f"{self.assignment}: {text}", highlight=False)


def line(graded: Graded) -> str:
    """One submission, with rich's markup."""
    student = escape(graded.student)
    if graded.state == "failed":
        failed = tr(es="no se ha podido calificar", en="could not be graded")
        return f"[red]{student}: {failed}[/]: {escape(graded.reason)}"
    text = f"{student}: {graded.score:g} / {graded.most:g}"
    if graded.by_hand:
        text += tr(es=" (queda por corregir a mano)", en=" (still to be graded by hand)")
    if graded.incidents:
        text += f" [yellow]{escape(incidents.text(graded.incidents))}[/]"
    if graded.state == "skipped":
        text += tr(es=" (ya estaba; --force para repetir)", en=" (graded before; --force to repeat)")
    return text


def summary(results: Sequence[Graded]) -> str:
    """How many there were of each kind and what they scored."""
    graded = [result for result in results if result.score is not None]
    failed = len(results) - len(graded)
    by_hand = sum(result.by_hand for result in graded)
    mean = sum(result.score or 0.0 for result in graded) / len(graded) if graded else 0.0
    most = max((result.most or 0.0 for result in graded), default=0.0)
    return tr(
        es=f"{len(graded)} calificadas (media {mean:.1f} de {most:g}), {by_hand} con algo que corregir a mano, "
        f"{failed} sin poder calificar",
        en=f"{len(graded)} graded (mean {mean:.1f} of {most:g}), {by_hand} with something to grade by hand, "
        f"{failed} could not be graded",
    )
