"""A lesson as a lecture: stacks of slides made of blocks, which the browser then lays out so that none overflows."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mlprod.authoring.navigation import without_switch
from mlprod.language import Language
from mlprod.publish import code, outputs, prose

NAVIGATION = re.compile(r"\*[^*\n]*\]\([^*\n]*\)\*\n*")  # the line under the title: links to other notebooks
GOALS: dict[Language, str] = {"es": "Al terminar sabrás", "en": "By the end you will be able to"}
WORDS: dict[Language, dict[str, str]] = {
    "es": {"code": "Código completo", "minutes": "minutos"},
    "en": {"code": "The whole code", "minutes": "minutes"},
}


@dataclass(frozen=True)
class Block:
    """A piece of a slide. `kind` is a CSS class; `leads` keeps it with the next one; `note` is said, not shown.

    Blocks with the same `fragment`, if not 0, appear together when the speaker goes on.
    """

    kind: str
    html: str
    note: str = ""
    leads: bool = False
    fragment: int = 0


@dataclass
class Slide:
    """`level` 2 begins a stack, 3 stands below it; `kind`: title, section or plain."""

    title: str
    kind: str = "plain"
    starts_stack: bool = False
    goes_on: bool = False  # has no heading of its own, only the one before
    blocks: list[Block] = field(default_factory=list)


def slides(notebook: Any, lang: Language) -> list[list[Slide]]:
    """The lecture of an executed lesson: stacks from left to right, slides from top to bottom."""
    reader = _Reader(lang)
    for cell in notebook.cells:
        reader.read(cell)
    found = [slide for slide in reader.slides if slide.blocks or slide.kind != "plain"]
    stacks: list[list[Slide]] = []
    for slide in found:
        if slide.starts_stack or not stacks:
            stacks.append([])
        stacks[-1].append(slide)
    return stacks


class _Reader:
    def __init__(self, lang: Language) -> None:
        self.lang = lang
        self.slides: list[Slide] = []
        self.numbers = self.cells = 0

    def read(self, cell: Any) -> None:
        mark = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if mark == "skip" or "parameters" in cell.metadata.get("tags", []):
            return
        text = NAVIGATION.sub("", cell.source, count=1) if not self.slides else without_switch(cell.source)
        if mark == "notes":
            if self.slides:
                self._add(Block("said", "", note=prose.render(text) if cell.cell_type == "markdown" else ""))
            return
        blocks = self._prose(text) if cell.cell_type == "markdown" else self._code(cell)
        heading = cell.cell_type == "markdown" and text.lstrip().startswith("#")
        if mark in ("slide", "subslide") and not heading and self.slides:
            self.slides.append(Slide(self.slides[-1].title, starts_stack=mark == "slide", goes_on=mark == "subslide"))
        self.cells += 1
        for block in blocks:
            self._add(replace(block, fragment=self.cells) if mark == "fragment" else block)

    def _add(self, block: Block) -> None:
        if not self.slides:
            self.slides.append(Slide(""))
        self.slides[-1].blocks.append(block)

    def _prose(self, text: str) -> Iterator[Block]:
        for part in prose.parts(text):
            if part.kind == "heading":
                self._heading(part)
            elif part.html:
                if self.slides and self.slides[-1].kind == "title" and self.slides[-1].blocks and part.leads:
                    # what comes after the introduction is a slide of its own: the objectives
                    self.slides.append(Slide(GOALS[self.lang]))
                    continue
                yield Block(part.kind, part.html, part.note, part.leads)

    def _heading(self, part: prose.Part) -> None:
        kind = {1: "title", 2: "section"}.get(part.level, "plain")
        self.slides.append(Slide(part.html, kind, starts_stack=part.level <= 2))

    def _code(self, cell: Any) -> Iterator[Block]:
        """Short code and what it gives; of long code what it gives or, if that is nothing, its outline."""
        shown = [Block(piece.kind, piece.html) for piece in outputs.pieces(cell, self.lang)]
        if "hide-input" in cell.metadata.get("tags", []) or code.is_preparation(cell.source):
            yield from shown
        elif cell.source.count("\n") < code.SHORT and not (shown and code.only_shows(cell.source)):
            yield from [Block("code", code.highlighted(cell.source)), *shown]
        elif shown:
            yield from [*shown, self._folded(cell.source, "")]
        else:
            yield self._folded(cell.source, code.outline(cell.source) or code.beginning(cell.source))

    def _folded(self, text: str, outline: str) -> Block:
        self.numbers += 1
        name = f"code-{self.numbers}"
        label = html.escape(WORDS[self.lang]["code"])
        button = f'<button type="button" class="whole" data-code="{name}">{label}</button>'
        dialog = f'<dialog id="{name}" aria-label="{label}"><form method="dialog"><button>×</button></form>'
        dialog += f'<div tabindex="0" class="scroll">{code.highlighted(text)}</div></dialog>'
        return Block(
            "code folded" if outline else "button", (code.highlighted(outline) if outline else "") + button + dialog
        )
