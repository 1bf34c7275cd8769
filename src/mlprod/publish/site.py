"""`make site`: the executed course as pages in both languages, by Sphinx and MyST-NB, to read without a network.

build/site/index.html  {es,en}/index.html  {es,en}/lessons/UNIT.html  {es,en}/exercises/UNIT.html
"""

from __future__ import annotations

import io
import json
import multiprocessing
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from mlprod import course
from mlprod.authoring.model import Source
from mlprod.errors import CourseError
from mlprod.lab import page_files
from mlprod.lab.bundles import MARKS
from mlprod.language import LANGUAGES, Language, tr
from mlprod.publish import excerpts, slides
from mlprod.publish.executed import Lesson
from mlprod.publish.stage import stage
from mlprod.publish.texts import COURSE, SITE

TEMPLATES = Path(__file__).with_name("templates")
FOUND = {
    "Search finished, found one page matching the search query.": [
        "Búsqueda terminada: una página contiene lo que buscas.",
        *(2 * ["Búsqueda terminada: ${resultCount} páginas contienen lo que buscas."]),
    ]
}
SCRIPTS = ("mermaid.min.js", "tex-svg.js")


def write(lessons: Sequence[Lesson], root: Path, folder: Path) -> Path:
    """Write the site with `lessons` and their exercises into `folder`; returns its first page.

    Raises CourseError for what Sphinx warns of, for an answer in a page (the site is then not there), or when a file
    that the set-up fetches is missing.
    """
    scripts = page_files.need(*SCRIPTS)
    names = {lesson.source.name for lesson in lessons}
    exercises = [_exercise(path, root) for path in course.sources("solutions", root) if path.stem in names]
    _refuse(in_notebooks(exercises))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as temporary:
        work = Path(temporary)
        for lang in LANGUAGES:
            mine = [lesson for lesson in lessons if lesson.lang == lang]
            stage(mine, [(one, texts[lang]) for one, texts in exercises], lang, root, work / lang / "source")
            for file in [*scripts, TEMPLATES / "site.css", TEMPLATES / "site.js"]:
                static = work / lang / "source/_static"
                static.mkdir(exist_ok=True)
                shutil.copy(file, static / file.name)
        # a process for each: Sphinx keeps the language of its messages for as long as a process lives
        with ProcessPoolExecutor(len(LANGUAGES), multiprocessing.get_context("spawn")) as pool:
            for told in pool.map(sphinx, [work / lang for lang in LANGUAGES], LANGUAGES):
                if told:
                    raise CourseError(told)
        _refuse(secrets([source for source, _ in exercises], {lang: work / lang / "html" for lang in LANGUAGES}))
        for lang in LANGUAGES:
            shutil.rmtree(folder / lang, ignore_errors=True)
            shutil.move(work / lang / "html", folder / lang)
    (folder / "index.html").write_text(slides.door(lambda lang: SITE[lang]["door"]), encoding="utf-8")
    return folder / "index.html"


def units_in(folder: Path) -> set[str]:
    """The names of the units of which the site in `folder` has the lesson."""
    return {path.stem for path in (folder / LANGUAGES[0] / "lessons").glob("[0-9]*.html")}


def in_notebooks(exercises: Sequence[tuple[Source, Mapping[Language, str]]]) -> list[str]:
    """What of the answers stands in the notebooks that the pages are made of: `make release`'s own comparison.

    In the pages themselves (see `secrets`) prose has lost its markup, so that fewer of its lines would be recognised.
    """
    from mlprod.grading.leaks import secret_lines

    found = []
    for source, texts in exercises:
        for lang, text in texts.items():
            cells = json.loads(text)["cells"]
            lines = {line.strip() for cell in cells for line in "".join(cell["source"]).split("\n")}
            found += [f"{source.name} ({lang}): {line}" for line in sorted(lines & secret_lines(source, lang))]
    return found


def _refuse(leaked: Sequence[str]) -> None:
    if leaked:
        raise CourseError(
            tr(es="No hay sitio: tendría respuestas en\n", en="No site: it would hold answers in\n")
            + "\n".join(leaked[:10])
        )


def secrets(exercises: Sequence[Source], folders: Mapping[Language, Path]) -> list[str]:
    """What of solutions, hidden tests and model answers stands in the pages: a message for each page and line."""
    from mlprod.grading.leaks import secret_lines

    found = []
    for path in sorted(path for folder in folders.values() for path in folder.rglob("*")):
        if path.suffix in (".html", ".txt", ".ipynb", ".js", ".md") and "_static" not in path.parts:
            text = path.read_text(encoding="utf-8")
            found += [f"{path}: {mark}" for mark in MARKS if mark in text]
    for source in exercises:
        for lang, folder in folders.items():
            path = folder / "exercises" / f"{source.name}.html"
            lines = set(text_lines(path.read_text(encoding="utf-8")))
            found += [f"{path}: {line}" for line in sorted(lines & secret_lines(source, lang))]
    return found


