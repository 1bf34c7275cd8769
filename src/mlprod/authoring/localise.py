"""Code of a shared cell in one language: its comments chosen, `tr(...)` and `LANG` replaced by their literals."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from mlprod.authoring.model import Code
from mlprod.authoring.problems import SourceError
from mlprod.language import LANGUAGES, Language, tr

_COMMENT = re.compile(r"#\s?(es|en):(\s|$)")
_MAGIC = re.compile(r"(\s*)([%!].*)\Z", re.DOTALL)
# a value here needs no parentheses of its own, unless it is one of _LOOSE
_CLOSED = (ast.Call, ast.keyword, ast.List, ast.Tuple, ast.Set, ast.Dict)
_LOOSE = (ast.NamedExpr, ast.Yield, ast.YieldFrom)
_BILINGUAL = re.compile(r"\bLANG\b|\btr\(\s*(?:es|en)\s*=")


@dataclass(frozen=True)
class _Place:
    """Where errors of the code point: its file and the line of the file that holds its first line."""

    path: Path
    first: int

    def error(self, line: int, rule: str, *, es: str, en: str) -> SourceError:
        return SourceError(self.path, self.first + line - 1, rule, tr(es=es, en=en))


def localise(cell: Code, lang: Language, path: Path, *, keep_tr: bool = False) -> str:
    """`cell`'s code in `lang`; with `keep_tr` (graded cells) `tr(...)` stays. Raises SourceError."""
    place = _Place(path, cell.first)
    source = _choose_comments(cell.source, lang, place)
    if source.startswith("%%"):  # another language's cell: only its comments can be chosen
        _no_bilingual_code(source, _Lines(cell.source, source, place))
        return source
    tree = _parse(source, cell.source, place)
    if keep_tr:
        return source
    return _Resolver(source, lang, _Lines(cell.source, source, place)).text(tree)


def uses(code: str, name: str) -> bool:
    """Whether the Python of a cell mentions `name` (cells that are not Python: whether its text does)."""
    if code.startswith("%%"):
        return name in code
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(ast.parse(mask_magics(code))))


def mask_magics(code: str) -> str:
    """`code` with IPython's `%magic` and `!command` lines made into Python of the same length, for parsing only."""
    try:
        ast.parse(code)
        return code  # a line may begin with the % of a sum that goes on
    except SyntaxError:
        pass
    lines, inside = [], _inside_strings(code)
    for number, line in enumerate(code.split("\n"), 1):
        match = _MAGIC.match(line)
        if match and number not in inside:
            line = match[1] + "0".ljust(len(match[2].encode()))
        lines.append(line)
    return "\n".join(lines)


