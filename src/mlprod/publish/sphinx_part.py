"""What the course adds to Sphinx: anchors that both languages share, JupyterLab's names of headings, the way across."""

from __future__ import annotations

import re
from typing import Any


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-read", number_sections)
    app.connect("html-page-context", lead_across)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def slug(title: str) -> str:
    """The anchor of a heading as JupyterLab has it, which is how the lessons link to headings."""
    return re.sub(r"\s+", "-", title.strip())


def number_sections(app: Any, doctree: Any) -> None:
    """Give every section the anchor s-N as well: the twin in the other language has the same ones."""
    from docutils import nodes

    for number, section in enumerate(doctree.findall(nodes.section)):
        section["ids"].append(f"s-{number}")


def lead_across(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Tell templates where the page in the other language is."""
    other = {"es": "en", "en": "es"}[app.config.language]
    context["twin"] = "../" * (page.count("/") + 1) + f"{other}/{page}.html"
    context["twin_lang"] = other
