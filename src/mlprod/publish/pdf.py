"""`make pdf`: lessons, or their slides, as PDF: Chromium prints the pages that `make site` or `make slides` wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.language import LANGUAGES, tr
from mlprod.publish import browser
from mlprod.publish.executed import chosen


def write(units: Sequence[str] | None, root: Path, folder: Path, *, decks: bool = False) -> Iterator[Path]:
    """Print the lessons of `units` (all for none) in both languages into `folder`; yields each PDF.

    Raises CourseError, with what to do, when the pages are not there or this machine has no Chromium.
    """
    names = [path.stem for path in chosen(units, root)]
    pages = {
        folder / lang / (f"{name}-slides.pdf" if decks else f"{name}.pdf"): root
        / "build"
        / (f"slides/{lang}/{name}.html" if decks else f"site/{lang}/lessons/{name}.html")
        for name in names
        for lang in LANGUAGES
    }
    if missing := [page.relative_to(root).as_posix() for page in pages.values() if not page.is_file()]:
        first = "slides" if decks else "site"
        raise CourseError(
            tr(es=f"Antes: make {first}. Falta {missing[0]}", en=f"First: make {first}. {missing[0]} is missing")
        )
    with browser.chromium() as opened:
        for target, page in pages.items():
            (browser.print_deck if decks else browser.print_page)(opened, page, target)
            yield target
