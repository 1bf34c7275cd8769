"""What a feedback page says of the lesson, followed in a browser: its links, and the way to a section without them."""

from __future__ import annotations

import pytest

from mlprod.authoring.source import load
from mlprod.grading import reread
from mlprod.grading.feedback import FeedbackExporter, prepare
from tests.browsing import MARKS, MINUTE, chromium
from tests.grading.executed import executed, resources
from tests.lab.conftest import REPOSITORY

pytestmark = [*MARKS, pytest.mark.slow]
UNIT = "01_data_passing"


def write_feedback(path):
    """The page of somebody who got a task wrong; returns the sections that it sends them to."""
    source = load(REPOSITORY / "solutions" / f"{UNIT}.py")
    nb = executed(source, "es", {"staleness": ("def staleness(*_):\n    return 1, 2", {"test_staleness_age": "otra"})})
    given = resources(assignment=UNIT, notebook=UNIT)
    tasks = prepare(nb, "es", REPOSITORY, UNIT, given)
    path.write_text(FeedbackExporter().from_notebook_node(nb, given)[0])
    return next(task.sections for task in tasks if task.name == "staleness")


def test_from_the_feedback_to_the_section(course_copy, running_lab, free_port, tmp_path, monkeypatch):
    monkeypatch.setattr(reread, "LAB", reread.LAB.replace(":8888/", f":{free_port}/"))
    mailed, inside = tmp_path / "feedback.html", course_copy / "feedback.html"
    section = write_feedback(mailed)[0]
    inside.write_text(mailed.read_text())
    with running_lab(course_copy, "es", "--port", str(free_port)) as lab, chromium() as browser:
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        context.set_default_timeout(2 * MINUTE)
        page = context.new_page()
        page.goto(mailed.as_uri())
        link = page.locator("section.task a", has_text=section.heading).first
        with context.expect_page() as opened:
            link.click()
        opened.value.wait_for_url("**/login?**")  # in a browser that has not opened the course before
        opened.value.goto(lab.url)  # as `make lab` does
        opened.value.locator("#jp-main-dock-panel .jp-MainAreaWidget").first.wait_for()
        opened.value.close()
        with context.expect_page() as opened:
            link.click()
        lesson = opened.value
        lesson.locator(".lm-mod-current", has_text=f"{UNIT}.ipynb").first.wait_for()
        assert page.url == mailed.as_uri(), "the feedback is still there"
        find_in_the_contents(lesson, section.heading)
        look_inside_jupyterlab(context.new_page(), lab, section)


def find_in_the_contents(lesson, heading):
    """What find_note says: by its title, in the table of contents of the bar on the left."""
    lesson.locator(".jp-Notebook .jp-Cell").first.wait_for()
    lesson.locator('.lm-TabBar-tab[data-id="table-of-contents"]').first.click()
    entry = lesson.locator(".jp-TableOfContents-tree .jp-tocItem-content", has_text=heading).first
    entry.wait_for()
    entry.click()
    shown = lesson.locator(".jp-Notebook h2, .jp-Notebook h3", has_text=heading).first
    for _ in range(60):
        box = shown.bounding_box() if shown.count() else None
        if box and 0 <= box["y"] < 1000:
            return
        lesson.wait_for_timeout(500)
    pytest.fail(f"{heading}: {box}")


def look_inside_jupyterlab(page, lab, section):
    """Opened in JupyterLab itself, which lets no link of a page open anything until it is trusted: words are enough."""
    page.goto(f"{lab.base}/lab/tree/feedback.html?factory=HTML%20Viewer")
    shown = page.frame_locator(".jp-HTMLViewer iframe")
    item = shown.locator("section.task li", has_text=section.heading).first
    item.wait_for()
    assert section.lesson in item.inner_text() and section.notebook in item.inner_text()
    item.locator("a").click()
    page.wait_for_timeout(1500)
    assert item.is_visible(), "the page has not been replaced by anything"
