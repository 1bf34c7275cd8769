"""What tests in a browser share: when they are skipped, a Chromium, and what a person would stumble over in a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlprod.lab import machine, page_files
from mlprod.publish.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["CHROMIUM", "MARKS", "MINUTE", "chromium", "open_deck", "overflows", "screenshot", "violations"]

CHROMIUM = machine.chromium()
MARKS = [  # of a module: pytestmark = MARKS
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
    pytest.mark.timeout(600),
]
SCREENS = Path(__file__).resolve().parents[1] / "build/screens"
MINUTE = 60_000  # Playwright counts milliseconds
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
_AXE = """async (tags) => (await axe.run({ runOnly: { type: "tag", values: tags }, preload: false })).violations.map(
  (one) => [one.impact, one.id, one.help, one.nodes.slice(0, 5).map((node) => node.target.join(" ") + " | " +
    (node.any[0]?.message ?? node.failureSummary ?? "").slice(0, 200))])"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def screenshot(page: Page, name: str) -> None:
    """What `page` shows, into build/screens/NAME.png, for people to look at."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png")


def open_deck(browser: Browser, file: Path, **options: Any) -> Page:
    """The slides in `file`, laid out, in a window of 1280 by 720."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, **options)
    page.goto(file.resolve().as_uri())
    page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
    return page


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
