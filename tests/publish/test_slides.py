"""Slides: what is shown and what is said, nothing that sticks out, no network, readable with a screen reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlprod import course
from mlprod.errors import CourseError
from mlprod.publish import browser as printing
from mlprod.publish import code, deck, executed, pdf, prose, slides
from tests.browsing import open_deck, overflows, screenshot, violations
from tests.publish.conftest import UNIT

LONG = (
    "The first sentence is short. The second one goes on (with p. ex. a bracket. Inside it) for a good while longer. "
)


def test_a_short_paragraph_is_shown_whole():
    (part,) = prose.parts("Two `words`. And $x < y$ more.")
    assert part.html == '<p>Two <code>words</code>. And <span class="math inline">\\(x &lt; y\\)</span> more.</p>\n'
    assert part.note == ""


def test_of_a_long_paragraph_the_first_sentences_and_a_bold_one_are_shown_and_all_is_said():
    text = LONG * 3 + "Then **this matters**. " + LONG
    shown = prose.gist(text, 30)
    assert shown.startswith("The first sentence is short. The second one")
    assert shown.endswith("… Then **this matters**.")
    (part,) = prose.parts(text)
    assert part.note.count("The first sentence is short") == 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**Bold. It goes on** here and on. Next one.", "**Bold. It goes on** here and on."),
        ("Code `a. B` stays. Next one is here.", "Code `a. B` stays."),
        ("(A bracket. Closed.) Next one comes here.", "(A bracket. Closed.)"),
        ("Sin final. ¿Y esto? Más y más palabras.", "Sin final. ¿Y esto?"),
    ],
)
def test_a_sentence_is_not_cut_inside_its_marks(text, shown):
    assert prose.gist(text, 4) == shown


def test_the_question_is_shown_whole_however_long_what_comes_before_it():
    (part,) = prose.parts(LONG * 4 + "**Predict:** how many are lost?")
    assert part.kind == "question"
    assert part.html == "<p><strong>Predict:</strong> how many are lost?</p>\n"


def test_links_to_other_files_lose_their_link_and_those_to_the_web_keep_it():
    (part,) = prose.parts("[the card](../../datasets/rides/README.md), [a page](https://example.org/x).")
    assert re.findall('href=.([^"]*)', part.html) == ["https://example.org/x"]
    assert "the card" in part.html


def test_long_code_is_an_outline_and_preparation_is_nothing():
    assert code.is_preparation("import os\nfrom mlprod import start\nstart('es')\nguess = None")
    assert not code.is_preparation("import os\nos.getcwd()")
    fields = '"""What it is.\n\n    More."""\n\n    x: int\n\n'
    source = f"class A(B):\n    {fields}    def f(\n        self,\n    ):\n        return 1\n\ny = A()"
    assert code.outline(source) == (
        'class A(B):\n    """What it is."""\n    x: int\n    def f(\n        self,\n    ): ...'
    )
    assert code.outline("x = 1\nprint(x)") == ""


def test_stacks_titles_notes_and_what_is_left_out(lessons):
    lesson = next(one for one in lessons if one.lang == "en")
    stacks = deck.slides(lesson.notebook, "en")
    titles = [[slide.title for slide in stack] for stack in stacks]
    assert titles[0] == ["Small queues", deck.GOALS["en"]]
    assert titles[1] == ["Little's law", "Little's law", "Experiment: many rows"]
    blocks = [block for stack in stacks for slide in stack for block in slide.blocks]
    shown, said = "".join(block.html for block in blocks), "".join(block.note for block in blocks)
    assert "hummingbird" in said and "hummingbird" not in shown
    assert "The <strong>rest" not in shown and "<strong>The\nrest is said.</strong>" in said
    for absent in ("tasks = 3", "start(", "tasks_left", "<iframe", "bar", "Español"):
        assert absent not in re.sub("<[^i][^>]*>", "", shown), absent
    kinds = [block.kind for block in blocks]
    for kind in ("diagram", "question", "table", "figure", "note", "text", "code folded"):
        assert kind in kinds, kind
    assert kinds.count("table") == 1 and all(b.fragment for b in blocks if b.kind == "table")


def test_outputs_of_other_code_are_not_shown(tiny, tmp_path):
    source = executed.load(tiny / "lessons" / f"{UNIT}.py")
    path = tmp_path / executed.EXECUTED / course.notebook("lessons", UNIT, "es", Path())
    path.parent.mkdir(parents=True)
    text = (tiny / path.relative_to(tmp_path)).read_text()
    path.write_text(text)
    assert executed.lesson(source, "es", tmp_path).complete
    path.write_text(text.replace("range(40)", "range(41)"))
    lesson = executed.lesson(source, "es", tmp_path)
    assert not lesson.complete
    assert not any(cell.get("outputs") for cell in lesson.notebook.cells), "the only ones were of the changed cell"


def test_where_the_course_lies_on_this_machine_stays_here(lessons, tiny):
    texts = [str(cell.get("outputs")) for cell in lessons[0].notebook.cells]
    assert any("~/mlprod/.venv" in text for text in texts) and not any(str(tiny) in text for text in texts)


@pytest.fixture(scope="module")
def written(lessons, fetched, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slides.write(lessons, folder)
    return folder


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["es", "en"])
def test_no_slide_overflows_and_every_row_line_and_word_is_there(written, browser, lang):
    asked = []
    page = open_deck(browser, written / lang / f"{UNIT}.html")
    page.on("request", lambda request: asked.append(request.url))
    count, found = overflows(page)
    assert not found
    assert count > 8, "forty rows and sixty long lines do not fit on one slide"
    assert page.locator("tbody tr th").all_text_contents() == [str(n) for n in range(40)]
    printed = "\n".join(page.locator("pre.out").all_text_contents())
    assert [int(line.split()[0]) for line in printed.split("\n") if line[0].isdigit()] == list(range(60))
    assert page.locator("mjx-container svg").count() >= 2 and page.locator(".drawn svg").count() == 1
    assert page.locator("html").get_attribute("lang") == lang
    assert not [url for url in asked if url.startswith("http")]
    page.close()


@pytest.mark.browser
def test_speaker_notes_whole_code_and_twin(written, browser):
    page = open_deck(browser, written / "en" / f"{UNIT}.html")
    page.evaluate("Reveal.slide(1, 0)")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    opened.value.wait_for_function(
        "document.querySelector('.speaker-controls-notes')?.innerText.includes('hummingbird')"
    )
    opened.value.close()
    page.locator("#twin").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/es/{UNIT}\.html#/1$"))
    page.wait_for_selector("html[data-ready]", state="attached")
    button = page.locator("button.whole").first
    page.evaluate("Reveal.slide(1, 99)")
    where = page.evaluate("(b => Reveal.getIndices(b.closest('section')))(document.querySelector('button.whole'))")
    page.evaluate(f"Reveal.slide({where['h']}, {where['v']}, 99)")
    button.click()
    assert "return total" in page.locator("dialog[open]").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.close()


@pytest.mark.browser
def test_slides_and_their_index_are_accessible(written, browser):
    page = open_deck(browser, written / "es" / f"{UNIT}.html")
    for h, v in [(0, 0), (1, 0), (1, 1), (1, 2)]:
        page.evaluate(f"Reveal.slide({h}, {v}, 99)")
        assert not violations(page), (h, v)
        screenshot(page, f"slides_{h}_{v}")
    for name in ("index.html", "es/index.html"):
        page.goto((written / name).as_uri())
        assert not violations(page), name
    page.close()


def test_the_index_lists_what_is_there(written):
    text = (written / "es/index.html").read_text()
    assert f'href="{UNIT}.html"' in text and "Colas pequeñas" in text


@pytest.mark.browser
def test_slides_as_pdf(written, browser, tmp_path):
    printing.print_deck(browser, written / "es" / f"{UNIT}.html", tmp_path / "slides.pdf")
    content = (tmp_path / "slides.pdf").read_bytes()
    assert content.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", content)) > 8
    assert b"/Subtype /Image" in content


def test_pdf_says_what_to_do_first(tiny, tmp_path):
    with pytest.raises(CourseError, match="make slides"):
        list(pdf.write(None, tiny, tmp_path, decks=True))
    with pytest.raises(CourseError, match="make site"):
        list(pdf.write(None, tiny, tmp_path))
