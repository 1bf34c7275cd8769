"""The page of unit 05 in a real browser: it predicts as Python does, without a cloud, and asks nobody but 127.0.0.1."""

from __future__ import annotations

import random
import re

import nbformat
import numpy as np
import pytest

from mlprod.systems import device, device_headless, device_model, device_text, processes
from tests.browsing import CHROMIUM, MARKS, chromium, screenshot
from tests.lab.jupyterlab import open_notebook, run_all

pytestmark = [
    *MARKS,
    pytest.mark.skipif(
        not device.runtime_ready(), reason="the browser's runtime is not here (with a network: make lab)"
    ),
]
TYPED = {"es": "Para instalar el paq", "en": "To install the pack"}
LOCAL = ("http://127.0.0.1:", "data:", "blob:", "about:")


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def cloud():
    with processes.start(device.cloud_service) as cloud:
        yield cloud


@pytest.fixture
def opened(browser):
    """A function that opens a device page in a tab, ready; afterwards every request of it must have stayed here."""
    contexts, foreign, errors = [], [], []

    def open_tab(page: device.Page, **options):
        context = browser.new_context(viewport={"width": 960, "height": 520}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(60_000)
        tab.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(LOCAL) else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.url)
        tab.evaluate("window.mlprod.loaded")
        return tab

    yield open_tab
    for context in contexts:
        context.close()
    assert not foreign and not errors, (foreign[:5], errors[:5])


def chips(tab, place: str) -> list[str]:
    return tab.locator(f"#{place} .chips button").all_inner_texts()


def type_text(tab, text: str) -> None:
    """Type, and wait for the device's answer to the last letter."""
    tab.locator("#text").fill("")
    tab.locator("#text").press_sequentially(text)
    tab.evaluate("window.mlprod.suggest()")


@pytest.mark.parametrize(("lang", "scheme"), [("es", "light"), ("en", "dark")])
def test_the_page_suggests_what_python_suggests_and_so_does_the_cloud(opened, cloud, lang, scheme):
    with device.open_page(lang=lang, cloud=cloud.address) as page:
        tab = opened(page, color_scheme=scheme)
        type_text(tab, TYPED[lang])
        wanted = [found.word for found in device_model.load().suggest(TYPED[lang], lang)]
        assert chips(tab, "device") == wanted == chips(tab, "cloud")
        assert tab.locator("html").get_attribute("lang") == lang
        assert tab.locator("#cloud .badge").inner_text() == {"es": "responde", "en": "answers"}[lang]
        screenshot(tab, f"device_{lang}_{scheme}")
        keystrokes = page.typed()
        assert len(keystrokes) >= len(TYPED[lang]) and all(k.device > 0 and k.cloud > 0 for k in keystrokes[-3:])


def test_the_open_page_measures_with_the_same_logits_as_python(opened, cloud):
    texts = ["", "the package manager ", "Unknownword zzz ", "It works. Then ", "¿Qué "]
    with device.open_page(lang="en", cloud=cloud.address) as page:
        opened(page)
        measured = page.measure(count=30, cloud=True, texts=texts)
        assert measured.where == device.OPEN_PAGE and "Chrom" in measured.browser
        model = device_model.load()
        wanted = np.array([model.logits(model.encode(text, "en")) for text in texts])
        assert measured.logits.shape == wanted.shape
        assert np.abs(measured.logits - wanted).max() < 5e-5, "not equal to four decimals"
        assert measured.suggestions == [[found.word for found in model.suggest(text, "en")] for text in texts]
        assert len(measured.device) == len(measured.cloud) == 30 and None not in measured.cloud
        assert 0 < measured.mean < 1 and measured.bytes > model.size and 0 < measured.load_seconds < 60


