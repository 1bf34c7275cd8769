"""A class's report: what was learnt, how the tasks did as a test, which mistakes were made, and what is left to do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlprod.course import notebook as path_of
from mlprod.grading import catalogue, reread, statistics
from mlprod.grading.class_data import Class, Graded
from mlprod.grading.explain import STUB
from mlprod.grading.recognise import recognise
from mlprod.grading.similarity import Pair, similar
from mlprod.language import LANGUAGES, Language

MASTERED = 0.8  # of an objective's points
WAITING = 0.2  # the share of a class that may wait for a person when an item's statistics are given


@dataclass(frozen=True)
class Objective:
    """An objective (or, where a task has none, a row of the syllabus): `mean` is the class's share of its points,
    `mastered` the share of the students who have at least MASTERED of them; None while all of it waits for a person.
    """

    key: str
    text: str
    points: float
    mean: float | None
    mastered: float | None


@dataclass(frozen=True)
class ItemRow:
    """A task (`part` "") or one of its graded cells, with what `statistics` says of it."""

    task: str
    part: str
    points: float
    difficulty: float | None
    correlation: float | None
    upper_lower: float | None
    blank: int = 0


@dataclass(frozen=True)
class Mistake:
    """A misconception recognised, or the first line of a test's message; how many made it (`sure` of them surely)."""

    task: str
    text: str
    students: int
    sure: int
    known: bool


@dataclass(frozen=True)
class Report:
    """Everything that is shown. `by_hand` has the students that wait by essay or cell."""

    data: Class
    objectives: list[Objective]
    tasks: list[ItemRow]
    parts: list[ItemRow]
    mistakes: list[Mistake]
    pairs: list[Pair]
    late: list[Graded]
    by_hand: dict[str, list[str]]

    @property
    def tampered(self) -> list[str]:
        """The students whose code changed how tests are executed: those tests have 0, and somebody should look."""
        return [one.student for one in self.data.graded if any(i["what"] == "tampered" for i in one.incidents)]

    @property
    def mean(self) -> float:
        return sum(one.score for one in self.data.graded) / len(self.data.graded)


def report(root: Path, data: Class, lang: Language) -> Report:
    """The report of `data`, its texts in `lang`; without the unit's source, no objectives and no misconceptions."""
    by_hand: dict[str, list[str]] = defaultdict(list)
    for one in data.graded:
        for grade_id in one.by_hand:
            by_hand[grade_id].append(one.student)
    return Report(
        data,
        _objectives(root, data, lang),
        [_row(data, task, None) for task in data.tasks],
        [_row(data, item.task, item.grade_id) for item in data.items if not item.essay],
        _mistakes(root, data, lang),
        similar({one.student: one.code for one in data.graded}, _known(root, data.assignment)),
        sorted((one for one in data.graded if one.late_s > 0), key=lambda one: -one.late_s),
        dict(by_hand),
    )


def _objectives(root: Path, data: Class, lang: Language) -> list[Objective]:
    source = catalogue.source_of(root, data.assignment)
    if source is None:
        return []
    cells = [*(test for task in source.tasks.values() for test in task.tests), *source.essays]
    marks = {cell.grade_id: (cell.objective, cell.rows) for cell in cells}
    promised = reread.lesson(root, data.assignment, lang).objectives
    rows = _syllabus(root, lang)
    found: dict[str, list] = defaultdict(list)
    for item in data.items:
        objective, taught = marks.get(item.grade_id, (None, ()))
        for key in [objective] if objective else [f"row {row}" for row in taught]:
            found[key].append(item)
    result = []
    for key, items in sorted(found.items(), key=lambda pair: _natural(pair[0])):
        points = sum(item.points for item in items)
        shares = [share for one in data.graded if (share := _share(one, items)) is not None]
        if len(shares) < (1 - WAITING) * len(data.graded):
            shares = []
        result.append(
            Objective(
                key,
                promised.get(key) or rows.get(key.removeprefix("row "), "") or key,
                points,
                sum(shares) / len(shares) if shares else None,
                sum(share >= MASTERED - 1e-9 for share in shares) / len(shares) if shares else None,
            )
        )
    return result


def _share(one: Graded, items: list) -> float | None:
    scores = [one.scores.get(item.grade_id, 0.0) for item in items]
    if None in scores:
        return None
    return sum(scores) / sum(item.points for item in items)  # type: ignore[arg-type]


def _syllabus(root: Path, lang: Language) -> Mapping[str, str]:
    from mlprod.authoring.coverage import SYLLABUS, read_syllabus

    return (
        {str(row.id): getattr(row, lang) for row in read_syllabus(root).values()} if (root / SYLLABUS).is_file() else {}
    )


def _natural(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in key.replace(" ", ".").split(".")]


def _row(data: Class, task: str, grade_id: str | None) -> ItemRow:
    """What `statistics` says of a task, or of one of its cells, over the students of whom it is graded."""
    items = [item for item in data.items if item.task == task and grade_id in (None, item.grade_id)]
    points = sum(item.points for item in items)
    scores, totals = [], []
    for one in data.graded:
        parts = [one.scores.get(item.grade_id, 0.0) for item in items]
        if None not in parts:
            scores.append(float(sum(parts)))  # type: ignore[arg-type]
            totals.append(sum(score or 0.0 for score in one.scores.values()))
    if len(scores) < (1 - WAITING) * len(data.graded):  # blank essays are graded first: those alone would mislead
        scores, totals = [], []
    part = grade_id.removeprefix("test_").removeprefix(task).strip("_") if grade_id else ""
    return ItemRow(
        task,
        part or (grade_id or ""),
        points,
        statistics.difficulty(scores, points),
        statistics.item_rest(scores, totals),
        statistics.upper_lower(scores, totals, points),
        sum(STUB in one.code.get(task, "") for one in data.graded),
    )


def _mistakes(root: Path, data: Class, lang: Language) -> list[Mistake]:
    known = catalogue.load(root, data.assignment)
    students: Counter[tuple[str, str, bool]] = Counter()
    sure: Counter[tuple[str, str, bool]] = Counter()
    for one in data.graded:
        for task in data.tasks:
            ids = {item.grade_id for item in data.items if item.task == task}
            failed = {grade_id: text for grade_id, text in one.messages.items() if grade_id in ids}
            code = one.code.get(task, "")
            if not failed or STUB in code:
                continue
            score = one.task_score(data.items, task) or 0.0
            guesses = recognise(known.get(task, ()), code, score, failed, one.lang)
            if guesses:
                key = (task, guesses[0].entry.misconception[lang], True)
                sure[key] += guesses[0].sure
            else:
                key = (task, next(iter(failed.values())).split("\n")[0], False)
            students[key] += 1
    return [
        Mistake(task, text, count, sure[task, text, is_known], is_known)
        for (task, text, is_known), count in students.most_common()
    ]


def _known(root: Path, assignment: str) -> list[str]:
    """Code that says nothing of who wrote it: what was given out, and the model answers."""
    import nbformat

    found = []
    for kind in ("exercises", "solutions"):
        for lang in LANGUAGES:
            path = path_of(kind, assignment, lang, root)
            if path.is_file():
                cells = nbformat.read(path, as_version=4).cells
                found += [cell.source for cell in cells if cell.cell_type == "code"]
    source = catalogue.source_of(root, assignment)
    return found + [right.source for task in (source.tasks.values() if source else ()) for right in task.rights]
