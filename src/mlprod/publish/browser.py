"""Chromium without a window, cut off from the network: prints pages, and looks for what a person would stumble over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod.errors import CourseError
from mlprod.lab import machine, page_files
from mlprod.language import tr

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SERIOUS = ("serious", "critical")
# all of a slide with its fragments: what sticks out of 1280 by 720, or is cut off inside its own box
_OVERFLOW = """() => {
  const found = [], seen = [];
  for (const slide of Reveal.getSlides()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v ?? 0, 999);
    const box = slide.getBoundingClientRect(), scale = box.width / 1280;
    seen.push([h, v]);
    for (const node of slide.querySelectorAll("*")) {
      if (node.closest("aside.notes, svg *, mjx-container *") || !node.getClientRects().length) continue;
      const rect = node.getBoundingClientRect();
      const [right, bottom] = [(rect.right - box.left) / scale, (rect.bottom - box.top) / scale];
      const cut = node.scrollWidth > node.clientWidth + 2 && node.clientWidth > 0 && getComputedStyle(node).overflowX === "hidden";
      if (right > 1281 || bottom > 713 || rect.left < box.left - 1 || cut) {
        const title = slide.querySelector("h1, h2, h3")?.textContent ?? "";
        found.push(`${h}/${v} ${title}: ${node.tagName} ${node.className} right ${Math.round(right)} bottom ${Math.round(bottom)}${cut ? " cut" : ""}`);
        break;
      }
    }
  }
  return [seen.length, found];
}"""  # noqa: E501
_DRAWN = """async () => {
  if (document.readyState !== "complete") return false;
  if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
  return !document.querySelector("pre.mermaid, .diagram:not(:has(svg))");
}"""
_AXE = """async (tags) => (await axe.run({ runOnly: { type: "tag", values: tags }, preload: false })).violations.map(
  (one) => [one.impact, one.id, one.help, one.nodes.slice(0, 5).map((node) => node.target.join(" ") + " | " +
    (node.any[0]?.message ?? node.failureSummary ?? "").slice(0, 200))])"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


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


def open_deck(browser: Browser, file: Path, **options: Any) -> Page:
    """The slides in `file`, laid out, in a window of 1280 by 720."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, **options)
    page.goto(file.resolve().as_uri())
    page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
    return page


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


def overflows(page: Page) -> tuple[int, list[str]]:
    """How many slides an open deck has, and a message for each of which something sticks out."""
    count, found = page.evaluate(_OVERFLOW)
    return count, found


def violations(page: Page, impacts: tuple[str, ...] = SERIOUS) -> list[str]:
    """What axe-core finds in an open page, of these impacts: a message for each rule, with the first places."""
    (script,) = page_files.need("axe.min.js")
    page.evaluate(script.read_text(encoding="utf-8"))
    return [
        f"{impact}: {rule}: {text}\n  " + "\n  ".join(places)
        for impact, rule, text, places in page.evaluate(_AXE, TAGS)
        if impact in impacts
    ]
