"""A course of one small unit, executed by hand, and a browser to look at what is made of it."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from mlprod import course
from mlprod.authoring.notebooks import render
from mlprod.authoring.run import EXECUTED
from mlprod.authoring.source import load
from mlprod.lab import page_files
from mlprod.language import LANGUAGES
from mlprod.publish import executed
from tests.browsing import CHROMIUM, chromium

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
UNIT = "91_queues"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FIGURE = f'<img src="data:image/png;base64,{PIXEL}" width="700" height="420" alt="A square: nothing to see">'


def make_course(root: Path) -> Path:
    """The small course, with outputs in build/executed as a run would leave them."""
    for kind, text in (("lessons", "tiny_lesson.txt"), ("solutions", "tiny_exercise.txt")):
        (root / kind).mkdir(parents=True)
        shutil.copy(HERE / text, root / kind / f"{UNIT}.py")
    (root / "datasets/rides").mkdir(parents=True)
    for file in ("datasets/rides/README.md", "README.md", "README.es.md"):
        shutil.copy(REPOSITORY / file, root / file)
    (root / "datasets/README.md").write_text("# Datos / Data\n\n[rides](rides/README.md)\n", encoding="utf-8")
    (root / "grading").mkdir()
    shutil.copy(REPOSITORY / "grading/nbgrader_config.py", root / "grading")
    for lang in LANGUAGES:
        notebook = render(load(root / "lessons" / f"{UNIT}.py"), lang)
        run_by_hand(notebook, root)
        path = root / EXECUTED / course.notebook("lessons", UNIT, lang, Path())
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    return root


def run_by_hand(notebook: nbformat.NotebookNode, root: Path) -> None:
    """Give the last code cell the outputs it has in a kernel, and one of each kind that lessons have."""
    from mlprod import tables

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown: list[str] = []
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr("mlprod.display.Shown.show", lambda self: shown.append(self.html))
        exec(cells[-1].source, {"tables": tables})
    new = nbformat.v4.new_output
    frame = '<iframe src="http://127.0.0.1:5/" title="x"></iframe>'
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "0%|  | bar"}
    cells[-1].outputs = [
        *(new("display_data", {"text/html": html, "text/plain": "-"}) for html in [FIGURE, *shown, frame]),
        new("display_data", widget),
        new("stream", name="stdout", text=printed.getvalue()),
        new("execute_result", {"text/plain": f"'{root}/.venv'"}),
    ]
    for number, cell in enumerate(cells, 1):
        cell.execution_count = number


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The small course's root."""
    return make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def lessons(tiny) -> list[executed.Lesson]:
    """Its lesson in both languages."""
    return executed.lessons(None, tiny, quick=False, say=lambda _: pytest.fail("nothing needs to be executed"))


@pytest.fixture(scope="module")  # not the session: two of Playwright's loops cannot run in one process
def browser() -> Iterator:
    """Chromium; skips, saying why, where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def fetched() -> None:
    """Skips, saying why, where the set-up could not fetch reveal.js and the others."""
    if not page_files.is_complete():
        pytest.skip("reveal.js, mermaid, MathJax or axe-core are not here (with a network: make slides)")
