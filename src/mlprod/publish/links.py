"""Whether the links of notebooks, Markdown files and pages lead somewhere: files and anchors here, addresses by form.

problems = check(root)                  # notebooks and .md files of the course
problems = check_pages(build/site)      # a folder of HTML
external(root)                          # {address: files that name it}; .ci/external_links.py asks them
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

DOCUMENTS = ("*.md", "datasets/**/*.md", "docker/*.md", "grading/*.md", "decisions/*.md", ".github/*.md")
NOTEBOOKS = ("lessons/*/*.ipynb", "exercises/*/*/*.ipynb", "solutions/*/*/*.ipynb")
HOST = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}")


def documents(root: Path) -> list[Path]:
    """The notebooks and Markdown files of the course whose links are checked."""
    found = {path for pattern in (*DOCUMENTS, *NOTEBOOKS) for path in root.glob(pattern)}
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def check(root: Path) -> list[str]:
    """A message for each link of the course's documents that leads nowhere or is malformed."""
    found = []
    for path in documents(root):
        for target in links(path):
            if problem := _problem(path, target, root):
                found.append(f"{path.relative_to(root)}: {target}: {problem}")
    return found


def external(root: Path) -> dict[str, list[str]]:
    """Every address on the web that a document names, and where."""
    found: dict[str, list[str]] = {}
    for path in documents(root):
        for target in links(path):
            if urlsplit(target).scheme in ("http", "https"):
                found.setdefault(target, []).append(path.relative_to(root).as_posix())
    return dict(sorted(found.items()))


def check_pages(folder: Path) -> list[str]:
    """A message for each link, picture, script or style of the pages below `folder` that is missing."""
    found, known = [], {}
    for path in sorted(folder.rglob("*.html")):
        known[path.resolve()] = _page(path)
    for path, (_, targets) in known.items():
        for target in targets:
            parts = urlsplit(target)
            if parts.scheme in ("data", "mailto", "javascript"):
                continue
            if parts.scheme or parts.netloc:
                problem = malformed(target)
            else:
                to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                if not to.is_file():
                    problem = "no such file"
                elif parts.fragment and to in known and unquote(parts.fragment) not in known[to][0]:
                    problem = "no such anchor"
                else:
                    problem = ""
            if problem:
                found.append(f"{path.relative_to(folder.resolve())}: {target}: {problem}")
    return found


def links(path: Path) -> list[str]:
    """The targets of the links and pictures of a notebook or Markdown file, code left out."""
    return [target for text in _texts(path) for target in _targets(_markdown().parse(text))]


def malformed(address: str) -> str:
    """What is wrong with the form of an address on the web; empty when nothing is."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        return f"scheme {parts.scheme!r}"
    if not HOST.fullmatch(parts.hostname or ""):
        return f"host {parts.hostname!r}"
    if re.search(r"[\s<>\"]|[.,;:]\Z", address):
        return "stray characters"
    return ""


def _problem(path: Path, target: str, root: Path) -> str:
    parts = urlsplit(target)
    if parts.scheme == "mailto":
        return ""
    if parts.scheme or parts.netloc:
        return malformed(target)
    to = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    if not to.is_relative_to(root.resolve()):
        return "outside the course"
    if not to.exists():
        return "no such file"
    if parts.fragment and unquote(parts.fragment) not in _anchors(to):
        return "no such anchor"
    return ""


@lru_cache(maxsize=512)
def _anchors(path: Path) -> frozenset[str]:
    """The names of headings, as JupyterLab has them for notebooks and GitHub for Markdown; and those of cells."""
    found: list[str] = []
    if path.suffix == ".ipynb":
        found += [f"cell-id={cell.get('id')}" for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    for text in _texts(path):
        tokens = _markdown().parse(text)
        for at, token in enumerate(tokens):
            if token.type == "heading_open":
                title = "".join(child.content for child in tokens[at + 1].children or ())
                found.append(_jupyter(title) if path.suffix == ".ipynb" else _github(title))
        found += re.findall(r'<a (?:id|name)="([^"]+)"', text)
    return frozenset(found)


def _jupyter(title: str) -> str:
    return title.strip().replace(" ", "-")


def _github(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def _texts(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [text]
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]


def _targets(tokens: Any) -> Iterator[str]:
    for token in tokens:
        if token.type == "link_open":
            yield str(token.attrs["href"])
        elif token.type == "image":
            yield str(token.attrs["src"])
        if token.children:
            yield from _targets(token.children)


def _page(path: Path) -> tuple[set[str], list[str]]:
    """The anchors of a page, and all it links to."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    anchors = {str(tag["id"]) for tag in soup.select("[id]")} | {str(tag["name"]) for tag in soup.select("a[name]")}
    targets = [str(tag["href"]) for tag in soup.select("a[href], link[href]")]
    targets += [str(tag["src"]) for tag in soup.select("img[src], script[src], iframe[src]")]
    return anchors | {""}, [target for target in targets if target != "#"]


@lru_cache(maxsize=1)
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table")
