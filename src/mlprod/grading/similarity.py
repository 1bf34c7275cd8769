"""Which answers have an unusual lot in common. A reason to read two of them side by side, and no proof of anything.

Answers are compared by their runs of RUN tokens, names and texts made equal (`tokens`), as in document fingerprinting
(S. Schleimer, D. Wilkerson, A. Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003; answers
are short, so all runs are kept and nothing is winnowed). What was given out, what the model answers have, and what
many students wrote does not count.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlprod.grading.tokens import grams, words

RUN = 10  # tokens
FEWEST = 20  # unusual runs below which an answer says nothing
COMMON = 0.1  # the share of the class from which on a run is nothing unusual, but at least
LEAST_COMMON = 3  # so many students
ALIKE = 0.6
MOST = 200  # pairs that are worth a teacher's time


@dataclass(frozen=True)
class Pair:
    """Two students: the share of the unusual runs of the one with fewer that the other has too, and where."""

    first: str
    second: str
    share: float
    runs: int
    tasks: tuple[str, ...]


def similar(answers: Mapping[str, Mapping[str, str]], known: Iterable[str] = (), alike: float = ALIKE) -> list[Pair]:
    """The pairs of students whose answers (code by task, by student) share at least `alike`; most alike first.

    `known` is code that everybody has or may well have: the stubs, the model answers. Only pairs that share an unusual
    run are looked at, so a class of a thousand is compared in seconds.
    """
    usual = {run for code in known for run in _runs(code)}
    own: dict[str, set[int]] = {}
    task_of: dict[int, str] = {}
    for student, tasks in answers.items():
        own[student] = set()
        for task, code in tasks.items():
            for run in _runs(code) - usual:
                mark = hash((task, run))
                task_of[mark] = task
                own[student].add(mark)
    counts = Counter(mark for marks in own.values() for mark in marks)
    limit = max(LEAST_COMMON, math.floor(COMMON * len(answers)))
    unusual = {student: {mark for mark in marks if counts[mark] <= limit} for student, marks in own.items()}
    holders: dict[int, list[str]] = defaultdict(list)
    for student, marks in sorted(unusual.items()):
        for mark in marks if len(marks) >= FEWEST else ():
            holders[mark].append(student)
    shared: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for mark, students in holders.items():
        for pair in itertools.combinations(students, 2):
            shared[pair][task_of[mark]] += 1
    pairs = []
    for (first, second), by_task in shared.items():
        runs = by_task.total()
        share = runs / min(len(unusual[first]), len(unusual[second]))
        if share >= alike:
            pairs.append(Pair(first, second, share, runs, tuple(task for task, _ in by_task.most_common())))
    return sorted(pairs, key=lambda pair: (-pair.share, -pair.runs, pair.first))[:MOST]


def _runs(code: str) -> set[int]:
    """The runs of `code`, each as a number: a class has millions."""
    tokens = words(code)
    return {hash(run) for run in grams(tokens, RUN)} if len(tokens) >= RUN else set()
