"""What a source says once it is read: cells of known kinds, and the tasks that they make up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mlprod.language import Language


@dataclass(frozen=True)
class Text:
    """One language of a twin: markdown, and the line of the `.py` file on which it begins."""

    source: str
    line: int


@dataclass(frozen=True)
class Cell:
    """What all cells have. `line` is that of the `# %%` marker; `rows` are rows of the syllabus."""

    line: int
    rows: tuple[int, ...] = ()
    slide: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Prose(Cell):
    """Markdown. Twins differ by language; prose without words (a figure, a formula) is one text for both."""

    texts: dict[Language, Text]

    @property
    def shared(self) -> bool:
        return self.texts["es"] is self.texts["en"]


@dataclass(frozen=True, kw_only=True)
class Code(Cell):
    """Code that both languages share, with its `# es:` comments and `tr(...)` unresolved."""

    source: str
    first: int  # line of the `.py` file that holds the first line of `source`


@dataclass(frozen=True, kw_only=True)
class Answer(Code):
    """What the student completes, between `### BEGIN SOLUTION` and `### END SOLUTION`."""

    task: str

    @property
    def grade_id(self) -> str:
        return self.task


@dataclass(frozen=True, kw_only=True)
class Test(Code):
    """Graded code; several may test one task, told apart by `part`."""

    __test__ = False  # pytest: this is not one of yours

    task: str
    part: str | None
    points: float
    objective: str | None = None

    @property
    def grade_id(self) -> str:
        return f"test_{self.task}_{self.part}" if self.part else f"test_{self.task}"


@dataclass(frozen=True, kw_only=True)
class Wrong(Code):
    """Replaces the answer; must earn `score` points and its feedback must contain the word in `says`."""

    task: str
    score: float
    says: dict[Language, str]
    misconception: dict[Language, str]


@dataclass(frozen=True, kw_only=True)
class Right(Code):
    """Replaces the answer; must earn full points."""

    task: str


@dataclass(frozen=True, kw_only=True)
class Essay(Cell):
    """Graded by hand: a prompt and a model answer in each language."""

    name: str
    points: float
    prompt: dict[Language, Text]
    model_answer: dict[Language, Text]
    objective: str | None = None

    @property
    def grade_id(self) -> str:
        return self.name


@dataclass(frozen=True)
class Task:
    """One thing to complete, with what grades it and what audits the grading."""

    name: str
    answer: Answer
    tests: tuple[Test, ...]
    wrongs: tuple[Wrong, ...]
    rights: tuple[Right, ...]

    @property
    def points(self) -> float:
        return sum(test.points for test in self.tests)

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows of the syllabus that the task grades."""
        return tuple(sorted({row for test in self.tests for row in test.rows}))


@dataclass(frozen=True)
class Source:
    """A whole `.py` source. `kind` is "lessons" or "solutions", `name` its stem (01_data_passing)."""

    path: Path
    kind: str
    unit: str
    title: dict[Language, str]
    minutes: int | None
    cells: tuple[Cell, ...]
    tasks: dict[str, Task] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def essays(self) -> tuple[Essay, ...]:
        return tuple(cell for cell in self.cells if isinstance(cell, Essay))

    @property
    def points(self) -> float:
        """What the whole exercise is worth, essays included."""
        return sum(task.points for task in self.tasks.values()) + sum(essay.points for essay in self.essays)
