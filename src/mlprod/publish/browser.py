"""Chromium without a window, cut off from the network: prints pages of the site and slides."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlprod.errors import CourseError
from mlprod.lab import machine
from mlprod.language import tr

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_DRAWN = """async () => {
  if (document.readyState !== "complete") return false;
  if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
  return !document.querySelector("pre.mermaid, .diagram:not(:has(svg))");
}"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium. Raises CourseError, with what to install, when this machine has none."""
    path = machine.chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        raise CourseError(
            tr(
                es="Para el PDF hace falta Chromium o Chrome. En Debian y Ubuntu: sudo apt install chromium",
                en="The PDF needs Chromium or Chrome. On Debian and Ubuntu: sudo apt install chromium",
            )
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def print_page(browser: Browser, file: Path, target: Path) -> None:
    """A page of the site as A4 PDF, once its formulas and diagrams are drawn."""
    page = browser.new_page(viewport={"width": 1000, "height": 1400})
    try:
        page.goto(file.resolve().as_uri())
        page.wait_for_function(_DRAWN, timeout=60_000)
        target.parent.mkdir(parents=True, exist_ok=True)
        number = '<p style="font: 8px sans-serif; width: 100%; text-align: center"><span class="pageNumber"></span></p>'
        margins = {"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
        page.pdf(
            path=target,
            format="A4",
            margin=margins,
            print_background=True,
            display_header_footer=True,
            header_template="<p></p>",
            footer_template=number,
            tagged=True,
        )
    finally:
        page.close()


def print_deck(browser: Browser, file: Path, target: Path) -> None:
    """The slides in `file` as PDF, one page each."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    try:
        page.goto(file.resolve().as_uri() + "?print-pdf")
        page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
        page.wait_for_selector(".pdf-page", timeout=60_000)
        target.parent.mkdir(parents=True, exist_ok=True)
        page.pdf(path=target, prefer_css_page_size=True, print_background=True, tagged=True)
    finally:
        page.close()
