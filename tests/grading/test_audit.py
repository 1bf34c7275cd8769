"""The audit accepts sound grading and finds each way in which grading can be unsound."""

import json
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from mlprod.authoring.build import render, render_variant
from mlprod.authoring.source import load, parse
from mlprod.course import notebook
from mlprod.grading.audit import audit
from mlprod.grading.leaks import leaks, secret_lines
from mlprod.grading.variants import variants

HEAD = """# ---
# title: {es: Malo, en: Bad}
# unit: "91"
# ---
# %% [markdown] lang="es"
# # Malo
# %% [markdown] lang="en"
# # Bad
# %%
from mlprod import start, tr
start(LANG)
"""

TASK = """
# %% answer="{name}"
def {name}():
    ### BEGIN SOLUTION
    return 1
    ### END SOLUTION
# %% test="{name}" points=2
### BEGIN HIDDEN TESTS
{test}
### END HIDDEN TESTS
"""

WRONG = """
# %% wrong="{name}" score={score} says="{says}"
# es: no
# en: no
def {name}():
    {body}
"""

RIGHT = """
# %% right="{name}"
def {name}():
    {body}
"""


def task(name, test="assert {name}() == 1, 'one'", wrongs=(), right="return 2 - 1"):
    """The text of a task; `wrongs` are (score, says, body). Three good wrong answers are given when there is none."""
    wrongs = wrongs or [(0, "one", "return 2"), (0, "one", "return 3"), (0, "one", "return 4")]
    text = TASK.format(name=name, test=test.format(name=name))
    text += "".join(WRONG.format(name=name, score=score, says=says, body=body) for score, says, body in wrongs)
    return text + (RIGHT.format(name=name, body=right) if right else "")


def audited(root, *, timeout=20, repeat=1):
    sources = [load(path) for path in sorted((root / "solutions").glob("*.py"))]
    return audit(sources, root, languages=["es"], timeout=timeout, repeat=repeat, modules=[])


def failures(report):
    return {row.task: " | ".join(row.failures) for row in report.tasks}


@pytest.mark.slow
def test_sound_grading_is_accepted_in_both_languages(new_course):
    root = new_course()
    command = [sys.executable, "-c", "from mlprod.cli import main; main()", "audit", "90", "--jobs", "2"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads((root / "build" / "reports" / "audit.json").read_text())
    assert report["percent"] == 100.0 and report["problems"] == []
    assert report["tasks"] == [
        {"unit": "90", "task": "double", "points": 3, "wrong": 3, "right": 1, "ok": True, "failures": []},
        {"unit": "90", "task": "name", "points": 4, "wrong": 3, "right": 2, "ok": True, "failures": []},
    ]


@pytest.mark.slow
def test_every_unsound_grading_is_found(new_course, monkeypatch):
    monkeypatch.setenv("LANG_COURSE", "en")
    some = [(0, "one", "return 2"), (0, "one", "return 3")]
    root = new_course(
        HEAD
        + task("good")
        + task("lenient", test="assert {name}() in (1, 2), 'one'")
        + task("strict", test="assert {name}() == 1 and not {name}.__code__.co_names, 'one'", right="return max(0, 1)")
        + task("free", test="pass")
        + task("mute", wrongs=[*some, (0, "eleven", "return 11")])
        + task("partial", wrongs=[*some, (1, "one", "return 4")])
        + task("few", wrongs=some)
        + task("lonely", right=None)
        + task("deadly", wrongs=[*some, (0, "one", "import os; os._exit(1)")])
        + task("endless", wrongs=[*some, (0, "tardó", "\n    while True: pass")]),
        name="91_bad",
    )
    report = audited(root, timeout=3)
    found = failures(report)
    assert found["good"] == found["endless"] == ""
    assert "2 points, not 0" in found["lenient"] and "line" in found["lenient"]
    assert "right, line" in found["strict"] and "0 points, not 2" in found["strict"]
    assert "the stub: 2 points, not 0" in found["free"] and "the untouched exercise" in found["free"]
    assert "says not “eleven” but: one" in found["mute"]
    assert "0 points, not 1" in found["partial"]
    assert "has 2 wrong answers; 3 are needed" in found["few"]
    assert "has 0 other right answers" in found["lonely"]
    assert "DeadKernelError" in found["deadly"]
    assert not report.ok and report.percent == 20.0


@pytest.mark.slow
def test_repetitions_have_different_hash_seeds(new_course, tmp_path):
    seen = tmp_path / "hashes"
    root = new_course(HEAD + task("chance", test=f"print(hash('a'), file=open({str(seen)!r}, 'a'))"), name="91_bad")
    report = audited(root, repeat=2)
    assert len(set(seen.read_text().split())) == 2
    assert all(failure.endswith("[2/2]") for failure in report.tasks[0].failures) and not report.ok


def test_variants_run_only_what_they_need(tmp_path):
    path = tmp_path / "solutions" / "91_bad.py"
    source, problems = parse(HEAD + task("first") + task("second"), path)
    assert not problems
    path.parent.mkdir()
    path.touch()
    (tmp_path / "grading").mkdir()
    found = list(variants(source, "es"))
    assert len(found) == 2 + 2 * (1 + 1 + 3)
    for variant in found[2:]:
        graded = [c.metadata.nbgrader.grade_id for c in variant.notebook.cells if "nbgrader" in c.metadata]
        assert (
            graded
            == {
                "first": ["first", "test_first"],
                "second": ["first", "second", "test_second"],  # the other answer stays right, its test is not run
            }[variant.task]
        )


@pytest.mark.parametrize("lang", ["es", "en"])
def test_variants_are_what_the_builder_would_make(new_course, lang):
    source = load(new_course() / "solutions" / "90_toy.py")
    cells = [cell for task in source.tasks.values() for cell in (*task.rights, *task.wrongs)]
    found = [v for v in variants(source, lang) if v.task and "stub" not in v.name and "plantilla" not in v.name]
    assert len(found) == len(cells) == 9
    for variant, cell in zip(found, cells, strict=True):
        built = {c.id: c.source for c in render_variant(source, lang, {variant.task: cell.source}).cells}
        assert all(built[c.id] == c.source for c in variant.notebook.cells)
        assert built != {c.id: c.source for c in render(source, lang).cells}


def test_leaks_into_exercises_are_found(new_course):
    root = new_course()
    source = load(root / "solutions" / "90_toy.py")
    assert leaks(source, root) == []
    secrets = secret_lines(source, "es")
    assert {"twice = x + x", "secret_input = -1234567", "squared = x * x", "return 2 * x"} <= secrets
    assert "Porque sí, y con razones." in secrets and "def double(x: float) -> float:" not in secrets

    path = notebook("exercises", "90_toy", "en", root)
    exercise = nbformat.read(path, 4)
    exercise.cells.append(new_code_cell("if True:\n    squared = x * x"))
    nbformat.write(exercise, path)
    path.with_name("notes.txt").write_text("see:\nsecret_input = -1234567\n")
    found = leaks(source, root)
    assert len(found) == 2
    assert all("exercises/en/90_toy" in leak for leak in found)
    assert any("squared = x * x" in leak for leak in found) and any("notes.txt" in leak for leak in found)