def test_without_cloud_and_without_network_it_goes_on(opened, cloud):
    with device.open_page(lang="en", cloud="http://127.0.0.1:9") as page:
        tab = opened(page)
        type_text(tab, "The pack")
        tab.locator("#cloud .badge.bad").wait_for()
        assert tab.locator("#cloud .badge").inner_text() == "does not answer"
        assert chips(tab, "device") and not chips(tab, "cloud")
        page.set_cloud(cloud.address)  # another network, while the page is open
        tab.locator("#cloud .badge.good").wait_for()
        measured = page.measure(count=2, cloud=True)
        assert None not in measured.cloud
        page.set_cloud("http://127.0.0.1:9")
        tab.locator("#cloud .badge.bad").wait_for()
        assert page.measure(count=2, cloud=True).cloud == [None, None]
    tab.context.set_offline(True)  # the page's own server is gone as well
    type_text(tab, "To install the pack")
    assert chips(tab, "device") == [found.word for found in device_model.load().suggest("To install the pack", "en")]


def test_the_tokeniser_is_python_s(opened):
    draw = random.Random(7)
    letters = "aÑéÇßİſǅɏʼΣςжあ\U0001f642\u0301\u0308²Ⅷ"
    marks = "'’-.,;:!?¿¡()_«»…—\"0129 \t\n\r\u00a0\u2028\ufeff"
    pieces = [*letters, *marks, "apt-get", "debian.org", "El ", "3.5"]
    texts = ["".join(draw.choices(pieces, k=draw.randrange(40))) for _ in range(3000)]
    texts += device_model.paragraphs("es")[:100] + device_model.paragraphs("en")[:100]
    with device.open_page(lang="es") as page:
        tab = opened(page)
        theirs = tab.evaluate(
            "texts => texts.map(text => "
            "[mlprod.tokens(text), mlprod.splitText(text), mlprod.sentence(mlprod.tokens(text))])",
            texts,
        )
    for text, (words, parts, last) in zip(texts, theirs, strict=True):
        ours = device_text.tokens(text)
        assert (words, tuple(parts), last) == (ours, device_text.split_text(text), device_text.sentence(ours)), repr(
            text
        )


def test_it_is_used_with_the_keyboard_alone_and_by_whoever_cannot_see_it(opened):
    with device.open_page(lang="en") as page:
        tab = opened(page)
        type_text(tab, "The pack")
        second = chips(tab, "device")[1]
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("Enter")
        assert tab.locator("#text").input_value() == f"The {second} "
        assert tab.evaluate("document.activeElement.id") == "text"
        assert tab.get_by_label("Write in English").count() == 1
        assert tab.get_by_role("group", name="Suggestions of the device").count() == 1
        assert re.match(
            r"On this device: histogram of \d+ latencies, median",
            tab.locator("#device svg").get_attribute("aria-label"),
        )
        assert tab.get_by_role("status").count() == 2


def test_the_page_s_own_policy_stops_what_would_leave_this_machine(opened):
    with device.open_page(lang="en") as page:
        tab = opened(page)
        blocked = tab.evaluate(
            "() => new Promise(done => { document.addEventListener('securitypolicyviolation', e => done(e.blockedURI));"
            "fetch('http://example.org/').catch(() => {}); })"
        )
        assert blocked.startswith("http://example.org")


def test_without_an_open_page_a_browser_without_window_measures_and_goes():
    with device.open_page(lang="es") as page:
        measured = page.measure(count=5)
        assert measured.where == device.HEADLESS and len(measured.device) == 5 and measured.cloud == []
        assert device_headless.find() == CHROMIUM


NOTEBOOK = """
from mlprod import start
from mlprod.systems import device, processes
start("{lang}")
cloud = processes.start(device.cloud_service)
page = device.open_page(cloud=cloud.address)
page.show()
"""


def test_in_jupyterlab(course_copy, running_lab, free_port, browser):
    lesson = course_copy / "lessons/es/00_page.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK.format(lang="es").strip())])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lesson)
    with running_lab(course_copy, "es", "--port", str(free_port)) as lab:
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        tab.set_default_timeout(100_000)
        open_notebook(tab, lab, "lessons/es/00_page.ipynb")
        run_all(tab)
        frame = tab.frame_locator(".jp-OutputArea-output iframe")
        frame.locator("#device .badge.good").wait_for()
        frame.locator("#text").press_sequentially(TYPED["es"])
        frame.locator("#device .chips button").first.wait_for()
        frame.locator("#cloud .chips:not(.late) button").first.wait_for()
        screenshot(tab, "device_in_jupyterlab")
        tab.close()
