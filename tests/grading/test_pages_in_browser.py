"""The pages of feedback and report as a browser shows them: contrast, keyboard, nothing loaded, narrow screens."""

from pathlib import Path

import pytest

from mlprod.authoring.source import load
from mlprod.grading.feedback import FeedbackExporter, prepare
from mlprod.lab import machine
from tests.grading.executed import executed, resources, toy_course

pytest.importorskip("playwright", reason="pip's package playwright is not installed")
CHROMIUM = machine.chromium()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install chromium)"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SCREENS = Path(__file__).resolve().parents[2] / "build/screens"

# the contrast of every text with what is behind it, by WCAG 2.2's formula (success criterion 1.4.3: 4.5 at least)
LOW_CONTRAST = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.add(`${ratio.toFixed(1)} ${element.tagName}.${element.className} ${texts.currentNode.data}`);
  }
  return [...found];
}"""


@pytest.fixture(scope="module")
def feedback(tmp_path_factory):
    root = toy_course(tmp_path_factory.mktemp("course"))
    source = load(root / "solutions" / "90_toy.py")
    code = (
        "def double(x):\n    # el valor absoluto, por dos\n    print('x:', f'{x!r}')\n    return abs(x) * 2.0  # nota"
    )
    said = "también con negativos: cambia el signo\n  se esperaba: -4\n  has devuelto: 4"
    nb = executed(source, "es", {"double": (code, {"test_double_negative": said})})
    given = resources()
    prepare(nb, "es", root, source.name, given, ["why"])
    page, _ = FeedbackExporter().from_notebook_node(nb, given)
    path = root / "feedback.html"
    path.write_text(page)
    return path


def test_feedback(feedback):
    from playwright.sync_api import sync_playwright

    asked = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1000, "height": 1400})
            page.on("request", lambda request: asked.append(request.url))
            page.goto(feedback.as_uri())
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "skip" and page.locator(".skip").is_visible()
            details = page.locator("details")
            assert not page.locator("details .input_area").first.is_visible()
            details.locator("summary").focus()
            page.keyboard.press("Enter")
            assert page.locator("details .input_area").first.is_visible(), "opened from the keyboard"
            SCREENS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENS / "feedback.png", full_page=True)
            assert page.evaluate(LOW_CONTRAST) == []
            page.evaluate("document.querySelector('h1').style.color = '#999'")
            assert len(page.evaluate(LOW_CONTRAST)) == 1, "the check sees a grey heading"
            page.set_viewport_size({"width": 360, "height": 700})
            width = page.evaluate("document.documentElement.scrollWidth")
        finally:
            browser.close()
    assert asked == [feedback.as_uri()], "nothing is loaded from anywhere"
    assert width <= 400, "a telephone shows it without scrolling sideways"
