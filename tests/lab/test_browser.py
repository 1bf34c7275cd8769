"""A student's first minutes in a real browser: the lesson opens, runs to its end, and nothing foreign shows."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import nbformat
import pytest

from mlprod.lab import machine

pytest.importorskip("playwright", reason="pip's package playwright is not installed")
CHROMIUM = machine.chromium()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
    pytest.mark.timeout(600),
]

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENS = REPOSITORY / "build/screens"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
FILE_MENU = {"es": "Archivo", "en": "File"}
RUN_MENU = "Run"  # the Spanish pack has no word for it yet
LIMIT_SECONDS = 240
MINUTE = 60_000  # Playwright counts milliseconds


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(MINUTE)
            yield page
        finally:
            browser.close()


def menu(page, title: str, command: str) -> None:
    page.locator(".lm-MenuBar-itemLabel", has_text=title).first.click()
    page.locator(f'.lm-Menu-item[data-command="{command}"]').first.click()


@pytest.mark.parametrize(("name", "lang"), [("00_welcome", "es"), ("00_welcome", "en"), ("01_data_passing", "es")])
def test_a_lesson_runs_to_its_end(course_copy, running_lab, free_port, page, name, lang):
    lesson = course_copy / f"lessons/{lang}/{name}.ipynb"
    if not lesson.is_file():
        pytest.skip(f"{lesson.relative_to(course_copy)} is not built")
    outside: list[str] = []
    with running_lab(course_copy, lang, "--port", str(free_port)) as lab:
        page.on("request", lambda request: outside.append(request.url) if foreign(request.url) else None)
        page.goto(lab.url.replace("00_welcome", name))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        wait_for_kernel(lab)
        menu(page, RUN_MENU, "runmenu:run-all")
        code = [cell for cell in nbformat.read(lesson, 4).cells if cell.cell_type == "code" and cell.source.strip()]
        try:
            wait_until_run(page, lesson, len(code))
        finally:
            SCREENS.mkdir(parents=True, exist_ok=True)
            if (figures := page.locator(".jp-OutputArea-output img")).count():
                figures.last.scroll_into_view_if_needed()
            page.screenshot(path=SCREENS / f"{name}_{lang}.png")
        menus = page.locator(".lm-MenuBar").inner_text()
    assert FILE_MENU[lang] in menus, "the interface is not in the reader's language"
    assert "Nbgrader" not in menus, "a student sees instructor's tools"
    assert not outside, f"the page asked for {outside[:5]}"


def foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))


def wait_for_kernel(lab) -> None:
    """Until the page's kernel is idle: a command given before makes JupyterLab ask which kernel is wanted."""
    for _ in range(60):
        kernels = httpx.get(f"{lab.base}/api/kernels", params={"token": lab.token}, timeout=10).json()
        # while one is starting the server may answer with an error, which is no list
        if isinstance(kernels, list) and any(k["execution_state"] == "idle" and k["connections"] for k in kernels):
            return
        time.sleep(0.5)
    pytest.fail(f"no kernel: {kernels}")


def wait_until_run(page, lesson: Path, cells: int) -> None:
    """Save until the file says that every code cell ran; an error in a cell fails at once."""
    for _ in range(LIMIT_SECONDS):
        page.wait_for_timeout(1000)
        page.keyboard.press("Control+s")
        try:
            ran = [cell for cell in nbformat.read(lesson, 4).cells if cell.cell_type == "code"]
        except nbformat.reader.NotJSONError:  # being saved
            continue
        for cell in ran:
            for output in cell.outputs:
                assert output.output_type != "error", f"{cell.source}\n{output.ename}: {output.evalue}"
        if sum(cell.execution_count is not None for cell in ran) >= cells:
            return
    pytest.fail(f"still running after {LIMIT_SECONDS} s: {lesson}")
