"""A course whose only exercise is attacked.txt: one submission with an attack, or a whole class of all kinds."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import nbformat
from attacks import ATTACKS, REPOSITORY, Attack, cell_of
from classes import make_class

from mlprod.authoring.build import build

UNIT = "90_attacked"
OTHER = "zoe"
"""An honest student, whose submission others try to delete."""
FIRST = ("os_exit", "memory", "checks", "loop", "empty", "deletes", "copied", "encodes", "writes", "output")
"""The attacks of a small class, one of each sort; a larger one goes on with the rest of them."""
LIMITS = """
from mlprod.grading import sandbox

sandbox.MEMORY_LIMIT = 800 * 2**20
c.Execute.timeout = 5
c.Execute.iopub_timeout = 3
"""


@dataclass(frozen=True)
class Expected:
    """What a submission of the class must earn (None: it cannot be graded) and, if it is hostile, its attack."""

    score: float | None
    attack: Attack | None = None


def new_course(root: Path, limits: str = "") -> Path:
    """Build the course at `root`; `limits` are lines for the end of its nbgrader configuration."""
    for folder in ("lessons", "datasets", "solutions", "grading"):
        (root / folder).mkdir(parents=True)
    (root / "glossary.yml").touch()
    configuration = (REPOSITORY / "grading" / "nbgrader_config.py").read_text()
    (root / "grading" / "nbgrader_config.py").write_text(configuration + limits)
    shutil.copy(Path(__file__).with_name("attacked.txt"), root / "solutions" / f"{UNIT}.py")
    build(root)
    return root


def hand_in(root: Path, student: str, attack: Attack | None = None, port: int = 0, lang: str = "es") -> None:
    """The right answer, changed as `attack` says; @ROOT@, @PORT@ and @OTHER@ in it are what it is told."""
    folder = root / "grading" / "submitted" / student / UNIT
    folder.mkdir(parents=True)
    exercise = nbformat.read(root / "exercises" / lang / UNIT / f"{UNIT}.ipynb", 4)
    solved = nbformat.read(root / "solutions" / lang / UNIT / f"{UNIT}.ipynb", 4)
    for name in ("double", "name"):
        cell_of(exercise, name).source = cell_of(solved, name).source
    if attack and attack.edit:
        attack.edit(exercise)
    text = nbformat.writes(exercise)
    for word, meant in (("@ROOT@", str(root)), ("@PORT@", str(port)), ("@OTHER@", OTHER)):
        text = text.replace(word, meant)
    (folder / f"{UNIT}.ipynb").write_text(text)
    if attack and attack.folder:
        attack.folder(folder)


def make_mixed_class(root: Path, n: int, port: int) -> dict[str, Expected]:
    """Hand in `n` submissions: two fifths hostile, the others right, wrong, blank and mixed, in both languages.

    Their order is that of their names, and honest and hostile ones take turns in it at random. `port` is where
    something listens that a submission must not reach. Same arguments, same class.
    """
    hostile = 2 * n // 5
    places = random.Random(n).sample(range(n - 1), n - 1)
    expected = {OTHER: Expected(7.0)}  # the last one: nobody is to have deleted it before its turn
    hand_in(root, OTHER)
    first = [attack for name in FIRST for attack in ATTACKS if attack.name == name]
    rest = [attack for attack in ATTACKS if attack.name not in FIRST]
    for number, attack in enumerate(islice(cycle([*first, *rest]), hostile)):
        name = f"s{places.pop():04}_{attack.name}"
        hand_in(root, name, attack, port, ("es", "en")[number % 2])
        expected[name] = Expected(attack.score, attack)
    for student in make_class(root, UNIT, n - 1 - hostile).values():
        name = f"s{places.pop():04}_{student.kind}"
        (root / "grading" / "submitted" / student.name).rename(root / "grading" / "submitted" / name)
        expected[name] = Expected(student.score)
    return expected
