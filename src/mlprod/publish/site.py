"""`make site`: the executed course as pages in both languages, by Sphinx and MyST-NB, to read without a network.

build/site/index.html  {es,en}/index.html  {es,en}/lessons/UNIT.html  {es,en}/exercises/UNIT.html
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlprod import course
from mlprod.authoring.model import Source
from mlprod.errors import CourseError
from mlprod.lab import page_files
from mlprod.lab.bundles import MARKS
from mlprod.language import LANGUAGES, Language, tr
from mlprod.publish import slides
from mlprod.publish.executed import Lesson
from mlprod.publish.stage import stage
from mlprod.publish.texts import COURSE, NAMES, SITE

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("mermaid.min.js", "tex-svg.js")


def write(lessons: Sequence[Lesson], root: Path, folder: Path) -> Path:
    """Write the site with `lessons` and their exercises into `folder`; returns its first page.

    Raises CourseError for what Sphinx warns of, for an answer in a page (the pages are then removed), or when a file
    that the set-up fetches is missing.
    """
    scripts = page_files.need(*SCRIPTS)
    work = folder.parent / f"{folder.name}-work"
    names = {lesson.source.name for lesson in lessons}
    exercises = [_exercise(path, root) for path in course.sources("solutions", root) if path.stem in names]
    for lang in LANGUAGES:
        source, target = work / lang, folder / lang
        mine = [lesson for lesson in lessons if lesson.lang == lang]
        stage(mine, [(one, texts[lang]) for one, texts in exercises], lang, root, source)
        static = source / "_static"
        static.mkdir()
        for file in [*scripts, TEMPLATES / "site.css", TEMPLATES / "site.js"]:
            shutil.copy(file, static / file.name)
        shutil.rmtree(target, ignore_errors=True)
        _sphinx(source, target, work / f"{lang}-doctrees", lang)
    (folder / "index.html").write_text(slides.door(lambda lang: NAMES[lang]), encoding="utf-8")
    if leaked := secrets([source for source, _ in exercises], folder):
        for lang in LANGUAGES:
            shutil.rmtree(folder / lang)
        raise CourseError(
            tr(es="No hay sitio: tendría respuestas en\n", en="No site: it would hold answers in\n")
            + "\n".join(leaked[:10])
        )
    return folder / "index.html"


def secrets(exercises: Sequence[Source], folder: Path) -> list[str]:
    """What of solutions, hidden tests and model answers stands in the pages: a message for each page and line."""
    from mlprod.grading.leaks import secret_lines

    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".txt", ".ipynb", ".js", ".md") and "_static" not in path.parts:
            text = path.read_text(encoding="utf-8")
            found += [f"{path}: {mark}" for mark in MARKS if mark in text]
    for source in exercises:
        for lang in LANGUAGES:
            path = folder / lang / "exercises" / f"{source.name}.html"
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


def _sphinx(source: Path, target: Path, doctrees: Path, lang: Language) -> None:
    """Run Sphinx; raises CourseError with its warnings when there are any."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    warnings = io.StringIO()
    with patch_docutils(None), docutils_namespace():
        app = Sphinx(
            source, None, target, doctrees, "html", _configuration(lang), io.StringIO(), warnings, freshenv=True
        )
        app.build(force_all=True)
    for leftover in (".buildinfo", "objects.inv", ".doctrees"):
        (target / leftover).unlink(missing_ok=True)
    told = re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue()).strip()
    if told:
        raise CourseError(f"Sphinx ({lang}):\n{told}")


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
            "navbar_align": "left",
            "navbar_center": ["navbar-nav"],
            "navbar_end": ["language", "theme-switcher"],
            "navbar_persistent": ["search-button-field"],
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
