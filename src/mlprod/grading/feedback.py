"""Feedback: nbgrader's own step, with what a student may see, explained, as a page and as a text beside it."""

from __future__ import annotations

import contextlib
import html
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

import bleach
from jinja2 import Environment, FileSystemBytecodeCache
from jinja2.bccache import Bucket
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from nbgrader.api import BaseCell, Grade, Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy import select
from traitlets import List
from traitlets.config import Config

from mlprod import course
from mlprod.grading import incidents
from mlprod.grading.explain import Explained, explain, title_of
from mlprod.grading.student_view import TEXT, language_of, student_view
from mlprod.grading.summary import FILE, Heading, summary
from mlprod.grading.words import WORDS
from mlprod.language import Language

TAGS = frozenset(
    ["a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3"]
    + ["h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup"]
    + ["table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"]
)
TOLD = ("edited", "missing", "copied", "unknown", "file", "time", "tampered")  # incidents that a student should know of
HEADING = re.compile(r"#{1,4} +\S")
IMAGE = re.compile(r"<img(?![^>]*\balt=)")
ATTRIBUTES = frozenset(["align", "alt", "class", "colspan", "height", "id", "rowspan", "scope", "title", "width"])


class StudentView(NbGraderPreprocessor):
    """Turn a graded notebook into what its student may see. Goes after GetGrades."""

    # nbconvert configures it on every preprocessor of an HTML exporter, and nbgrader's classes hide it
    display_data_priority = List().tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        about = resources["nbgrader"]
        lang, pending = language_of(nb), self._pending(about)
        tasks = prepare(nb, lang, self._root(), about["assignment"], resources, pending)
        penalty = float(about.get("late_penalty") or 0.0)
        notes = tuple(resources["feedback"]["notes"])
        heading = Heading(about["assignment"], about["student"], about["score"], about["max_score"], penalty, notes)
        # what is among the outputs is written beside the page, by nbgrader's own writer
        outputs = resources.setdefault("outputs", {})
        outputs[FILE] = summary(heading, tasks, lang).encode()
        return nb, resources

    def _root(self) -> Path:
        directory = self.config.get("CourseDirectory", {})
        return Path(directory["root"]) if "root" in directory else course.root()

    @staticmethod
    def _pending(resources: dict[str, str]) -> set[str]:
        """The grade ids of this submission that a person still has to grade."""
        with Gradebook(resources["db_url"]) as gradebook:
            notebook = gradebook.find_submission_notebook(
                resources["notebook"], resources["assignment"], resources["student"]
            )
            mine = select(BaseCell.name).join(Grade, Grade.cell_id == BaseCell.id)
            return set(gradebook.db.scalars(mine.where(Grade.notebook_id == notebook.id, Grade.needs_manual_grade)))


def prepare(
    nb: NotebookNode,
    lang: Language,
    root: Path,
    assignment: str,
    resources: dict[str, Any],
    pending: Collection[str] = (),
    notes: Sequence[str] = (),
) -> list[Explained]:
    """Make `nb` what its student may see and give the template what it needs; returns its tasks, explained.

    The cells of `nb` hold their scores, as GetGrades leaves them; `notes` go under the score.
    """
    if put_right := [one for one in incidents.of(nb) if one["what"] in TOLD]:
        notes = [*notes, f"{WORDS[lang]['noted']}: {incidents.text(put_right, lang)}."]
    student_view(nb, lang, pending)
    tasks = explain(nb, lang, root, assignment, pending)
    text = TEXT[lang] | WORDS[lang]
    title = title_of(nb, assignment)
    resources["feedback"] = {"lang": lang, "text": text, "tasks": tasks, "notes": list(notes), "title": title}
    return tasks


class Compiled(FileSystemBytecodeCache):
    """Templates as they were compiled: by another exporter of this process, else in another one.

    They lie in the environment, as the bytecode of its modules does; where that cannot be written to, nothing is kept.
    """

    def __init__(self) -> None:
        self.code: dict[tuple[str, str], CodeType] = {}
        folder = Path(sys.prefix, "var", "mlprod", "templates")
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        super().__init__(str(folder))

    def load_bytecode(self, bucket: Bucket) -> None:
        key = bucket.key, bucket.checksum
        if key not in self.code:
            with contextlib.suppress(OSError):
                super().load_bytecode(bucket)
            self._keep(bucket)
        bucket.code = self.code.get(key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._keep(bucket)
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)

    def _keep(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self.code[bucket.key, bucket.checksum] = bucket.code


_compiled = Compiled()


class FeedbackExporter(HTMLExporter):
    """nbconvert's HTML with this course's template; a student's own HTML and scripts are made harmless."""

    def __init__(self, config: Config | None = None, **options: Any) -> None:
        # under this class's own name: HTMLExporter's settings are the formgrader's too
        mine = Config({"template_name": "course_feedback", "sanitize_html": True, "exclude_anchor_links": True})
        mine.extra_template_basedirs = [str(Path(__file__).parent / "templates")]
        config = Config(config or {})
        config.FeedbackExporter = mine
        super().__init__(config=config, **options)

    def _create_environment(self) -> Environment:
        environment = super()._create_environment()
        environment.bytecode_cache = _compiled
        return environment

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        # HTMLExporter's own, without reading the whole page again to mend it: that took as long as writing it
        self.register_filter("highlight_code", highlighted)
        page, resources = super(HTMLExporter, self).from_notebook_node(nb, self._init_resources(resources), **options)
        alt = html.escape(TEXT[resources["feedback"]["lang"]]["no_alt"])
        return IMAGE.sub(f'<img alt="{alt}"', page), resources

    def default_filters(self) -> Iterable[tuple[str, Any]]:
        yield from super().default_filters()
        yield "clean_html", harmless  # nbconvert's own shows even <p> and <h1> as text
        yield "lower_headings", lower_headings
        yield "headings_only", headings_only


def harmless(markup: str | bytes) -> str:
    """`markup` with prose, tables and images let be, and everything that could run or load something made text."""
    text = markup.decode() if isinstance(markup, bytes) else str(markup)
    return bleach.clean(text, tags=TAGS, attributes=_allowed, protocols=["http", "https", "mailto", "data"])


@lru_cache(maxsize=512)  # a class has the same tests
def highlighted(source: str) -> str:
    """Code as HTML, coloured; what is in it is text."""
    return Highlight2HTML(pygments_lexer="ipython3")(source)


def headings_only(source: str) -> str:
    """The headings of a markdown cell: the prose is in the student's own notebook."""
    return "\n\n".join(line for line in source.split("\n") if HEADING.match(line))


def lower_headings(markup: str) -> str:
    """`markup` with its headings two levels lower: those of the notebook stand below the page's own."""
    return re.sub(r"<(/?)h([1-6])\b", lambda found: f"<{found[1]}h{min(6, int(found[2]) + 2)}", markup)


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return tag == "a" and not value.strip().lower().startswith("data:")
    if name == "src":
        return tag == "img" and value.startswith("data:image/")
    return name in ATTRIBUTES
