"""Feedback as plain text, to be mailed: the same words as the page, without the notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlprod.grading.explain import Check, Explained
from mlprod.grading.student_view import TEXT
from mlprod.grading.words import WORDS
from mlprod.language import Language

WIDTH = 78
FILE = "summary.txt"


@dataclass(frozen=True)
class Heading:
    """Whose feedback it is; scores and penalty in points. `notes` are lines that go under the score."""

    assignment: str
    student: str
    score: float
    most: float
    penalty: float = 0.0
    notes: tuple[str, ...] = ()


def summary(heading: Heading, tasks: Sequence[Explained], lang: Language) -> str:
    """The whole text, in `lang`, at most WIDTH columns wide (what the tests quote may be wider)."""
    text, words = TEXT[lang], WORDS[lang]
    title = f"{text['title']}: {heading.assignment}"
    lines = [title, "=" * len(title), "", f"{text['student']}: {heading.student}"]
    lines.append(f"{text['score']}: {heading.score:g} {words['of']} {heading.most:g}")
    if heading.penalty:
        lines.append(f"{text['late']}: -{heading.penalty:g}")
    lines += [line for note in heading.notes for line in _wrapped(note)]
    if any(task.state == "pending" for task in tasks):
        lines += _wrapped(words["waiting"])
    if not any(task.state in ("failed", "blank") and not task.essay for task in tasks):
        lines += _wrapped(words["all_right"])
    for number, task in enumerate(tasks, 1):
        lines += ["", *_task(number, task, lang)]
    if any(task.sections for task in tasks):
        lines += ["", *_wrapped(words["find_note"])]
    return "\n".join(lines) + "\n"


def state_of(task: Explained, lang: Language) -> str:
    """The state of a task in words."""
    return WORDS[lang]["pending_task" if task.state == "pending" else task.state]


def _task(number: int, task: Explained, lang: Language) -> Iterator[str]:
    words = WORDS[lang]
    title = task.title if task.title[:1].isdigit() else f"{number}. {task.title}"
    line = f"{title} [{task.name}]"
    yield line
    yield "-" * min(WIDTH, len(line))
    points = "" if task.state == "pending" else f"{task.score:g} {words['of']} {task.points:g}, "
    yield f"{points}{state_of(task, lang)}"
    if task.state in ("failed", "blank"):
        for check in task.checks if task.state == "failed" else ():
            yield from _check(check, lang)
        yield from _guesses(task, lang)
        if task.hint:
            yield from _wrapped(f"{words['hint']}: {task.hint}")
        for objective in task.objectives:
            yield from _wrapped(f"{words['objective']} {objective}")
        for section in task.sections:
            where = f"{words['in_lesson']} {quoted(section.lesson, lang)} ({section.notebook})"
            yield from _wrapped(f"{words['reread']}: {quoted(section.heading, lang)}, {where}")
    for comment in task.comments:
        yield from _wrapped(f"{TEXT[lang]['comment']}: {comment}")


def _check(check: Check, lang: Language) -> Iterator[str]:
    words = WORDS[lang]
    name = check.part or check.grade_id
    state = words["check_passed" if check.passed else "check_failed"]
    yield f"  [{state}] {name}: {check.score:g} {words['of']} {check.points:g}"
    for line in check.about.split("\n") if check.message else ():
        yield from textwrap.wrap(line, WIDTH - 6, initial_indent="      ", subsequent_indent="      ")
    for label, value in ((words["expected"], check.expected), (words["came"], check.came)):
        if check.expected or check.came:
            yield f"      {label}: {value}"


def _guesses(task: Explained, lang: Language) -> Iterator[str]:
    words = WORDS[lang]
    for number, guess in enumerate(task.guesses):
        label = words["sure"] if guess.sure else words["perhaps_or" if number else "perhaps"]
        yield from _wrapped(f"{label}: {quoted(guess.text, lang)}")
    if task.guesses and not task.guesses[0].sure:
        yield from _wrapped(words["guess_note"])


def quoted(text: str, lang: Language) -> str:
    """`text` in the quotation marks of `lang`."""
    return WORDS[lang]["open"] + text + WORDS[lang]["close"]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
