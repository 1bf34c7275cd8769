"""A student's work in a real browser: first page, a lesson to its end, an exercise validated; nothing foreign shows."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest

from tests.browsing import MARKS, MINUTE, chromium, screenshot
from tests.lab.jupyterlab import open_notebook, run_all, wait_until_run

pytestmark = MARKS
FILE_MENU = {"es": "Archivo", "en": "File"}
HEIGHT = 1000  # of the window, in pixels


@pytest.fixture
def page():
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": HEIGHT})
        page.set_default_timeout(MINUTE)
        yield page


def test_the_first_page_lists_the_units_and_leads_to_them_and_to_the_other_language(
    course_copy, running_lab, free_port, page
):
    titles = {lang: title_of(course_copy / f"lessons/{lang}/00_welcome.ipynb") for lang in ("es", "en")}
    with running_lab(course_copy, "es", "--port", str(free_port)) as lab:
        page.goto(lab.url)
        view = page.locator(".jp-MarkdownViewer")
        view.locator("table").wait_for()
        rows = view.locator("tbody tr").all_inner_texts()
        assert len(rows) == len(list((course_copy / "lessons/es").glob("[0-9]*.ipynb")))
        assert any(titles["es"] in row and "sin empezar" in row and "min" in row for row in rows)
        assert "Sigue por aquí" in view.inner_text()
        screenshot(page, "first_page_es")
        view.locator("tbody a", has_text=titles["es"]).click()
        place = page.locator(".jp-NotebookPanel:visible .jp-MarkdownCell:has(h2)").nth(3)
        place.wait_for(state="attached")
        place.scroll_into_view_if_needed()
        number = place.evaluate(INDEX)
        place.get_by_role("link", name="English", exact=True).click()
        english = page.locator(".jp-NotebookPanel:visible h1", has_text=titles["en"])
        english.wait_for(state="attached")
        there = page.locator(f".jp-NotebookPanel:visible .jp-Cell[data-windowed-list-index='{number}'] h2")
        there.wait_for()
        # JupyterLab goes there when the notebook opens, and lays out what is above it afterwards: a screen more or less
        for _ in range(60):
            box = there.bounding_box()
            if box and -HEIGHT < box["y"] < 2 * HEIGHT:
                break
            page.wait_for_timeout(500)
        else:
            pytest.fail(f"the same section is not in sight: {box}")
        screenshot(page, "same_section_en")


INDEX = "cell => cell.dataset.windowedListIndex"
ANSWERS = {
    "wrong": "def slowdown(before, after):\nreturn (sum(after) / len(after)) / (sum(before) / len(before))",
    "right": "def slowdown(before, after):\nfrom statistics import median\nreturn median(after) / median(before)",
}
MEAN = {"es": "AssertionError: Una sola medida de 500", "en": "AssertionError: A single measurement of 500"}
ESSAY = {"es": "La mediana: una medida suelta no la mueve.", "en": "The median: a single measurement does not move it."}
TASKS = {"es": "las 2 tareas", "en": "all 2 tasks"}


@pytest.mark.parametrize("lang", ["es", "en"])
def test_an_exercise_is_answered_validated_and_counted(course_copy, running_lab, free_port, page, lang):
    with running_lab(course_copy, lang, "--port", str(free_port)) as lab:
        exercise = f"exercises/{lang}/00_welcome/00_welcome.ipynb"
        open_notebook(page, lab, exercise)
        answer(page, ANSWERS["wrong"])
        said = validate(page, f"validate_{lang}_wrong")
        assert MEAN[lang] in said and MEAN["en" if lang == "es" else "es"] not in said
        answer(page, ANSWERS["right"])
        write(page, ESSAY[lang])
        said = validate(page, f"validate_{lang}_right")
        assert "Success" in said and "Error" not in said
        run_all(page)
        wait_until_run(page, course_copy / exercise, 5)
        first = course_copy / f"course_{lang}.md"
        for _ in range(60):
            if TASKS[lang] in first.read_text():
                break
            time.sleep(0.5)
        assert TASKS[lang] in first.read_text(), "what has been solved is not on the first page"


def answer(page, code: str) -> None:
    """Write the answer as a student would: by typing in its cell (JupyterLab indents what follows a colon)."""
    cell = page.locator(".jp-Notebook .jp-CodeCell", has_text="def slowdown").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.type(code)


def write(page, text: str) -> None:
    """Write the essay: it is Markdown, shown until it is clicked twice."""
    cell = page.locator(".jp-Notebook .jp-MarkdownCell", has_text="Write your answer here").last
    cell.scroll_into_view_if_needed()
    cell.dblclick()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def validate(page, screen: str) -> str:
    """Press nbgrader's Validate; what its dialog says."""
    page.locator(".jp-NotebookPanel-toolbar").get_by_text("Validate", exact=True).click()
    dialog = page.locator(".jp-Dialog", has_text="Valid").last
    dialog.locator(".jp-Dialog-content", has_text="Validation Results").wait_for(timeout=3 * MINUTE)
    said = dialog.inner_text()
    screenshot(page, screen)
    dialog.locator("button.jp-mod-accept").click()
    dialog.wait_for(state="detached")
    return said


