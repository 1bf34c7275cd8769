"""From release to feedback by nbgrader's own commands, with submissions in both languages and one gradebook."""

import csv
import html
import json
import re
import shutil
import sqlite3
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from mlprod.authoring.build import build
from mlprod.authoring.source import load
from mlprod.course import notebook, sources
from mlprod.grading.student_view import bare, hidden_lines

REPOSITORY = Path(__file__).parents[2]


def spoilt(source):
    """The task that some get wrong: the first one on which no other builds."""
    first = {"08_capstone": "diagnose"}.get(source.name)
    return source.tasks[first] if first else next(iter(source.tasks.values()))


def round_trip(root, path, nbgrader, submit):
    """Release in both languages, hand in, grade, give feedback; returns the source and the grades by student."""
    source = load(path)
    task = spoilt(source)
    for lang in ("es", "en"):
        before = notebook("exercises", source.name, lang, root).read_text()
        nbgrader(root, "generate_assignment", source.name, "--force", lang=lang)
        assert notebook("exercises", source.name, lang, root).read_text().strip() == before.strip()

    submit(root, source, "es_right", "es", essay="Una respuesta escrita, con ñ.")
    submit(root, source, "en_partial", "en", {task.name: task.wrongs[0].source}, essay="A written answer.")
    submit(root, source, "es_blank", "es", {})
    submit(root, source, "en_blank", "en", {}, essay=" \n")
    wrong = '# ¿señal? cañón — ñandú\nraise RuntimeError("ñandú")'
    submit(root, source, "es_wrong", "es", {task.name: wrong})

    nbgrader(root, "autograde", source.name)
    nbgrader(root, "generate_feedback", source.name)
    nbgrader(root, "export")
    with open(root / "grading" / "grades.csv") as file:
        return source, {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def check(root, source, grades):
    task = spoilt(source)
    full = sum(task.points for task in source.tasks.values())
    assert grades == {
        "es_right": full,
        "en_partial": full - task.points + task.wrongs[0].score,
        "es_blank": 0,
        "en_blank": 0,
        "es_wrong": full - task.points,
    }
    with sqlite3.connect(root / "grading" / "gradebook.db") as gradebook:
        assert gradebook.execute("select count(*) from alembic_version").fetchone() == (1,)
        assert gradebook.execute("select name from assignment").fetchall() == [(source.name,)]
    check_feedback(root, source)


def check_feedback(root, source):
    secrets = hidden_lines(nbformat.read(notebook("solutions", source.name, "es", root), 4))
    assert secrets
    autograded = (root / "grading" / "autograded" / "es_right" / source.name / f"{source.name}.ipynb").read_text()
    in_autograded = bare("\n".join("".join(cell["source"]) for cell in json.loads(autograded)["cells"]))
    assert all(bare(secret) in in_autograded for secret in secrets), "the formgrader shows instructors everything"
    pages = {path.parts[-3]: path for path in (root / "grading" / "feedback").rglob("*.html")}
    assert len(pages) == 5
    for student, path in pages.items():
        page = path.read_text()
        lang = student[:2]
        assert f'<html lang="{lang}">' in page
        assert ("Corrección" in page, "Feedback" in page) == (lang == "es", lang == "en")
        text = bare(html.unescape(re.sub(r"<[^>]*>", "", page)))
        assert not [secret for secret in secrets if bare(secret) in text], student
        assert "BEGINHIDDENTESTS" not in text
        mailed = path.with_name("summary.txt").read_text()
        assert student in mailed and not [secret for secret in secrets if bare(secret) in bare(mailed)]
    word = spoilt(source).wrongs[0].says["en"]
    assert word.casefold() in pages["en_partial"].read_text().casefold()


@pytest.mark.slow
def test_toy_unit(new_course, nbgrader, submit):
    root = new_course()
    source, grades = round_trip(root, root / "solutions" / "90_toy.py", nbgrader, submit)
    check(root, source, grades)
    assert grades["en_partial"] == 4
    with Gradebook(f"sqlite:///{root}/grading/gradebook.db") as gradebook:
        submissions = {student: gradebook.find_submission_notebook("90_toy", "90_toy", student) for student in grades}
        essays = [(s, g) for s, submission in sorted(submissions.items()) for g in submission.grades if g.name == "why"]
        waiting = [(student, grade.needs_manual_grade, grade.auto_score) for student, grade in essays]
    assert waiting == [
        ("en_blank", False, 0.0),
        ("en_partial", True, None),
        ("es_blank", False, 0.0),
        ("es_right", True, None),
        ("es_wrong", False, 0.0),
    ]
    feedback = (root / "grading" / "feedback" / "es_right" / "90_toy" / "90_toy.html").read_text()
    assert "pendiente de corrección a mano" in feedback
    feedback = (root / "grading" / "feedback" / "es_wrong" / "90_toy" / "90_toy.html").read_text()
    assert "# ¿señal? cañón — ñandú" in feedback and "NameError" in feedback


@pytest.mark.slow
@pytest.mark.parametrize("path", sources("solutions", REPOSITORY), ids=lambda path: path.stem)
def test_each_unit(path, tmp_path, nbgrader, submit):
    root = tmp_path / "course"
    for folder in ("lessons", "solutions", "datasets", "grading"):
        (root / folder).mkdir(parents=True)
    shutil.copytree(REPOSITORY / "datasets", root / "datasets", dirs_exist_ok=True)
    shutil.copy(REPOSITORY / "grading" / "nbgrader_config.py", root / "grading")
    shutil.copy(path, root / "solutions")
    build(root)
    check(root, *round_trip(root, root / "solutions" / path.name, nbgrader, submit))
