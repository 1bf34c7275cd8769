"""Every task has its author's hint, in both languages, that gives nothing away; and it is what is shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlprod.authoring.lint.course import Course
from mlprod.authoring.source import load
from mlprod.course import sources
from mlprod.grading import task_hints
from mlprod.grading.feedback import prepare
from mlprod.grading.hints import BLANK
from mlprod.grading.leaks import secret_lines
from mlprod.grading.student_view import bare
from mlprod.grading.summary import Heading, summary
from mlprod.language import LANGUAGES
from tests.grading.executed import executed

REPOSITORY = Path(__file__).parents[2]
UNITS = sources("solutions", REPOSITORY)
LONGEST = 400  # characters: it is read beside the message, the misconception and what to reread


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_every_task_has_one_that_gives_nothing_away(path):
    source, hints = load(path), task_hints.load(path.stem)
    tests = [(task.name, test.part) for task in source.tasks.values() for test in task.tests]
    for task, part in tests:
        assert {task, f"{task}/{part}"} & hints.keys(), f"src/mlprod/grading/task_hints/{path.stem}.yml: {task}/{part}"
    assert hints.keys() <= {name for task, part in tests for name in (task, f"{task}/{part}")}, "of a task of the unit"
    avoided = Course(REPOSITORY).avoided
    secrets = {lang: {b for line in secret_lines(source, lang) if len(b := bare(line)) >= 12} for lang in LANGUAGES}
    for key, texts in hints.items():
        assert set(texts) == set(LANGUAGES), key
        for lang, text in texts.items():
            assert 60 <= len(text) <= LONGEST and text[-1] in ".?", (key, lang, len(text))
            assert not [line for line in secrets[lang] if line in bare(text)], (key, lang)
            assert not [a for a in avoided if a.lang == lang and a.pattern.search(text)], (key, lang)


@given(st.lists(st.sampled_from(["arrive", "failures", "full_queue", "elsewhere"]), unique=True))
def test_the_first_failure_that_has_one_decides(failed):
    hints = task_hints.load("02_pubsub")
    known = [part for part in failed if part != "elsewhere"]
    expected = hints[f"publish/{known[0]}"]["es"] if known else None
    assert task_hints.hint("02_pubsub", "publish", failed, "es") == expected


def test_a_part_without_one_gets_the_task_s():
    hints = task_hints.load("02_pubsub")
    assert task_hints.hint("02_pubsub", "earnings", ["lost"], "en") == hints["earnings"]["en"]
    assert task_hints.hint("90_toy", "double", [], "en") is None


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_task_that_fails_says_its_own(lang):
    source = load(REPOSITORY / "solutions" / "02_pubsub.py")
    hints = task_hints.load(source.name)
    answers = {
        "publish": ("def publish(*_):\n    return []", {"test_publish_full_queue": "otra cosa"}),
        "earnings": (source_of("earnings"), dict.fromkeys(graded_cells(source, "earnings"), STUB)),
        "mini_log": (source_of("mini_log"), dict.fromkeys(graded_cells(source, "mini_log"), STUB)),
        "suitable": ("def suitable(needs):\n    return None", {"test_suitable_rule": "NoneType"}),
    }
    nb = executed(source, lang, answers)
    tasks = prepare(nb, lang, REPOSITORY, source.name, {"nbgrader": {}})
    told = {task.name: task.hint for task in tasks if task.hint}
    assert told.keys() == answers.keys()
    assert told["publish"] == hints["publish/full_queue"][lang]
    assert told["earnings"] == f"{BLANK[lang]} {hints['earnings/once'][lang]}"
    assert told["mini_log"] == hints["mini_log"][lang], "how to begin is said once"
    assert told["suitable"].endswith(hints["suitable"][lang]) and len(told["suitable"]) > len(hints["suitable"][lang])
    mailed = " ".join(summary(Heading(source.name, "ana", 0, 37), tasks, lang).split())
    assert all(hint in mailed for hint in told.values())


STUB = "NotImplementedError: sin respuesta todavía / no answer yet"


def source_of(name):
    return f'def {name}():\n    raise NotImplementedError("sin respuesta todavía / no answer yet")'


def graded_cells(source, task):
    return [test.grade_id for test in source.tasks[task].tests]