SLIDERS = """
from mlprod import plots, start
from mlprod.systems import sliders
start("es")
def draw(load):
    fig, ax = plots.subplots()
    ax.plot([0, load])
    ax.set(xlabel="tiempo (s)", ylabel="carga (1/s)")
    return fig, f"carga {load}"
sliders.show(draw, {"load": 1}, {"load": "carga"}, load=[1, 2, 4])
"""


def test_a_slider_moves_the_figure(course_copy, running_lab, free_port, page):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SLIDERS.strip())])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, course_copy / "lessons/es/00_sliders.ipynb")
    with running_lab(course_copy, "es", "--port", str(free_port)) as lab:
        open_notebook(page, lab, "lessons/es/00_sliders.ipynb")
        run_all(page)
        figure = page.locator(".jp-OutputArea-output img")
        figure.first.wait_for()
        assert figure.first.get_attribute("alt") == "carga 1"
        handle = page.locator(".jupyter-widgets .noUi-handle").first
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.locator('.jp-OutputArea-output img[alt="carga 2"]').wait_for()
        screenshot(page, "slider")


def title_of(notebook: Path) -> str:
    return nbformat.read(notebook, 4).cells[0].source.split("\n")[0].removeprefix("# ")


# what papermill could change: the same cells, with less to wait for
SHORT = {"seconds = 3.0": "seconds = 1.0", "poll_intervals = [0.01, 0.05, 0.2, 1.0]": "poll_intervals = [0.05, 0.2]"}


def make_short(lesson: Path) -> None:
    """Change the parameters of the lesson, where it has them, in its own cell for that."""
    notebook = nbformat.read(lesson, 4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []) and "poll_intervals" in cell.source:
            for long, short in SHORT.items():
                assert long in cell.source, "the lesson has other parameters now"
                cell.source = cell.source.replace(long, short)
    nbformat.write(notebook, lesson)


@pytest.mark.parametrize(("name", "lang"), [("00_welcome", "es"), ("00_welcome", "en"), ("01_data_passing", "es")])
def test_a_lesson_runs_to_its_end(course_copy, running_lab, free_port, page, name, lang):
    lesson = course_copy / f"lessons/{lang}/{name}.ipynb"
    make_short(lesson)
    outside: list[str] = []
    with running_lab(course_copy, lang, "--port", str(free_port)) as lab:
        page.on("request", lambda request: outside.append(request.url) if foreign(request.url) else None)
        open_notebook(page, lab, f"lessons/{lang}/{name}.ipynb")
        run_all(page)
        code = [cell for cell in nbformat.read(lesson, 4).cells if cell.cell_type == "code" and cell.source.strip()]
        try:
            wait_until_run(page, lesson, len(code))
        finally:
            figures, diagrams = page.locator(".jp-OutputArea-output img"), page.locator(".jp-RenderedMermaid img")
            if figures.count():
                figures.last.scroll_into_view_if_needed()
            screenshot(page, f"{name}_{lang}")
        assert figures.count() and all(figures.nth(n).get_attribute("alt") for n in range(figures.count()))
        if "```mermaid" in lesson.read_text():
            diagrams.first.scroll_into_view_if_needed()
            assert diagrams.first.evaluate("image => image.complete && image.naturalWidth > 0")
            screenshot(page, f"{name}_{lang}_diagram")
        menus = page.locator(".lm-MenuBar").inner_text()
    assert FILE_MENU[lang] in menus, "the interface is not in the reader's language"
    assert "Nbgrader" not in menus, "a student sees instructor's tools"
    assert not outside, f"the page asked for {outside[:5]}"


def foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))
