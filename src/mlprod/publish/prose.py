"""Markdown of a lesson as what a slide shows, its main sentences, and what the speaker says: all of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

LONG = 38  # words of a paragraph that a slide shows whole
LONG_ITEM = 30  # the same of an item of a list
QUESTION = re.compile(r"\*\*(Predice|Predict)\b")
# ends a sentence when a capital, a number or markup follows; "p. ej." and the like are followed by small letters
SENTENCE = re.compile(r"(?<=[.!?…])[)\"»*_]*\s+(?=[*_«\"(¿¡`$]*[A-ZÁÉÍÓÚÑ0-9])")
LOCAL_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?://)[^)]*\)")


@dataclass(frozen=True)
class Part:
    """One block of markdown. `level` is a heading's; `kind`: heading, text, question, list, table, diagram, other.

    `html` is what the slide shows; `note` the whole text as HTML when that is less.
    """

    kind: str
    html: str
    level: int = 0
    note: str = ""
    leads: bool = False  # ends in a colon: what follows belongs to it


def parts(text: str) -> list[Part]:
    """The blocks of `text` (markdown) in order. Links to other files of the course lose their link."""
    text = LOCAL_LINK.sub(r"\1", text)
    return [_part(kind, source, token) for kind, source, token in _blocks(text)]


def words(text: str) -> int:
    """How many words a reader counts: a formula or a link's address is one."""
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"\$[^$]*\$", "x", text))
    return len(text.split())


def gist(text: str, limit: int) -> str:
    """The sentences of `text` for a slide, some `limit` words: the first ones and, after them, the first bold one.

    Never less than a sentence, and never half a `**bold**` or half a bracket.
    """
    text = " ".join(text.split())
    if words(text) <= limit:
        return text
    sentences = _sentences(text)
    kept = 1
    while kept < len(sentences) and words(" ".join(sentences[: kept + 1])) <= limit:
        kept += 1
    shown = sentences[:kept]
    for at, sentence in enumerate(sentences[kept:], kept):
        if "**" in sentence and words(" ".join([*shown, sentence])) <= limit * 1.5:
            return " ".join([*shown, *([] if at == kept else ["…"]), sentence])
    return " ".join(shown)


def _sentences(text: str) -> list[str]:
    """`text` cut after its sentences, never inside code, a formula, bold or brackets."""
    found, start = [], 0
    for end in [*(match.start() for match in SENTENCE.finditer(text)), len(text)]:
        end += len(_closing(text, end))
        if _balanced(text[start:end]) or end == len(text):
            found.append(text[start:end].strip())
            start = end
    return list(filter(None, found))


def _closing(text: str, at: int) -> str:
    """Brackets and marks that end the sentence, after its full stop."""
    match = re.match(r"[)\"»*_]+", text[at:])
    return match[0] if match else ""


def _balanced(text: str) -> bool:
    bare = re.sub(r"`[^`]*`", "", text)
    pairs = all(bare.count(mark) % 2 == 0 for mark in ("**", "`", "$"))
    return pairs and bare.count("(") == bare.count(")") and bare.count("[") == bare.count("]")


def _blocks(text: str) -> Iterator[tuple[str, str, Any]]:
    lines = text.split("\n")
    for token in _markdown().parse(text):
        if token.level == 0 and token.map and token.nesting >= 0:
            yield token.type.removesuffix("_open"), "\n".join(lines[token.map[0] : token.map[1]]), token


def _part(kind: str, source: str, token: Any) -> Part:
    leads = source.rstrip().endswith(":")
    match kind:
        case "heading":
            title = source.lstrip("#").strip()
            return Part("heading", _markdown().renderInline(title), level=int(token.tag[1]))
        case "paragraph" if QUESTION.search(source):
            before, question = source[: (at := QUESTION.search(source).start())], source[at:]
            shown = question if words(before) > LONG else source
            return Part("question", render(shown), note=render(source) if shown is not source else "")
        case "paragraph":
            short = gist(source, LONG)
            whole = words(short) == words(source)
            return Part("text", render(short), note="" if whole else render(source), leads=leads and whole)
        case "bullet_list" | "ordered_list":
            short = _short_list(source)
            return Part("list", render(short), note=render(source) if words(short) < words(source) else "")
        case "table":
            return Part("table", render(source))
        case "fence" if token.info.strip() == "mermaid":
            return Part("diagram", f'<pre class="mermaid">{html.escape(token.content)}</pre>')
        case "fence" | "code_block":
            return Part("other", render(source))
        case "hr":
            return Part("other", "")
        case _:
            return Part("other", render(source), leads=leads)


def _short_list(source: str) -> str:
    """The list with each item cut to its gist; nested items stay."""
    items = re.split(r"(?m)^(?=\s*(?:[-*+]|\d+[.)])\s)", source)
    shortened = []
    for item in filter(str.strip, items):
        mark = re.match(r"\s*(?:[-*+]|\d+[.)])\s+", item)
        assert mark is not None, item
        shortened.append(mark[0] + gist(item[mark.end() :], LONG_ITEM))
    return "\n".join(shortened)


def render(text: str) -> str:
    """`text` as HTML, with formulas between MathJax's delimiters."""
    return _markdown().render(text)


@lru_cache(maxsize=1)
def _markdown() -> Any:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def formula(content: str, options: dict) -> str:
        opening, closing = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
        return f"{opening}{html.escape(content)}{closing}"

    parser = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin, renderer=formula)
    parser.add_render_rule("link_open", _external)
    return parser


def _external(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("rel", "noopener")
    return self.renderToken(tokens, index, options, env)
