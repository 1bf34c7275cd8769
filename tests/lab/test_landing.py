"""The first page says what the reader's own notebooks say, in their language, and leads to where they go on."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nbformat
import pytest

from mlprod import course
from mlprod.lab import landing, progress

NAME = "00_welcome"


def run(path: Path, *, fail: str = "", only: int | None = None) -> None:
    """Save the notebook as if its code cells had run (the first `only`); those that contain `fail`, with an error."""
    nb = nbformat.read(path, 4)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code[:only], 1):
        cell.execution_count = number
        if fail and fail in cell.source:
            cell.outputs = [nbformat.v4.new_output("error", ename="AssertionError", evalue="", traceback=[])]
    nbformat.write(nb, path)


def essay(path: Path, text: str) -> None:
    nb = nbformat.read(path, 4)
    (cell,) = [c for c in nb.cells if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("grade")]
    cell.source = text
    nbformat.write(nb, path)


@pytest.fixture
def unit(course_copy):
    return lambda lang="es": next(u for u in progress.units(course_copy, lang) if u.name == NAME)


def test_a_new_reader_has_done_nothing(course_copy):
    found = progress.units(course_copy, "es")
    assert [u.name for u in found] == sorted(path.stem for path in (course_copy / "lessons/es").glob("*.ipynb"))
    for each in found:
        assert each.lesson.done == each.exercise.done == 0 and each.lesson.all and each.exercise.all and each.minutes
        assert each.graded is None and not each.title.startswith("#")


def test_a_lesson_counts_the_cells_that_ran_without_an_error(course_copy, unit):
    path = course.notebook("lessons", NAME, "es", course_copy)
    run(path, only=3)
    assert unit().lesson.done == 3 < unit().lesson.all
    run(path)
    assert unit().lesson.share == 1
    run(path, fail="plots.subplots")
    assert unit().lesson.done == unit().lesson.all - 1


def test_a_task_counts_when_all_its_visible_tests_pass_and_an_essay_when_it_is_written(course_copy, unit):
    path = course.notebook("exercises", NAME, "en", course_copy)
    run(path, fail="500.0")
    assert (unit().exercise.done, unit().exercise.all) == (0, 2), "one of the tests of the task fails"
    run(course.notebook("exercises", NAME, "es", course_copy))
    assert unit("es").exercise.done == unit("en").exercise.done == 1, "in whichever language more is done"
    essay(course.notebook("exercises", NAME, "es", course_copy), "La mediana.")
    assert unit().exercise.share == 1
    essay(course.notebook("exercises", NAME, "es", course_copy), "   ")
    assert unit().exercise.done == 1


def test_what_grade_me_said_is_told_until_the_exercise_changes(course_copy, unit):
    path = course.notebook("exercises", NAME, "es", course_copy)
    folder = course_copy / progress.RECORDS / NAME
    folder.mkdir(parents=True)
    record = {"notebook": str(path.relative_to(course_copy)), "saved": path.stat().st_mtime, "complete": False}
    (folder / "record.json").write_text(json.dumps(record | {"score": 3.5, "most": 6}))
    assert unit().graded == progress.Graded(3.5, 6, complete=False, stale=False)
    assert "3.5 de 6, solo con las pruebas visibles |" in landing.render(course_copy, "es")
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 60))
    assert unit().graded.stale and "changed it since" in landing.render(course_copy, "en")
    (folder / "record.json").write_text("{")
    assert unit().graded is None


def test_it_says_where_to_go_on(course_copy):
    def onwards(lang: str) -> str:
        return re.search(r"^\*\*(?:Sigue|Go on|Lo has|You have).*$", landing.render(course_copy, lang), re.MULTILINE)[0]

    assert f"(lessons/es/{NAME}.ipynb)" in onwards("es")
    run(course.notebook("lessons", NAME, "es", course_copy))
    assert f"(exercises/en/{NAME}/{NAME}.ipynb), the exercises" in onwards("en")
    run(course.notebook("exercises", NAME, "es", course_copy))
    essay(course.notebook("exercises", NAME, "es", course_copy), "La mediana.")
    assert "(lessons/es/01_data_passing.ipynb)" in onwards("es")
    for name in (u.name for u in progress.units(course_copy, "es")):
        if name != NAME:
            course.notebook("lessons", name, "es", course_copy).unlink()
            course.notebook("lessons", name, "en", course_copy).unlink()
            for lang in ("es", "en"):
                course.notebook("exercises", name, lang, course_copy).unlink()
    assert onwards("es") == "**Lo has hecho todo.**"


@pytest.mark.parametrize("lang", ["es", "en"])
def test_its_links_lead_to_files_and_it_is_a_table_of_every_unit(course_copy, lang):
    landing.write(course_copy)
    text = (course_copy / landing.page(lang)).read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all((course_copy / link).is_file() for link in links)
    rows = [line for line in text.splitlines() if re.match(r"\| \d\d", line)]
    assert len(rows) == len(progress.units(course_copy, lang)) and len({row.count("|") for row in rows}) == 1


def test_it_is_written_again_only_when_it_says_something_else(course_copy):
    landing.write(course_copy)
    page = course_copy / landing.page("es")
    before = page.stat().st_mtime_ns, page.stat().st_ino
    landing.write(course_copy)
    assert (page.stat().st_mtime_ns, page.stat().st_ino) == before
    run(course.notebook("lessons", NAME, "es", course_copy))
    landing.write(course_copy)
    assert "**hecha**" in page.read_text()


def test_a_bundle_of_one_language_has_one_page_without_a_way_to_the_other(course_copy):
    for folder in ("lessons", "exercises"):
        for path in (course_copy / folder / "es").rglob("*.ipynb"):
            path.unlink()
    landing.write(course_copy)
    assert not (course_copy / landing.page("es")).exists()
    assert "Español" not in (course_copy / landing.page("en")).read_text()


def test_a_notebook_that_is_being_saved_does_no_harm(course_copy, unit):
    course.notebook("lessons", NAME, "es", course_copy).write_text('{"cells": [')
    course.notebook("exercises", NAME, "es", course_copy).write_text("")
    assert unit("en").lesson.all and unit("es").title == NAME
    landing.write(course_copy)
