"""The site: no answers, search and twin pages without a network, links that lead somewhere, no barrier."""

from __future__ import annotations

import fcntl
import os
import re
import shutil

import pytest
import typer

from mlprod.errors import CourseError
from mlprod.publish import browser as printing
from mlprod.publish import commands, excerpts, links, site, stage
from tests.browsing import screenshot, violations
from tests.publish.conftest import UNIT, make_course

ANSWERS = ("zanahoria", "berenjena", "pepinilla", "gherkin", "la cola es una pila", "a queue is a stack")


@pytest.fixture(scope="module")
def written(lessons, tiny, fetched, tmp_path_factory):
    """The site, for reading: Sphinx takes seconds, so pytest's workers share one."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "built" / "site"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "index.html").is_file():
            site.write(lessons, tiny, folder)
    return folder


@pytest.fixture
def page(browser):
    asked = []
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.on("request", lambda request: asked.append(request.url))
    yield tab
    tab.close()
    assert not [url for url in asked if url.startswith("http")], "a page that asks the network"


def test_no_answer_in_any_page_and_the_scan_sees_one(written, tiny, tmp_path):
    text = "".join(path.read_text() for path in written.rglob("*.html"))
    for name in ("searchindex.js", "texts.js"):
        found = list(written.rglob(name))
        assert len(found) == 2, name
        text += "".join(path.read_text() for path in found)
    assert [word for word in ANSWERS if word in text] == []
    assert "The oldest task of" in text, "the exercise itself is there"
    exercise, _ = site._exercise(tiny / "solutions" / f"{UNIT}.py", tiny)
    pages = {lang: tmp_path / lang for lang in ("es", "en")}
    for lang, folder in pages.items():
        shutil.copytree(written / lang, folder, ignore=shutil.ignore_patterns("_static"))
    assert site.secrets([exercise], pages) == []
    path = pages["en"] / "exercises" / f"{UNIT}.html"
    clean = path.read_text()
    path.write_text(clean.replace("</article>", "<pre>    <b>return</b> queue.pop(0)  # zanahoria\n</pre></article>"))
    assert [message for message in site.secrets([exercise], pages) if "zanahoria" in message]
    path.write_text(clean.replace("</article>", "<p>Because the gherkin waits for its turn.</p></article>"))
    assert site.secrets([exercise], pages)


def test_an_answer_in_a_notebook_stops_the_site(tiny, lessons, fetched, tmp_path, monkeypatch):
    exercise, texts = site._exercise(tiny / "solutions" / f"{UNIT}.py", tiny)
    assert site.in_notebooks([(exercise, texts)]) == []
    told = {
        lang: text.replace("The oldest task of", "x\\nBecause the gherkin waits for its turn.\\n")
        for lang, text in texts.items()
    }
    monkeypatch.setattr(site, "_exercise", lambda path, root: (exercise, told))
    with pytest.raises(CourseError, match="gherkin"):
        site.write(lessons, tiny, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_words_around_a_hit_are_of_the_prose_before_the_code():
    title, code = "<h1>Queues<a class='headerlink'>#</a></h1>", "<pre>median = 2</pre>"
    page = f"<nav>Lessons</nav><article>{title}\n{code}<p>The median, <b>then</b>.</p></article>"
    assert excerpts.text(page) == "Queues The median, then. median = 2"
    assert excerpts.text("<main>nothing</main>") == ""


def test_one_unit_does_not_take_the_place_of_the_others(tmp_path, monkeypatch, capsys):
    """`mlprod site 92` on a site of two units: the other one is in it again, as it was last executed."""
    root = make_course(tmp_path / "course")
    text = (root / "lessons" / f"{UNIT}.py").read_text()
    (root / "lessons/92_more.py").write_text(text.replace('unit: "91"', 'unit: "92"').replace("range(40)", "range(41)"))
    wrote = []
    monkeypatch.setenv("MLPROD_ROOT", str(root))
    monkeypatch.setattr(site, "write", lambda found, root, folder: wrote.append(found) or folder / "index.html")
    app = typer.Typer()
    commands.register(app)

    def names(unit: str) -> list[str]:
        app(["site", unit, "--quick"], standalone_mode=False)
        return [f"{one.lang} {one.source.unit}" for one in wrote[-1]]

    assert names("91") == ["es 91", "en 91"], "there was no site"
    for name in (UNIT, "92_more", "93_gone"):
        page = root / "build/site/es/lessons" / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.touch()
    assert names("92") == ["es 91", "en 91", "es 92", "en 92"]
    assert wrote[-1][0].complete and "91_queues" not in capsys.readouterr().out
    assert names("91") == ["es 91", "en 91", "es 92", "en 92"]
    assert "92_more (es)" in capsys.readouterr().out, "it has no outputs, and that is said"


def test_every_link_and_anchor_of_the_pages_leads_somewhere(written, tmp_path):
    assert links.check_pages(written) == []
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html">x</a><a href="#no">x</a><a href="#top">x</a>')
    assert links.check_pages(tmp_path) == ["a.html: b.html: no such file", "a.html: #no: no such anchor"]


def test_languages_titles_and_alternative_texts(written):
    for path in written.rglob("*.html"):
        text = path.read_text()
        lang = path.relative_to(written).parts[0]
        if lang in ("es", "en"):
            assert re.search(r"<html[^>]* lang=\"(\w+)\"", text)[1] == lang, path
        for image in re.findall(r"<img[^>]*>", text):
            assert re.search(r'alt="[^"]+"', image), f"{path}: {image[:80]}"


def test_a_link_to_a_file_that_is_not_in_the_site_is_refused():
    pages = {"lessons/es/01_a.ipynb": "lessons/01_a.ipynb", "datasets/x/README.md": "data/x.md"}
    text = "[x](../../datasets/x/README.md#the-end) `[y](../z)` [w](https://example.org)"
    shown = stage.relinked(text, "lessons/es/01_a.ipynb", pages)
    assert shown == "[x](../data/x.md#the-end) `[y](../z)` [w](https://example.org)"
    with pytest.raises(CourseError, match=r"01_a\.ipynb"):
        stage.relinked("[x](../../src/a.py)", "lessons/es/01_a.ipynb", pages)


@pytest.mark.browser
def test_search_finds_a_lesson_and_shows_the_words_around_without_a_server(written, page):
    page.goto((written / "en/search.html").as_uri() + "?q=hummingbird")
    page.wait_for_selector("ul.search li a")
    assert f"lessons/{UNIT}.html" in page.locator("ul.search li a").first.get_attribute("href")
    around = page.locator("ul.search li p.context").first.inner_text()
    assert "hummingbird" in around and 20 < len(around) < 300
    page.goto((written / "es/search.html").as_uri() + "?q=colas")
    page.wait_for_selector("ul.search li a")
    page.wait_for_function("document.querySelector('.search-summary').innerText.includes('páginas contienen')")


@pytest.mark.browser
def test_the_language_switch_goes_to_the_twin_at_the_same_section(written, page):
    page.goto((written / "es/lessons" / f"{UNIT}.html").as_uri())
    page.wait_for_selector(".diagram svg[role=img]")  # until it is drawn, what is below it moves
    page.evaluate("document.querySelector('h3').scrollIntoView({ behavior: 'instant' })")
    box = page.locator("a.twin:visible").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # click() scrolls, as nobody does
    page.wait_for_url(re.compile(rf"/en/lessons/{UNIT}\.html#s-2$"))
    assert page.locator("h1").first.inner_text().startswith("Small queues")
    heading = page.locator("h3").first
    assert heading.inner_text().startswith("Experiment: many rows")
    assert abs(heading.bounding_box()["y"]) < 400


@pytest.mark.browser
def test_formulas_diagrams_and_keyboard(written, page):
    page.goto((written / "es/lessons" / f"{UNIT}.html").as_uri())
    page.wait_for_selector("mjx-container svg")
    page.wait_for_selector(".diagram svg[role=img]")
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.closest('.search-button-field, .twin, .bd-links, .nav-item')?.className ?? ''"
            )
        )
    for part in ("search-button", "twin", "nav-item"):
        assert any(part in name for name in reached), f"Tab does not reach {part}: {reached}"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("scheme", "width", "names"),
    [
        ("light", 1280, ["es/index", "es/search", f"es/lessons/{UNIT}", f"en/lessons/{UNIT}", f"es/exercises/{UNIT}"]),
        ("dark", 1280, [f"es/lessons/{UNIT}", f"en/exercises/{UNIT}"]),
        ("light", 390, [f"en/lessons/{UNIT}"]),
    ],
)
def test_no_serious_barrier(written, browser, scheme, width, names):
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for name in names:
        tab.goto((written / f"{name}.html").as_uri())
        tab.wait_for_load_state("load")
        assert not violations(tab), name
        screenshot(tab, f"site_{name.replace('/', '_')}_{scheme}_{width}")
    tab.close()


@pytest.mark.browser
def test_a_lesson_as_pdf(written, browser, tmp_path):
    printing.print_page(browser, written / "es/lessons" / f"{UNIT}.html", tmp_path / "lesson.pdf")
    content = (tmp_path / "lesson.pdf").read_bytes()
    assert content.startswith(b"%PDF") and b"/Subtype /Image" in content