def _inside_strings(code: str) -> set[int]:
    """Lines that a string begun on an earlier line reaches."""
    found: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.STRING:
                found.update(range(token.start[0] + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _choose_comments(source: str, lang: Language, place: _Place) -> str:
    inside = _inside_strings(source)
    lines = []
    for number, line in enumerate(source.split("\n"), 1):
        match = _COMMENT.match(line.lstrip()) if number not in inside else None
        if match is None:
            lines.append(line)
        elif match[1] == lang:
            indent = line[: len(line) - len(line.lstrip())]
            lines.append((indent + "# " + line.lstrip()[match.end() :].strip()).rstrip())
    return "\n".join(lines)


class _Lines:
    """Maps lines of the chosen text back to lines of the cell, for error messages."""

    def __init__(self, original: str, chosen: str, place: _Place) -> None:
        self.place = place
        self.original, self.chosen = original.split("\n"), chosen.split("\n")

    def error(self, line: int, rule: str, *, es: str, en: str) -> SourceError:
        wanted = self.chosen[line - 1] if 0 < line <= len(self.chosen) else ""
        same = self.chosen[: max(line - 1, 0)].count(wanted)  # the n-th such line here is the n-th such line there
        hits = [number for number, text in enumerate(self.original, 1) if text == wanted]
        return self.place.error(hits[same] if same < len(hits) else line, rule, es=es, en=en)


def _parse(source: str, original: str, place: _Place) -> ast.Module:
    try:
        return ast.parse(mask_magics(source))
    except SyntaxError as error:
        raise _Lines(original, source, place).error(
            error.lineno or 1,
            "syntax",
            es=f"no es Python válido: {error.msg}",
            en=f"this is not valid Python: {error.msg}",
        ) from None


def _no_bilingual_code(source: str, lines: _Lines) -> None:
    """Raise SourceError where a `%%magic` cell mentions `LANG` or `tr(es=…)`: nothing would resolve them there."""
    for number, line in enumerate(source.split("\n"), 1):
        if _BILINGUAL.search(line):
            raise lines.error(
                number,
                "tr-in-magic",
                es="en una celda %% no se traduce nada: saca de ella tr(…) y LANG",
                en="nothing is translated in a %% cell: take tr(…) and LANG out of it",
            )


class _Resolver:
    """Rewrites the source from the inside out, by the positions of the syntax tree (bytes of UTF-8)."""

    def __init__(self, source: str, lang: Language, lines: _Lines) -> None:
        self.raw, self.lang, self.lines = source.encode(), lang, lines
        self.starts = [0]
        for line in self.raw.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def text(self, tree: ast.Module) -> str:
        return self._between(tree, 0, len(self.raw), None).decode()

    def _span(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def _between(self, node: ast.AST, begin: int, end: int, parent: ast.AST | None) -> bytes:
        pieces, at = [], begin
        for found, owner in sorted(self._replaceable(node, parent), key=lambda pair: self._span(pair[0])):
            start, stop = self._span(found)
            pieces += [self.raw[at:start], self._replacement(found, owner)]
            at = stop
        return b"".join([*pieces, self.raw[at:end]])

    def _replaceable(self, node: ast.AST, parent: ast.AST | None) -> list[tuple[ast.expr, ast.AST | None]]:
        """The outermost `tr(...)` and `LANG` below `node`, each with the node that holds it."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
            return [(node, parent)]
        if isinstance(node, ast.Name) and node.id == "LANG" and isinstance(node.ctx, ast.Load):
            return [(node, parent)]
        found = [pair for child in ast.iter_child_nodes(node) for pair in self._replaceable(child, node)]
        if found and isinstance(node, ast.JoinedStr):
            # Python 3.11 gives no true positions inside an f-string
            raise self.lines.error(
                node.lineno,
                "tr-in-fstring",
                es="tr(…) o LANG dentro de una f-string: pon la f dentro, tr(es=f'…', en=f'…')",
                en="tr(…) or LANG inside an f-string: put the f inside, tr(es=f'…', en=f'…')",
            )
        return found

    def _replacement(self, node: ast.expr, parent: ast.AST | None) -> bytes:
        if isinstance(node, ast.Name):
            return f'"{self.lang}"'.encode()
        assert isinstance(node, ast.Call)
        values = {keyword.arg: keyword.value for keyword in node.keywords}
        if node.args or set(values) != set(LANGUAGES):
            raise self.lines.error(
                node.lineno,
                "tr-arguments",
                es='tr se llama con los dos idiomas y nada más: tr(es="…", en="…")',
                en='tr is called with both languages and nothing else: tr(es="…", en="…")',
            )
        value = values[self.lang]
        start, stop = self._span(value)
        text = self._between(value, start, stop, node)
        called = isinstance(parent, ast.Call) and parent.func is node
        closed = isinstance(parent, _CLOSED) and not called
        whole = not isinstance(value, _LOOSE) and (closed or (b"\n" not in text and _is_literal(text.decode())))
        return text if whole else b"(" + text + b")"


def _is_literal(text: str) -> bool:
    return isinstance(ast.parse(text, mode="eval").body, ast.Constant | ast.JoinedStr)
