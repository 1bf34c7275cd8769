"""What a cell gave, for a page without a kernel: figures, tables and text stay, live pages become a note."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from mlprod.language import Language

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# what a card says when the reader wrote no number, and the figures that are then a dash
NO_GUESS = re.compile(
    r"Sin predicción\.(?: La próxima vez[^<]*?se recuerda\.)? ?|No prediction\.(?: Next time[^<]*?you remember\.)? ?"
)
MISSING = re.compile(r"<div[^>]*><dt[^>]*>[^<]*</dt><dd[^>]*>—</dd></div>")
EMPTY = re.compile(r"<p style=\"margin:0\"></p>")
LIVE: dict[Language, str] = {
    "es": "Aquí hay una página viva: abre la lección en JupyterLab para usarla.",
    "en": "A live page is here: open the lesson in JupyterLab to use it.",
}


@dataclass(frozen=True)
class Piece:
    """One output. `kind`: figure, table, card (other HTML), text, note."""

    kind: str
    html: str


def pieces(cell: Any, lang: Language) -> list[Piece]:
    """What `cell` shows, in order; consecutive text is one piece."""
    found: list[Piece] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            text = f'<pre class="out">{html.escape(plain(output.text))}</pre>'
            if output.text.strip():
                found.append(Piece("text", text))
        elif "data" in output and "text/html" in output.data:
            found.append(_html(output.data["text/html"], lang))
        elif "data" in output and "text/plain" in output.data:
            found.append(Piece("text", f'<pre class="out">{html.escape(plain(output.data["text/plain"]))}</pre>'))
    return found


def plain(text: str) -> str:
    """`text` without terminal colours, and of lines that were written over only the last state."""
    lines = ANSI.sub("", text).rstrip("\n").split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def without_guess(markup: str) -> str:
    """A card of `mlprod.predictions` for whoever reads: nobody predicted anything here, only the measure is left."""
    if "<dd" not in markup or not NO_GUESS.search(markup):
        return markup
    return EMPTY.sub("", MISSING.sub("", NO_GUESS.sub("", markup)))


def is_live(markup: str) -> bool:
    """Whether this HTML shows something that a process of the lesson serves while it runs."""
    return bool(re.search(r"<iframe[^>]+127\.0\.0\.1", markup))


def live_note(lang: Language) -> str:
    """What stands where a live page was."""
    return f'<p class="live">{html.escape(LIVE[lang])}</p>'


def _html(markup: str, lang: Language) -> Piece:
    if is_live(markup):
        return Piece("note", live_note(lang))
    markup = without_guess(markup)
    if markup.startswith("<img"):
        return Piece("figure", markup)
    return Piece("table" if markup.startswith("<table") else "card", markup)