def text_lines(page: str) -> list[str]:
    """The lines that a page's HTML shows, without tags."""
    from bs4 import BeautifulSoup

    return [line.strip() for line in BeautifulSoup(page, "html.parser").get_text().split("\n")]


def _exercise(path: Path, root: Path) -> tuple[Source, dict[Language, str]]:
    """An exercise and the notebooks that students get, made now: what somebody typed into those on disk stays there."""
    from mlprod.authoring.build import expected
    from mlprod.authoring.source import load

    texts = expected(path, root)
    return load(path), {lang: texts[course.notebook("exercises", path.stem, lang, root)] for lang in LANGUAGES}


def sphinx(work: Path, lang: Language) -> str:
    """Turn work/source into work/html; returns Sphinx's warnings, which should be none."""
    from sphinx.application import Sphinx

    warnings, pages = io.StringIO(), work / "html"
    app = Sphinx(
        *(work / "source", None, pages, work / "doctrees", "html"),
        confoverrides=_configuration(lang),
        status=io.StringIO(),
        warning=warnings,
    )
    app.build()
    for leftover in (".buildinfo", ".buildinfo.bak", "objects.inv", "_static/webpack-macros.html"):
        (pages / leftover).unlink(missing_ok=True)
    shutil.rmtree(pages / "_sources", ignore_errors=True)
    for page in pages.rglob("*.html"):
        page.write_text(_mended(page.read_text(encoding="utf-8"), lang), encoding="utf-8")
    _fill_in(pages / "_static" / "translations.js")
    excerpts.write(pages)
    told = re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue()).strip()
    return f"Sphinx ({lang}):\n{told}" if told else ""


def _fill_in(catalogue: Path) -> None:
    """What Sphinx's Spanish catalogue leaves empty: without it, a search would not say how many pages it found."""
    if not catalogue.is_file():  # English has none
        return
    text = catalogue.read_text(encoding="utf-8")
    begin, end = text.index("{"), text.rindex("}") + 1
    words = json.loads(text[begin:end])
    for message, forms in FOUND.items():
        if not all(words["messages"].get(message, [""])):
            words["messages"][message] = forms
    catalogue.write_text(text[:begin] + json.dumps(words, ensure_ascii=False) + text[end:], encoding="utf-8")


def _mended(page: str, lang: Language) -> str:
    """`page` with what theme and MyST-NB get wrong put right: names that differ from what is shown, a translation."""
    page = page.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    page = re.sub(r'(<button [^>]*search-button-field[^>]*? aria-label="[^"]*)"', r'\1 Ctrl+K"', page)
    page = page.replace("Link to this heading", SITE[lang]["heading"])
    for wrong in ("Navegación del sección", "Section Navigation"):
        page = page.replace(wrong, SITE[lang]["part"])
    return page


def _configuration(lang: Language) -> dict[str, Any]:
    words = SITE[lang]
    return {
        "project": COURSE[lang],
        "language": lang,
        "extensions": ["myst_nb", "mlprod.publish.sphinx_part"],
        "templates_path": [str(TEMPLATES / "site")],
        "exclude_patterns": ["_static"],
        "html_theme": "pydata_sphinx_theme",
        "html_title": COURSE[lang],
        "html_static_path": ["_static"],
        "html_css_files": ["site.css"],
        "html_js_files": [("site.js", {"defer": "defer"})],
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "html_use_index": False,
        "html_context": {"words": words, "default_mode": "auto"},
        "html_sidebars": {"index": [], "start": []},
        "html_theme_options": {
            "logo": {"text": "mlprod"},
            "search_bar_text": words["search"],
            "navbar_align": "left",
            "navbar_center": ["navbar-nav"],
            "navbar_end": ["theme-switcher"],
            "navbar_persistent": ["search-button-field", "language"],
            "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
            "footer_start": [],
            "footer_center": [],
            "footer_end": [],
            "show_toc_level": 2,
            "collapse_navigation": True,
            "pygments_light_style": "a11y-high-contrast-light",
            "pygments_dark_style": "a11y-high-contrast-dark",
            "back_to_top_button": True,
            "use_edit_page_button": False,
        },
        "mathjax_path": "tex-svg.js",
        "myst_enable_extensions": ["dollarmath"],
        "myst_heading_anchors": 4,
        "myst_heading_slug_func": "mlprod.publish.sphinx_part.slug",
        "nb_execution_mode": "off",
        "nb_merge_streams": True,
        "nb_code_prompt_show": words["show_code"],
        "nb_code_prompt_hide": words["hide_code"],
    }
