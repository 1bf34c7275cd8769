"""Feedback pages: nbgrader's own step, with this course's idea of what a student may see and its own template."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bleach
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import List
from traitlets.config import Config

from mlprod.grading.student_view import TEXT, language_of, student_view

TAGS = frozenset(
    ["a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3"]
    + ["h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup"]
    + ["table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"]
)
ATTRIBUTES = frozenset(["align", "alt", "class", "colspan", "height", "id", "rowspan", "scope", "title", "width"])


class StudentView(NbGraderPreprocessor):
    """Turn a graded notebook into what its student may see. Goes after GetGrades."""

    # nbconvert configures it on every preprocessor of an HTML exporter, and nbgrader's classes hide it
    display_data_priority = List().tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        lang = language_of(nb)
        formulas = any(cell.cell_type == "markdown" and "$" in cell.source for cell in nb.cells)
        resources["feedback"] = {"lang": lang, "text": TEXT[lang], "formulas": formulas}
        student_view(nb, lang, self._pending(resources["nbgrader"]))
        return nb, resources

    @staticmethod
    def _pending(resources: dict[str, str]) -> set[str]:
        """The grade ids of this submission that a person still has to grade."""
        with Gradebook(resources["db_url"]) as gradebook:
            notebook = gradebook.find_submission_notebook(
                resources["notebook"], resources["assignment"], resources["student"]
            )
            return {grade.name for grade in notebook.grades if grade.needs_manual_grade}


class FeedbackExporter(HTMLExporter):
    """nbconvert's HTML with this course's template; a student's own HTML and scripts are made harmless."""

    def __init__(self, config: Config | None = None, **options: Any) -> None:
        # under this class's own name: HTMLExporter's settings are the formgrader's too
        mine = Config({"template_name": "course_feedback", "sanitize_html": True, "exclude_anchor_links": True})
        mine.extra_template_basedirs = [str(Path(__file__).parent / "templates")]
        config = Config(config or {})
        config.FeedbackExporter = mine
        super().__init__(config=config, **options)

    def default_filters(self) -> Iterable[tuple[str, Any]]:
        yield from super().default_filters()
        yield "clean_html", harmless  # nbconvert's own shows even <p> and <h1> as text


def harmless(markup: str | bytes) -> str:
    """`markup` with prose, tables and images let be, and everything that could run or load something made text."""
    text = markup.decode() if isinstance(markup, bytes) else str(markup)
    return bleach.clean(text, tags=TAGS, attributes=_allowed, protocols=["http", "https", "mailto", "data"])


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return tag == "a" and not value.strip().lower().startswith("data:")
    if name == "src":
        return tag == "img" and value.startswith("data:image/")
    return name in ATTRIBUTES
