"""Code of a lesson on a slide: whole when it is short; else its outline, and all of it a key away."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any

from mlprod.authoring.localise import mask_magics

SHORT = 18  # lines that fit on a slide, with a title above
SCRIPT = 12  # lines of a longer script that its slide shows
SHOWS = re.compile(r"(tables\.show|compare|choose|sliders\.show)\(")


def is_preparation(code: str) -> bool:
    """Whether a cell does nothing to look at: imports, `start(...)`, or a variable where the reader writes a guess."""
    tree = _parse(code)
    return tree is not None and all(_nothing(node) for node in tree.body)


def only_shows(code: str) -> bool:
    """Whether a cell draws a figure, or does nothing but lay out tables and compare with the prediction."""
    tree = _parse(code)
    if "plots.show(" in code or tree is None:
        return tree is not None
    return all(isinstance(node, ast.Expr) and SHOWS.match(ast.unparse(node)) for node in tree.body)


def beginning(code: str) -> str:
    """The first lines of code that defines nothing."""
    lines = code.split("\n")
    return "\n".join([*lines[:SCRIPT], "…"] if len(lines) > SCRIPT else lines)


def outline(code: str) -> str:
    """Signatures and first lines of docstrings of what `code` defines; empty when it defines nothing."""
    tree = _parse(code)
    if tree is None:
        return ""
    lines = code.split("\n")
    found = [line for node in tree.body for line in _outline(node, lines)]
    while found and not found[0]:
        found.pop(0)
    return "\n".join(found[:SHORT] + (["…"] if len(found) > SHORT else []))


def highlighted(code: str) -> str:
    """`code` as HTML with Pygments' classes."""
    from pygments import highlight
    from pygments.lexers import PythonLexer

    return highlight(code.strip("\n"), PythonLexer(), _formatter())


def style() -> str:
    """The CSS of `highlighted`: a palette with enough contrast on a light card."""
    return _formatter().get_style_defs(".highlight")


@lru_cache(maxsize=1)
def _formatter() -> Any:
    from pygments.formatters import HtmlFormatter

    return HtmlFormatter(style="a11y-high-contrast-light", nobackground=True)


def _parse(code: str) -> ast.Module | None:
    try:
        return ast.parse(mask_magics(code))
    except SyntaxError:  # another language's cell
        return None


def _nothing(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="start"))):
            return True
        case ast.Assign(value=ast.Constant(value=None)) | ast.AnnAssign(value=ast.Constant(value=None)):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
    return False


def _outline(node: ast.stmt, lines: list[str]) -> list[str]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    indent = " " * (node.col_offset + 4)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    last = max(node.lineno, node.body[0].lineno - 1)
    signature = lines[first - 1 : last]
    while len(signature) > 1 and (not signature[-1].strip() or signature[-1].strip().startswith("#")):
        signature.pop()
    found = ["", *signature] if node.col_offset == 0 else signature
    doc = ast.get_docstring(node)
    if doc:
        found.append(f'{indent}"""{doc.splitlines()[0]}"""')
    inner: list[str] = []
    if isinstance(node, ast.ClassDef):
        inner = [line for child in node.body for line in _member(child, lines)]
    if not inner and not doc:
        found[-1] += "" if found[-1].rstrip().endswith("...") else " ..."
    return [*found, *inner]


def _member(node: ast.stmt, lines: list[str]) -> list[str]:
    """A field or a method of a class."""
    return [lines[node.lineno - 1]] if isinstance(node, ast.AnnAssign) else _outline(node, lines)
