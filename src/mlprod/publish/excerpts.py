"""Texts of the pages for the search from the disk, where a browser lets no page read another: `_static/texts.js`.

Sphinx's search fetches each page that it has found, to show the words around the hit; site.js answers from here.
"""

from __future__ import annotations

import json
from pathlib import Path

NAME = "texts.js"


def write(pages: Path) -> None:
    """Write the texts of the pages below `pages`, which Sphinx has just written there."""
    texts = {
        path.relative_to(pages).with_suffix("").as_posix(): text(path.read_text(encoding="utf-8"))
        for path in sorted(pages.rglob("*.html"))
        if "_static" not in path.parts
    }
    script = f"window.mlprodTexts = {json.dumps(texts, ensure_ascii=False)};\n"
    (pages / "_static" / NAME).write_text(script, encoding="utf-8")


def text(page: str) -> str:
    """What a page says, in one line, its code last: the words around a hit are rather those of the prose."""
    from bs4 import BeautifulSoup

    article = BeautifulSoup(page, "html.parser").select_one("article")
    if article is None:  # the search's own page
        return ""
    for tag in article.select(".headerlink, script, style"):
        tag.decompose()
    code = [tag.extract() for tag in article.select("pre")]
    return " ".join(" ".join(part.get_text() for part in (article, *code)).split())
