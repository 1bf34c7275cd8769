"""The skeleton of a markdown text: what must be the same in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# TeX as Jupyter reads it: no space inside a single $, no digit after the closing one (12 $ is money)
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?! )([^$\n]+?)(?<![ \\])\$(?![\d$])", re.DOTALL)
CODE = re.compile(r"(?ms)^(```|~~~).*?^\1|(?<!`)(`+)(?!`).*?(?<!`)\2(?!`)")


@dataclass
class Skeleton:
    """Parts of a text by kind, each as (value, line offset from 0)."""

    parts: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def add(self, kind: str, value: str, offset: int) -> None:
        self.parts.setdefault(kind, []).append((value, offset))

    def values(self, kind: str) -> list[tuple[str, int]]:
        return self.parts.get(kind, [])


def skeleton(text: str) -> Skeleton:
    """Headings, lists, tables, code, links, images and formulas of `text`."""
    found = Skeleton()
    tokens = _parser().parse(text)
    items: list[list] = []  # open lists: [kind, line, items]
    table, rows = 0, 0  # where the table begins, its rows so far
    for token in tokens:
        offset = token.map[0] if token.map else 0
        match token.type:
            case "heading_open":
                found.add("headings", token.tag, offset)
            case "bullet_list_open" | "ordered_list_open":
                items.append([token.tag, offset, 0])
            case "list_item_open":
                items[-1][2] += 1
            case "bullet_list_close" | "ordered_list_close":
                tag, line, count = items.pop()
                found.add("lists", f"{tag} × {count}", line)
            case "table_open":
                table, rows = offset, 0
            case "tr_open":
                rows += 1
            case "table_close":
                found.add("tables", str(rows), table)
            case "fence" | "code_block":
                found.add("code", _fence(token), offset)
            case "inline":
                _inline(token, offset, found)
    for match in FORMULA.finditer(without_code(text)):
        formula = re.sub(r"\\(text|mathrm|operatorname)\{[^{}]*\}", r"\\\1{}", match[1] or match[2])
        found.add("formulas", " ".join(formula.split()), text.count("\n", 0, match.start()))
    return found


def without_code(text: str) -> str:
    """`text` with its code blocks and spans blanked, every line where it was."""
    return CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def headings(text: str) -> Iterator[str]:
    """The plain text of each heading."""
    tokens = _parser().parse(text)
    for token, inline in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open":
            yield "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def _inline(token: Token, offset: int, found: Skeleton) -> None:
    for child in token.children or ():
        if child.type == "softbreak" or child.type == "hardbreak":
            offset += 1
        elif child.type == "code_inline":
            found.add("code", f"`{child.content}`", offset)
        elif child.type == "link_open":
            found.add("links", str(child.attrGet("href")), offset)
        elif child.type == "image":
            found.add("images", str(child.attrGet("src")), offset)


def _fence(token: Token) -> str:
    """Diagrams and plain text may be translated: then only how long they are counts."""
    info = token.info.strip()
    if info in ("", "mermaid", "text"):
        return f"```{info} × {token.content.count(chr(10))}"
    return f"```{info}\n{token.content}"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table")
