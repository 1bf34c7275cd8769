"""Tasks: graded, and with enough wrong and right answers for their grading to be audited."""

from __future__ import annotations

from collections.abc import Iterator

from mlprod.authoring.lint.course import Course
from mlprod.authoring.model import Source
from mlprod.authoring.problems import SourceError
from mlprod.language import tr

WRONGS, RIGHTS = 3, 1


def complete(source: Source, course: Course) -> Iterator[SourceError]:
    """Each task has tests, three wrong answers, one other right one (rules task-tests, task-wrongs, task-rights, …)."""
    for task in source.tasks.values():
        for rule, there, needed, what in (
            ("task-tests", len(task.tests), 1, "test"),
            ("task-wrongs", len(task.wrongs), WRONGS, "wrong"),
            ("task-rights", len(task.rights), RIGHTS, "right"),
        ):
            if there < needed:
                yield SourceError(
                    source.path,
                    task.answer.line,
                    rule,
                    tr(
                        es=f'hay {there} celdas {what}="{task.name}"; hacen falta al menos {needed}',
                        en=f'there are {there} {what}="{task.name}" cells; at least {needed} are needed',
                    ),
                )
        for wrong in task.wrongs:
            if task.tests and wrong.score >= task.points:
                yield SourceError(
                    source.path,
                    wrong.line,
                    "wrong-score",
                    tr(
                        es=f"score={wrong.score:g}: {task.name} vale {task.points:g}, y una errónea saca menos",
                        en=f"score={wrong.score:g}: {task.name} is worth {task.points:g}, and a wrong one earns less",
                    ),
                )


def essay_present(source: Source, course: Course) -> Iterator[SourceError]:
    """An exercise asks for one piece of prose that a person reads (rule essay-missing)."""
    if source.kind == "solutions" and not source.essays:
        yield SourceError(
            source.path,
            1,
            "essay-missing",
            tr(
                es='falta un ensayo: # %% [markdown] essay="nombre" points=3 lang="es", y su gemela',
                en='an essay is missing: # %% [markdown] essay="name" points=3 lang="es", and its twin',
            ),
        )
