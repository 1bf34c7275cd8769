"""`make slides`: a reveal.js lecture for each lesson and language in build/slides, to open without a network.

build/slides/index.html  {es,en}/index.html  {es,en}/UNIT.html  assets/
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlprod.lab import page_files
from mlprod.language import LANGUAGES
from mlprod.publish import code, deck
from mlprod.publish.executed import Lesson
from mlprod.publish.texts import COURSE, DECK, NAMES, OTHER

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("reveal.js", "reveal.css", "white.css", "notes.js", "mermaid.min.js", "tex-svg.js")


def write(lessons: Sequence[Lesson], folder: Path) -> list[Path]:
    """Write the lectures of `lessons` and their indexes into `folder`; returns the lectures.

    Raises CourseError when a file that the set-up fetches is missing.
    """
    scripts = page_files.need(*SCRIPTS)
    assets = folder / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    for file in [*scripts, TEMPLATES / "deck.js"]:
        shutil.copy(file, assets / file.name)
    look = (TEMPLATES / "deck.css").read_text(encoding="utf-8") + code.style()
    (assets / "deck.css").write_text(look, encoding="utf-8")
    written = []
    for lesson in lessons:
        path = folder / lesson.lang / f"{lesson.source.name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(page(lesson), encoding="utf-8")
        written.append(path)
    _indexes(folder)
    return written


def page(lesson: Lesson) -> str:
    """The HTML of a lecture."""
    lang, source = lesson.lang, lesson.source
    stacks = deck.slides(lesson.notebook, lang)
    everything = "".join(block.html for stack in stacks for slide in stack for block in slide.blocks)
    return _template("deck.html.j2").render(
        lang=lang,
        other=OTHER[lang],
        title=source.title[lang],
        course=COURSE[lang],
        name=source.name,
        facts=f"{DECK[lang]['unit']} {source.unit} · {source.minutes} min",
        words=DECK[lang],
        stacks=stacks,
        math=r"\(" in everything or r"\[" in everything,
        diagrams='class="mermaid"' in everything,
    )


def _indexes(folder: Path) -> None:
    """A list of what lies in `folder`, also of what an earlier call wrote."""
    for lang in LANGUAGES:
        found = sorted(path for path in (folder / lang).glob("[0-9]*.html"))
        (folder / lang).mkdir(exist_ok=True)
        text = _template("deck_index.html.j2").render(
            lang=lang,
            other=OTHER[lang],
            course=COURSE[lang],
            words=DECK[lang],
            lectures=[(path.name, path.stem.split("_")[0], _title(path)) for path in found],
        )
        (folder / lang / "index.html").write_text(text, encoding="utf-8")
    (folder / "index.html").write_text(door(lambda lang: DECK[lang]["slides"]), encoding="utf-8")


def door(title: Any) -> str:
    """A first page that leads to the reader's language; `title` gives its name in each."""
    return _template("door.html.j2").render(
        languages=[(lang, NAMES[lang], COURSE[lang], title(lang)) for lang in LANGUAGES]
    )


def _title(path: Path) -> str:
    import html

    text = path.read_text(encoding="utf-8")
    return html.unescape(text[text.index("<title>") + 7 : text.index("</title>")].rpartition(" · ")[0])


@lru_cache(maxsize=8)
def _template(name: str) -> Any:
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(name)
