"""The page and the text that a student gets: what they say, and what is in them nowhere."""

import html
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from mlprod.authoring.source import load
from mlprod.course import notebook, sources
from mlprod.grading import catalogue
from mlprod.grading.explain import explain
from mlprod.grading.feedback import FeedbackExporter, lower_headings, prepare
from mlprod.grading.reread import plain
from mlprod.grading.student_view import bare, hidden_lines, hidden_names, student_view
from mlprod.grading.summary import Heading, summary
from mlprod.grading.words import WORDS
from tests.grading.executed import executed, resources, wrong

REPOSITORY = Path(__file__).parents[2]
STUB = 'raise NotImplementedError("sin respuesta todavía / no answer yet")'


@pytest.fixture
def toy(new_course):
    root = new_course()
    return root, load(root / "solutions" / "90_toy.py")


def explained(toy, answers, lang="es", pending=()):
    root, source = toy
    nb = executed(source, lang, answers)
    student_view(nb, lang, pending)
    return {task.name: task for task in explain(nb, lang, root, source.name, pending)}


def both(toy, answers, lang="es", pending=(), change=lambda nb: None):
    """The page and the summary of the toy exercise."""
    root, source = toy
    nb = executed(source, lang, answers)
    change(nb)
    given = resources()
    tasks = prepare(nb, lang, root, source.name, given, pending)
    page, _ = FeedbackExporter().from_notebook_node(nb, given)
    return page, summary(Heading(source.name, "ana", 4, 10), tasks, lang)


SIGN = "se espera 2 y\n  se esperaba: -4\n  has devuelto: 4"


def test_states(toy):
    blank = f"def name() -> str:\n    {STUB}"
    tasks = explained(
        toy,
        {
            "double": ("def double(x):\n    return abs(x) * 2", {"test_double_negative": SIGN}),
            "name": (blank, {"test_name": "NotImplementedError: sin respuesta todavía / no answer yet"}),
        },
        pending=["why"],
    )
    assert {name: task.state for name, task in tasks.items()} == {"double": "failed", "name": "blank", "why": "pending"}
    assert tasks["name"].guesses == () and "sustituye" in tasks["name"].hint
    (passed, failed) = tasks["double"].checks
    assert passed.passed and not failed.passed
    assert (failed.about, failed.expected, failed.came) == ("se espera 2 y", "-4", "4")


@pytest.mark.parametrize(
    ("lang", "message"),
    [
        ("es", "Con un MiniLog nuevo: append('a')\n  la última llamada debería dar: 2\n  y da: 1"),
        ("en", "Tumbling(60, 10): event('a', 1)\n  the last call should close: 2\n  and it closes: 1"),
    ],
)
def test_what_a_sequence_of_calls_should_have_given(toy, lang, message):
    _, check = explained(toy, {"double": ("def double(x):\n    return 1", {"test_double_negative": message})}, lang)[
        "double"
    ].checks
    assert (check.about, check.expected, check.came) == (message.split("\n")[0], "2", "1")


def test_a_misconception_is_perhaps_one_without_an_audit(toy):
    said = {"test_double_negative": "también con negativos: cambia el signo"}
    (guess,) = explained(toy, {"double": ("def double(x):\n    return abs(x) * 2", said)})["double"].guesses
    assert guess.text == "pierde el signo" and not guess.sure
    page, text = both(toy, {"double": ("def double(x):\n    return abs(x) * 2", said)})
    for found in (page, text):
        assert "Quizá" in found and "pierde el signo" in found and "suposición" in found


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("def double(x:\n    return 2", "NameError: name 'double' is not defined", "no entiende la línea 1"),
        ("def twice(x):\n    return 2 * x", "NameError: name 'double' is not defined", "No existe double"),
        ("def double():\n    return 2", "TypeError: double() takes 0 positional arguments", "primera línea"),
        ("def double(x):\n    x * 2", "el doble\n  se esperaba: 2\n  has devuelto: None", "return"),
        ("def double(x):\n    return {}[x]", "KeyError: 1", "no está"),
        ("def double(x):\n    while x: pass", "Tu código tardó demasiado y se interrumpió.", "bucle"),
        (f"def double(x):\n    if x: return 2 * x\n    {STUB}", "otra", "sin sustituir"),
        ("def double(x):\n    return 3 * x", "algo nuevo", "caso más pequeño"),
    ],
)
def test_hints(toy, code, message, hint):
    failed = {"test_double": message, "test_double_negative": message}
    task = explained(toy, {"double": (code, failed)})["double"]
    assert task.state == "failed" or STUB in code
    assert hint in task.hint


def test_a_test_that_was_not_reached_says_so(toy):
    def dead(nb):
        for cell in nb.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "test_name":
                cell.execution_count, cell.metadata.nbgrader.score = None, 0.0

    page, text = both(toy, {"name": ("def name():\n    return 1", {})}, change=dead)
    assert "no llegó a ejecutarse" in page and "no llegó a ejecutarse" in text


@pytest.mark.parametrize("lang", ["es", "en"])
def test_the_page_is_whole_offline_and_in_its_language(toy, lang):
    page, text = both(toy, {"double": ("def double(x):\n    return 1", {"test_double": SIGN})}, lang, ["why"])
    assert page.startswith("<!DOCTYPE html>") and f'<html lang="{lang}">' in page
    assert "<script" not in page and not re.findall(r'(?:src|href)="(?!#|http://127\.0\.0\.1:8888/lab/tree/)', page)
    assert "@import" not in page and "url(" not in page
    levels = [int(level) for level in re.findall(r"<h([1-6])\b", page)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False)), levels
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)
    assert ("Corrección" in page, "Feedback" in page) == (lang == "es", lang == "en")
    assert all(len(line) <= 100 for line in text.split("\n"))


