"""The pages of the site as Sphinx reads them: executed lessons, exercises as handed out, cards of the data, home."""

from __future__ import annotations

import copy
import html
import posixpath
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlprod import course
from mlprod.authoring.model import Source
from mlprod.authoring.navigation import without_switch
from mlprod.errors import CourseError
from mlprod.language import Language, tr
from mlprod.publish import outputs
from mlprod.publish.executed import Lesson
from mlprod.publish.texts import COURSE, SITE, START

if TYPE_CHECKING:
    from nbformat import NotebookNode

LINK = re.compile(r"(?<!!)(\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s]+)\)")
SWITCH = re.compile(r"\[(?:English|Español)\]\([^)]*\)(?: · )?")
MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


def stage(
    lessons: Sequence[Lesson], exercises: Sequence[tuple[Source, str]], lang: Language, root: Path, folder: Path
) -> None:
    """Write everything Sphinx reads in `lang` into `folder`, which is emptied before.

    `exercises` are the sources with the text of the notebook that students get. Raises CourseError for a link to a
    file that the site does not have.
    """
    import nbformat

    shutil.rmtree(folder, ignore_errors=True)
    pages = _pages(lessons, exercises, lang, root)
    for lesson in lessons:
        here = course.notebook("lessons", lesson.source.name, lang, Path()).as_posix()
        _write(folder / pages[here], nbformat.writes(page(lesson.notebook, here, lang, pages)))
    for source, text in exercises:
        here = course.notebook("exercises", source.name, lang, Path()).as_posix()
        notebook = page(nbformat.reads(text, as_version=4), here, lang, pages)
        _say_what_it_is(notebook, lang)
        _write(folder / pages[here], nbformat.writes(notebook))
    for path in [root / "datasets/README.md", *root.glob("datasets/*/README.md")]:
        here = path.relative_to(root).as_posix()
        _write(folder / pages[here], relinked(path.read_text(encoding="utf-8"), here, pages))
    _write(folder / "start.md", _known(START[lang], pages))
    _lists(lessons, exercises, lang, root, folder)


def page(notebook: NotebookNode, here: str, lang: Language, pages: dict[str, str]) -> NotebookNode:
    """`notebook`, which lies at `here` in the course, with its links, diagrams and live pages as the site has them."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(SWITCH.sub("", without_switch(cell.source)), here, pages)
            cell.source = MERMAID.sub(lambda match: f'<pre class="mermaid">{html.escape(match[1])}</pre>', cell.source)
        else:
            cell.outputs = [_without_life(output, lang) for output in cell.outputs]
    return notebook


def _say_what_it_is(notebook: NotebookNode, lang: Language) -> None:
    """Put "exercises" into the title of some, where it is the lesson's own: in a list of results both look the same."""
    first, word = notebook.cells[0], SITE[lang]["exercises"].lower()
    title, _, rest = first.source.partition("\n")
    if word not in title.lower():
        first.source = f"{title}: {word}\n{rest}"


def relinked(text: str, here: str, pages: dict[str, str]) -> str:
    """`text` (markdown of the course's file `here`) with links between files made into links of the site."""

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match[2].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        to = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        if to not in pages:
            raise CourseError(
                tr(es=f"{here}: el sitio no tiene {to}", en=f"{here}: the site does not have {to}, which it links to")
            )
        place = posixpath.relpath(pages[to], posixpath.dirname(pages[here]))
        return f"{match[1]}({place}{'#' + anchor if anchor else ''})"

    return _outside_code(text, lambda part: LINK.sub(link, part))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if at % 2 else change(part) for at, part in enumerate(CODE.split(text)))


def _pages(
    lessons: Sequence[Lesson], exercises: Iterable[tuple[Source, str]], lang: Language, root: Path
) -> dict[str, str]:
    """Where each file of the course is in the site."""
    names = [lesson.source.name for lesson in lessons]
    found = {course.notebook("lessons", name, lang, Path()).as_posix(): f"lessons/{name}.ipynb" for name in names}
    for source, _ in exercises:
        found[course.notebook("exercises", source.name, lang, Path()).as_posix()] = f"exercises/{source.name}.ipynb"
    found["datasets/README.md"] = "data/index.md"
    for path in root.glob("datasets/*/README.md"):
        found[path.relative_to(root).as_posix()] = f"data/{path.parent.name}.md"
    return found


