"""JupyterLab as a person works it: its menus, and waiting until it is ready or done."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import nbformat
import pytest

RUN_MENU = "Run"  # the Spanish pack has no word for it yet
LIMIT_SECONDS = 240


def menu(page, title: str, command: str) -> None:
    page.locator(".lm-MenuBar-itemLabel", has_text=title).first.click()
    page.locator(f'.lm-Menu-item[data-command="{command}"]').first.click()


def run_all(page) -> None:
    menu(page, RUN_MENU, "runmenu:run-all")


def open_notebook(page, lab, path: str) -> None:
    """Open a notebook of the course, and wait until its kernel is idle.

    A command given before makes JupyterLab ask which kernel is wanted.
    """
    page.goto(lab.page(path))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    for _ in range(240):
        answer = httpx.get(f"{lab.base}/api/kernels", params={"token": lab.token}, timeout=30)
        # while one is being started the server may answer with an error
        if answer.is_success and any(one["execution_state"] == "idle" and one["connections"] for one in answer.json()):
            return
        time.sleep(0.25)
    pytest.fail(f"no kernel: {answer.text}")


def wait_until_run(page, notebook: Path, cells: int) -> None:
    """Save until the file says that every code cell ran; an error in a cell fails at once."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        page.wait_for_timeout(500)
        page.keyboard.press("Control+s")
        try:
            ran = [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]
        except nbformat.reader.NotJSONError:  # being saved
            continue
        for cell in ran:
            for output in cell.outputs:
                assert output.output_type != "error", f"{cell.source}\n{output.ename}: {output.evalue}"
        if sum(cell.execution_count is not None for cell in ran) >= cells:
            return
    pytest.fail(f"still running after {LIMIT_SECONDS} s: {notebook}")
