"""The linter: everything about the sources, and the notebooks built from them, that can be wrong and be built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mlprod.authoring.build import chosen
from mlprod.authoring.lint import built, code, helpers, names, pairs, places, tasks, twins, words
from mlprod.authoring.lint.course import Course
from mlprod.authoring.model import Source
from mlprod.authoring.problems import SourceError
from mlprod.authoring.source import scan

Rule = Callable[[Source, Course], Iterator[SourceError]]

RULES: tuple[Rule, ...] = (
    pairs.title,
    pairs.counterpart,
    pairs.first_code_cell,
    pairs.rows_exist,
    pairs.objectives_exist,
    twins.skeletons,
    words.glossary,
    words.comment_twins,
    code.in_both_languages,
    code.tests_speak_at_run_time,
    tasks.complete,
    tasks.essay_present,
    helpers.reach_later_tests,
    names.tests_have_their_own,
    places.datasets,
    places.links,
    built.no_outputs,
    built.nothing_leaks,
    built.stubs_are_python,
)

__all__ = ["RULES", "Course", "Rule", "check"]


def check(root: Path, units: Sequence[str] | None = None) -> list[SourceError]:
    """Every finding in `units` (all by default), by file and line. A source that cannot be read gives only why."""
    root = root.resolve()
    context = Course(root)
    found: list[SourceError] = list(context.problems)
    for path in chosen(root, units):
        source, problems = scan(path)
        if source is None:
            found += problems
            continue
        found += [finding for rule in RULES for finding in rule(source, context)]
    return sorted(found, key=lambda finding: (str(finding.path), finding.line, finding.rule))