def test_what_students_write_stays_text(toy):
    code = "def double(x):\n    return '</pre><script>alert(1)</script>'"
    failed = {"test_double": "<img src=x onerror=alert(1)>\n  se esperaba: 2\n  has devuelto: <b onclick=a()>"}
    page, _ = both(toy, {"double": (code, failed)})
    assert "<script" not in page and "<img" not in page and "<b onclick" not in page and "&lt;img" in page


def test_comments_of_a_teacher_are_shown(toy):
    def comment(nb):
        (essay,) = (cell for cell in nb.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "why")
        essay.metadata.nbgrader.comment = "Sí, *pero*."

    page, text = both(toy, {}, change=comment)
    assert "<em>pero</em>" in page and "Comentario: Sí, *pero*." in text


@pytest.mark.parametrize("lang", ["es", "en"])
def test_what_to_reread_is_said_without_its_link(lang):
    """Section, lesson and how to find them are words, on the page and in the summary; a link is to the very cell."""
    source = load(REPOSITORY / "solutions" / "01_data_passing.py")
    nb = executed(source, lang, {"staleness": ("def staleness(*_):\n    return 1, 2", {"test_staleness_age": "otra"})})
    given = resources(assignment=source.name, notebook=source.name)
    tasks = prepare(nb, lang, REPOSITORY, source.name, given)
    page, _ = FeedbackExporter().from_notebook_node(nb, given)
    text = summary(Heading(source.name, "ana", 0, 3), tasks, lang)
    (task,) = (task for task in tasks if task.name == "staleness")
    assert task.sections and task.objectives[0].startswith("1.2: ")
    lesson = nbformat.read(notebook("lessons", source.name, lang, REPOSITORY), as_version=4)
    title = lesson.cells[0].source.split("\n")[0].removeprefix("# ")
    mailed = " ".join(text.split())
    for section in task.sections:
        (cell,) = (cell for cell in lesson.cells if cell.id == section.link.split("#cell-id=")[1])
        assert f"# {section.heading}" in plain(cell.source)
        for word in (section.heading, title, section.notebook):
            assert html.escape(word, quote=False) in page and word in mailed
        assert f'<a target="_blank" rel="noopener" href="{section.link}">' in page
    assert WORDS[lang]["find_note"] in page and WORDS[lang]["find_note"] in mailed
    assert WORDS[lang]["link_note"] in page and WORDS[lang]["link_note"] not in mailed


def test_headings_are_lowered():
    assert lower_headings('<h1 id="a">x</h1><h5>y</h5>') == '<h3 id="a">x</h3><h6>y</h6>'


@pytest.mark.parametrize("lang", ["es", "en"])
@pytest.mark.parametrize("path", sources("solutions", REPOSITORY), ids=lambda path: path.stem)
def test_no_hidden_test_nor_solution_anywhere(path, lang):
    """In neither page nor summary, metadata and comments included, whatever a notebook does to bring them there."""
    source = load(path)
    known = catalogue.load(REPOSITORY, source.name)
    seen = [entries[0].messages[lang] for entries in known.values() if entries]
    assert any(seen), f"no audit has seen these tests: mlprod audit {source.unit}"
    nb = executed(source, lang, {name: wrong(entries[0], lang) for name, entries in known.items() if entries})
    secrets, names = hidden_lines(nb), hidden_names(nb)
    everything = "\n".join(sorted(secrets)) + " ".join(sorted(names))
    leak = new_code_cell("print(In[-2], dir())", outputs=[new_output("stream", name="stdout", text=everything)])
    leak.metadata["secret"], leak.execution_count = everything, 1
    leak.outputs.append(new_output("display_data", data={"text/html": f"<!-- {everything} -->", "text/plain": "x"}))
    nb.cells.insert(1, leak)
    nb.cells.append(nbformat.from_dict({**leak, "id": "leak-again"}))
    nb.metadata["secret"] = everything
    given = resources(assignment=source.name, notebook=source.name)
    tasks = prepare(nb, lang, REPOSITORY, source.name, given)
    page, _ = FeedbackExporter().from_notebook_node(nb, given)
    text = summary(Heading(source.name, "ana", 4, 10), tasks, lang)
    for found in (page, text):
        plain = bare(html.unescape(re.sub(r"<(?!!)[^>]*>", "", found)))
        assert not [line for line in secrets if bare(line) in plain]
        assert not names & set(re.findall(r"\w+", html.unescape(found)))
        assert "BEGIN HIDDEN" not in found and "BEGIN SOLUTION" not in found
        assert not [line for line in _solution_lines(source, lang, nb) if bare(line) in plain]
    assert page.count("task failed") == sum(bool(e and e[0].messages[lang]) for e in known.values())


def _solution_lines(source, lang, nb):
    """The lines of the model answers, the other right and wrong ones, that the student's own notebook does not hold."""
    solved = nbformat.read(notebook("solutions", source.name, lang, REPOSITORY), as_version=4)
    answers = [c.source for c in solved.cells if c.metadata.get("nbgrader", {}).get("solution")]
    answers += [cell.source for task in source.tasks.values() for cell in (*task.rights, *task.wrongs)]
    own = bare("\n".join(cell.source for cell in nb.cells))
    lines = {line.strip() for answer in answers for line in answer.split("\n") if not line.strip().startswith("#")}
    return [line for line in lines if len(line) > 20 and bare(line) not in own]
