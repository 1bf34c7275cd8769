"""A class's report as tables of text, and how they look in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from mlprod.grading import incidents
from mlprod.grading.class_report import ItemRow, Report
from mlprod.grading.gradebook_csv import ready
from mlprod.grading.report_words import WORDS, number, share
from mlprod.language import Language

LONGEST = 15  # rows shown in the terminal; the page has them all


@dataclass(frozen=True)
class Table:
    """A table: headings (those in `numbers` are of numbers), rows, and the `note` that explains it."""

    title: str
    note: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: frozenset[int] = frozenset()
    detail: bool = False  # for the page only


def tables(report: Report, lang: Language) -> list[Table]:
    """All of the report, in the order in which a teacher needs it."""
    words = WORDS[lang]
    human = [(key, str(len(students)), ", ".join(students)) for key, students in report.by_hand.items()]
    if report.tampered:
        human.append((words["tampered"], str(len(report.tampered)), ", ".join(report.tampered)))
    human += [(words["ungraded"], "1", f"{student}: {why}") for student, why in report.data.ungraded.items()]
    noted = [(one.student, incidents.text(one.incidents, lang)) for one in report.data.graded if one.incidents]
    late = [(one.student, number(one.late_s / 3600, lang, 1), f"{one.penalty:g}") for one in report.late]
    item = (words["task"], words["points"], words["difficulty"], words["correlation"], words["upper_lower"])
    return [
        _table(words, "human", ("task", "students", "who"), human, words["human_note"], {1}),
        _table(words, "noted", ("student", "what"), noted, words["noted_note"], set()),
        _table(
            words,
            "objectives",
            ("objective", "points", "mean", "mastered"),
            [
                (_named(words, o.key, o.text), f"{o.points:g}", share(o.mean), share(o.mastered))
                for o in report.objectives
            ],
            words["objectives_note"],
            {1, 2, 3},
        ),
        Table(
            words["items"],
            words["items_note"],
            (*item, words["blank"]),
            [(row.task, *_statistics(row, lang), str(row.blank)) for row in report.tasks],
            frozenset({1, 2, 3, 4, 5}),
        ),
        _table(
            words,
            "mistakes",
            ("task", "kind", "mistake", "students", "sure"),
            [
                (
                    m.task,
                    words["known" if m.known else "unknown"],
                    m.text,
                    str(m.students),
                    str(m.sure) if m.known else "",
                )
                for m in report.mistakes
            ],
            words["mistakes_note"],
            {3, 4},
        ),
        _table(
            words,
            "pairs",
            ("pair", "share", "where"),
            [(f"{pair.first}, {pair.second}", share(pair.share), ", ".join(pair.tasks)) for pair in report.pairs],
            words["pairs_note"],
            {1},
        ),
        _table(
            words,
            "late",
            ("student", "hours", "penalty"),
            late,
            "" if report.data.due else words["late_none_due"],
            {1, 2},
        ),
        Table(
            words["parts"],
            "",
            (words["task"], words["part"], *item[1:]),
            [(row.task, row.part, *_statistics(row, lang)) for row in report.parts],
            frozenset({2, 3, 4, 5}),
            detail=True,
        ),
    ]


def opening(report: Report, lang: Language) -> str:
    """How many were graded, and their mean."""
    data = report.data
    most = max(one.most for one in data.graded)
    return WORDS[lang]["handed"].format(
        graded=len(data.graded), mean=number(report.mean, lang, 1), most=most, ungraded=len(data.ungraded)
    )


def closing(report: Report, lang: Language) -> str:
    """How many students are in the files for Moodle and Canvas."""
    return WORDS[lang]["files"].format(ready=len(ready(report.data)), graded=len(report.data.graded))


def show(report: Report, console: Console, lang: Language) -> None:
    """Print it: a title, the tables with at most LONGEST rows each, and a note under each."""
    words = WORDS[lang]
    console.print(f"[bold]{words['title']}: {escape(report.data.assignment)}[/]")
    console.print(opening(report, lang), highlight=False)
    for table in tables(report, lang):
        if table.detail:
            continue
        console.print()
        if not table.rows:
            console.print(f"[bold]{table.title}[/]: {words['nobody']}", highlight=False)
        else:
            console.print(_rich(table))
        if table.note and (table.rows or table.title == words["late"]):
            console.print(table.note, style="dim", highlight=False)
    console.print()


def _rich(table: Table) -> RichTable:
    rich = RichTable(title=table.title, title_justify="left", title_style="bold")
    for number_, heading in enumerate(table.headings):
        rich.add_column(heading, justify="right" if number_ in table.numbers else "left", overflow="fold")
    for row in table.rows[:LONGEST]:
        rich.add_row(*(escape(cell) for cell in row))
    if len(table.rows) > LONGEST:
        rich.add_row(f"… (+{len(table.rows) - LONGEST})", *[""] * (len(table.headings) - 1))
    return rich


def _table(
    words: dict[str, str], name: str, headings: Sequence[str], rows: list, note: str, numbers: set[int]
) -> Table:
    return Table(words[name], note, tuple(words.get(h, h) for h in headings), rows, frozenset(numbers))


def _statistics(row: ItemRow, lang: Language) -> tuple[str, ...]:
    values = (row.difficulty, row.correlation, row.upper_lower)
    return (f"{row.points:g}", *(number(value, lang) for value in values))


def _named(words: dict[str, str], key: str, text: str) -> str:
    if not key.startswith("row "):
        return f"{key} {text}"
    return text if text != key else words["row"].format(key.removeprefix("row "))