def _without_life(output: Any, lang: Language) -> Any:
    if "data" in output and "text/html" in output.data:
        markup = output.data["text/html"]
        output.data["text/html"] = outputs.live_note(lang) if outputs.is_live(markup) else outputs.without_guess(markup)
    elif output.output_type == "stream":
        output.text = outputs.plain(output.text) + "\n"
    return output


def _lists(
    lessons: Sequence[Lesson], exercises: Sequence[tuple[Source, str]], lang: Language, root: Path, folder: Path
) -> None:
    """The pages that lead to others: home, lessons, exercises."""
    words = SITE[lang]
    graded = {source.name: source for source, _ in exercises}
    abouts = _abouts(root, lang)
    rows = []
    for lesson in lessons:
        source = lesson.source
        exercise = graded.get(source.name)
        points = f"[{exercise.points:g} {words['points']}](exercises/{source.name}.ipynb)" if exercise else "—"
        title = f"[{source.title[lang]}](lessons/{source.name}.ipynb)"
        rows.append(f"| {source.unit} | {title} | {abouts.get(source.unit, '')} | {source.minutes} min | {points} |")
    head = f"| {words['unit']} | {words['lessons']} | {words['about']} | {words['time']} | {words['exercises']} |"
    table = "\n".join([head, "|---|---|---|---|---|", *rows])
    tree = "```{{toctree}}\n:hidden:\n\n{}\n```\n"
    tops = tree.format("\n".join(["lessons/index", "exercises/index", "start", f"{words['data']} <data/index>"]))
    units = f"## {words['units']}\n\n````{{container}} units\n{table}\n````"
    first = lessons[0].source
    ways = (("primary", f"lessons/{first.name}.html", f"{words['begin']} {first.unit}"),)
    ways += (("outline-primary", "start.html", words["start"]),)
    buttons = " ".join(f'<a class="btn btn-{look}" href="{to}">{label}</a>' for look, to, label in ways)
    actions = f'<p class="actions">{buttons}</p>'
    home = "\n\n".join([f"# {COURSE[lang]}", words["lead"], words["read"], actions, units, tops])
    _write(folder / "index.md", home)
    for kind, sources in (("lessons", [one.source for one in lessons]), ("exercises", [one for one, _ in exercises])):
        titles = "\n".join(
            f"- [{_numbered(source, lang)}]({source.name}.ipynb)  \n  {abouts.get(source.unit, '')}".rstrip()
            for source in sources
        )
        names = "\n".join(f"{_numbered(source, lang)} <{source.name}>" for source in sources)
        intro = words[f"{kind}_intro"]
        _write(folder / kind / "index.md", f"# {words[kind]}\n\n{intro}\n\n{titles}\n\n{tree.format(names)}")
    cards = sorted(path.stem for path in (folder / "data").glob("*.md") if path.stem != "index")
    with (folder / "data/index.md").open("a", encoding="utf-8") as index:
        index.write("\n" + tree.format("\n".join(cards)))


def _numbered(source: Source, lang: Language) -> str:
    """ "01 · Passing data between processes": titles of exercises end in ": exercises", which the page says already."""
    return (
        f"{source.unit} · {source.title[lang].partition(': ')[0] if source.kind == 'solutions' else source.title[lang]}"
    )


def _abouts(root: Path, lang: Language) -> dict[str, str]:
    """What each unit is about, from the table in the course's README."""
    file = root / ("README.es.md" if lang == "es" else "README.md")
    rows = re.findall(r"^\| (\d\d\w?) \|.*\| ([^|]+) \|$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {unit: about.strip() for unit, about in rows}


def _known(text: str, pages: dict[str, str]) -> str:
    """`text` without the links to lessons that are not in this build."""
    there = set(pages.values())
    return LINK.sub(lambda match: match[0] if match[2] in there or ":" in match[2] else match[1][1:-1], text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
